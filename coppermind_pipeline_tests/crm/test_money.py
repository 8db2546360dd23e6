from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.crm import Money, amount_text, format_money, sums_by_currency

AMOUNTS = st.decimals(min_value=-(10**14), max_value=10**14, places=6)
MONEY = st.builds(Money, AMOUNTS, st.sampled_from(["USD", "EUR", "JPY", None]))


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("125000", "USD", "$125,000"),
        ("125000.00", "USD", "$125,000"),
        ("1250.5", "EUR", "€1,250.50"),
        ("-40", "USD", "-$40"),
        ("1200", "JPY", "¥1,200"),
        ("0", "GBP", "£0"),
        ("1234.5", "XYZ", "1,234.5 XYZ"),
        ("1234", "XXX", "1,234 XXX"),
        ("1234.5", None, "1,234.5 (currency unknown)"),
        ("12345678901234.56", "USD", "$12,345,678,901,234.56"),
    ],
)
def test_amounts_as_a_person_writes_them(amount, currency, text):
    assert format_money(Decimal(amount), currency) == text


def test_amounts_follow_the_locale():
    assert format_money(Decimal(1250), "EUR", locale="de_DE") == "1.250\N{NO-BREAK SPACE}€"


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("125000", "USD", "125000.00"),
        ("0.1", "USD", "0.10"),
        ("5.125000", "USD", "5.125"),
        ("1200", "JPY", "1200"),
        ("7", None, "7.00"),
        ("-3.5", "EUR", "-3.50"),
    ],
)
def test_amounts_as_decimal_strings_keep_every_digit(amount, currency, text):
    assert amount_text(Decimal(amount), currency) == text


@given(AMOUNTS, st.sampled_from(["USD", "JPY", "KWD", "XYZ", None]))
def test_a_decimal_string_has_the_value_of_the_amount(amount, currency):
    assert Decimal(amount_text(amount, currency)) == amount


@given(st.lists(MONEY))
def test_sums_never_mix_currencies_and_lose_nothing(amounts):
    sums = sums_by_currency(amounts)
    assert Counter(s.currency for s in sums) == Counter({money.currency for money in amounts})
    for total in sums:
        micros = sum(int(m.amount.scaleb(6)) for m in amounts if m.currency == total.currency)
        assert int(total.amount.scaleb(6)) == micros


@given(st.lists(MONEY), st.data())
def test_sums_do_not_depend_on_the_order(amounts, data):
    assert sums_by_currency(amounts) == sums_by_currency(data.draw(st.permutations(amounts)))


def test_no_amounts_have_no_sum_rather_than_zero():
    assert sums_by_currency([]) == ()
