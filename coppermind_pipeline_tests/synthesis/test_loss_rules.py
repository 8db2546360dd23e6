import pytest

from coppermind_pipeline.synthesis import LOSS_RULES, Theme, theme_of


@pytest.mark.parametrize(
    ("reason", "theme"),
    [
        ("Too expensive for what it does", Theme.PRICE),
        ("PRICE", Theme.PRICE),
        ("no budget until next quarter", Theme.PRICE),
        ("budget_cut", Theme.PRICE),
        ("Zu teuer", Theme.PRICE),
        ("Presupuesto congelado", Theme.PRICE),
        ("Went with HubSpot instead", Theme.COMPETITOR),
        ("chose a competitor with a lower price", Theme.COMPETITOR),
        ("Lost to incumbent", Theme.COMPETITOR),
        ("they picked another vendor", Theme.COMPETITOR),
        ("Going to build it themselves", Theme.IN_HOUSE),
        ("went with an in-house solution", Theme.IN_HOUSE),
        ("Doing it internally", Theme.IN_HOUSE),
        ("ghosted us after the demo", Theme.NO_RESPONSE),
        ("No response", Theme.NO_RESPONSE),
        ("Prospect didn\u2019t respond to pricing", Theme.NO_RESPONSE),
        ("went dark", Theme.NO_RESPONSE),
        ("couldn't reach them", Theme.NO_RESPONSE),
        ("Our champion left", Theme.CHAMPION_LEFT),
        ("The CMO has left and a reorg is under way", Theme.CHAMPION_LEFT),
        ("company was acquired", Theme.CHAMPION_LEFT),
        ("Missing Salesforce integration", Theme.FEATURE),
        ("product doesn't support SSO", Theme.FEATURE),
        ("not a good fit", Theme.NO_NEED),
        ("No need", Theme.NO_NEED),
        ("They don't need it", Theme.NO_NEED),
        ("not interested", Theme.NO_NEED),
        ("Timing", Theme.TIMING),
        ("not now, maybe next year", Theme.TIMING),
        ("Not a priority", Theme.TIMING),
        ("failed the security review", Theme.LEGAL),
        ("No decision", Theme.NO_DECISION),
        ("project cancelled", Theme.NO_DECISION),
        ("Sonstiges", Theme.OTHER),
        ("priceless collaboration", Theme.OTHER),  # whole words only
    ],
)
def test_a_reason_belongs_to_the_theme_that_a_person_would_name(reason, theme):
    assert theme_of(reason) is theme


def test_the_table_has_one_row_for_each_theme_but_the_last():
    assert [rule.theme for rule in LOSS_RULES] == [theme for theme in Theme if theme is not Theme.OTHER]
