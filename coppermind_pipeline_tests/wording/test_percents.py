from decimal import Decimal

from babel.numbers import format_percent
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.wording import exact_percent, percent, report_percent


def test_each_spelling_of_a_percentage():
    rate = Decimal("0.4138")
    assert (percent(rate), report_percent(rate), exact_percent(rate)) == ("41.4%", "41.38 %", "41.38%")
    assert (percent(Decimal(1)), report_percent(Decimal(1)), exact_percent(Decimal(1))) == (
        "100.0%",
        "100.00 %",
        "100%",
    )


@given(st.decimals(min_value=0, max_value=100, places=8))
def test_shares_are_rounded_as_the_locale_does(share: Decimal):
    assert percent(share) == format_percent(share, format="#,##0.0%", locale="en_US")
