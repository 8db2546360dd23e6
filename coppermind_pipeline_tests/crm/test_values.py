from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coppermind_pipeline.crm.values import (
    YEAR_MAX,
    YEAR_MIN,
    id_order,
    read_boolean,
    read_date,
    read_datetime,
    read_decimal,
    read_probability,
    read_text,
    storable_text,
)

ANY_TEXT = st.text(st.characters())  # lone surrogates and U+0000 included


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("43", "43"),
        (" -12.50 ", "-12.50"),
        ("+7", "7"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e5", "100000"),
        ("1.5E3", "1500"),
        ("-0", "0"),
        ("0e9", "0"),
        ("1e-400", "0"),
        ("0.200000000000000011102230246251565404236316680908203125", "0.2"),
        ("8.600000000000000477395900588817312382161617279052734375", "8.6"),
        ("2.0000005", "2.000001"),
        ("999999999999999.99", "999999999999999.99"),
    ],
)
def test_a_plain_number_is_read_exactly_to_six_places(value, number):
    assert read_decimal(value) == Decimal(number)
    assert "E" not in str(read_decimal(value))
    assert str(read_decimal(value)).startswith("-") is (Decimal(number) < 0)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "1,000.50",
        "1.000,50",
        "1 000",
        "1_000",
        "$5",
        "5 USD",
        "NaN",
        "sNaN",
        "Infinity",
        "-inf",
        "1e400",
        "12345678901234567890",
        "1000000000000000",
        "0x10",
        "١٢",
        "five",
        "1e",
        "--1",
        "1" * 500,
        "1\0",
    ],
)
def test_what_is_no_plain_number_of_a_crm_is_not_guessed(value):
    assert read_decimal(value) is None


@given(ANY_TEXT | st.decimals().map(str) | st.floats().map(repr) | st.integers().map(str))
@example("1e-999")
@example("-999999999999999.9999995")
def test_reading_a_number_never_raises_and_fits_numeric_30_6(value):
    number = read_decimal(value)
    if number is not None:
        whole, _, places = str(number).lstrip("-").partition(".")
        assert whole.isdecimal()
        assert len(whole) <= 16
        assert len(places) <= 6


@given(st.decimals(min_value=-(10**14), max_value=10**14, places=6))
def test_a_number_within_the_limits_keeps_its_value(number):
    assert read_decimal(str(number)) == number


@pytest.mark.parametrize(
    ("value", "probability"),
    [
        ("0.200000000000000011102230246251565404236316680908203125", "0.2"),
        ("1.0", "1"),
        ("0.99995", "1"),
        ("0.33333", "0.3333"),
        ("20", None),
        ("-0.1", None),
        ("", None),
    ],
)
def test_probabilities_have_four_places_between_0_and_1(value, probability):
    assert read_probability(value) == (None if probability is None else Decimal(probability))


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2025-04-03T12:59:10.726Z", datetime(2025, 4, 3, 12, 59, 10, 726000, UTC)),
        ("2024-10-28T16:39:01.173000Z", datetime(2024, 10, 28, 16, 39, 1, 173000, UTC)),
        ("2025-04-03T12:59:10-0400", datetime(2025, 4, 3, 16, 59, 10, 0, UTC)),
        ("2025-04-03 12:59:10", datetime(2025, 4, 3, 12, 59, 10, 0, UTC)),
        ("2025-04-03", datetime(2025, 4, 3, tzinfo=UTC)),
        (" 2025-04-03 ", datetime(2025, 4, 3, tzinfo=UTC)),
        ("1743685150726", datetime(2025, 4, 3, 12, 59, 10, 726000, UTC)),
        ("1712121212121", datetime(2024, 4, 3, 5, 13, 32, 121000, UTC)),
    ],
)
def test_iso_texts_milliseconds_and_bare_dates_are_moments(value, moment):
    read = read_datetime(value)
    assert read == moment
    assert read is not None
    assert read.utcoffset() == UTC.utcoffset(None)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "redacted",
        "0",
        "20250403",
        "1743685150",
        "04/03/2025",
        "2025-02-30",
        "0001-01-01",
        "9999-12-31T23:59:59-12:00",
        "21024-03-01",
        "9" * 15,
        "9" * 5000,
        "-1743685150726",
        "2025-04-03T12:59:10Z[UTC]",
        "next week",
        "\0",
    ],
)
def test_a_date_that_is_no_date_is_none(value):
    assert read_datetime(value) is None


@given(ANY_TEXT | st.integers().map(str) | st.datetimes().map(str) | st.datetimes(timezones=st.timezones()).map(str))
@example("0001-01-01T00:00:00+14:00")
@example("2999-12-31T23:59:59-12:00")
def test_reading_a_moment_never_raises_and_fits_timestamptz(value):
    moment = read_datetime(value)
    if moment is not None:
        assert moment.utcoffset() == UTC.utcoffset(None)
        assert YEAR_MIN - 1 <= moment.year <= YEAR_MAX + 1


@given(st.datetimes(datetime(1971, 1, 1), datetime(2900, 1, 1)))  # noqa: DTZ001  # hypothesis wants naive bounds
def test_the_same_moment_is_read_from_text_and_from_milliseconds(naive):
    moment = naive.replace(tzinfo=UTC, microsecond=naive.microsecond // 1000 * 1000)
    in_ms = round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)
    assert read_datetime(str(in_ms)) == read_datetime(moment.isoformat()) == moment


def test_a_date_property_is_a_day_without_zone():
    assert read_date("2024-03-31") == read_date("1711843200000") == date(2024, 3, 31)
    assert read_date("soon") is None


@pytest.mark.parametrize(
    ("value", "truth"),
    [("true", True), ("TRUE ", True), ("1", True), ("false", False), ("0", False), ("", None), ("maybe", None)],
)
def test_booleans(value, truth):
    assert read_boolean(value) is truth


@given(ANY_TEXT)
@example("a\0b\ud83dc")
def test_text_is_always_what_postgresql_can_hold(value):
    stored = storable_text(value)
    assert "\0" not in stored
    assert stored.encode("utf-8").decode("utf-8") == stored
    assert storable_text(stored) == stored
    assert len(stored) == len(value)


def test_texts_lose_surrounding_space_and_have_a_limit():
    assert read_text("  Ann\0a ") == "Ann\ufffda"
    assert read_text("  ") is None
    assert read_text("x" * 65_536) is None
    assert read_text("x" * 5_000, chars_max=5_000) == "x" * 5_000


def test_ids_compare_as_numbers():
    assert min(["10", "9", "x", "010", "123456789012345678901"], key=id_order) == "9"
    assert sorted(["10", "9", "100"], key=id_order) == ["9", "10", "100"]


@given(st.lists(st.integers(min_value=1)))
def test_the_order_of_ids_is_that_of_their_numbers(numbers):
    assert sorted(map(str, numbers), key=id_order) == [str(n) for n in sorted(numbers)]
