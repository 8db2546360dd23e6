from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.wording import amount_text, money

AMOUNTS = st.decimals(min_value=-(10**14), max_value=10**14, places=6)


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
    assert money(Decimal(amount), currency) == text


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
