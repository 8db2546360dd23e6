from decimal import Decimal

import pytest

from coppermind_pipeline.crm import late_stages, read_stage_metadata, won_stage_properties
from coppermind_pipeline.crm.portal.stages import contradicts, entered_properties, recorded_outcome
from coppermind_pipeline_tests.crm.portals import stage

THRESHOLD = Decimal("0.8")


@pytest.mark.parametrize(
    ("is_closed", "probability", "outcome"),
    [
        (True, "1.0", "won"),
        (True, "0.99999999", "won"),
        (True, "0.99", "lost"),
        (True, "0.0", "lost"),
        (True, None, "lost"),
        (False, "1.0", "open"),
        (False, "0.2", "open"),
    ],
)
def test_the_outcome_comes_from_the_stage(is_closed, probability, outcome):
    assert stage("s", probability, is_closed=is_closed).outcome == outcome


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"isClosed": "false", "probability": "0.2"}, (False, Decimal("0.2"))),
        ({"isClosed": "true", "probability": "1.0"}, (True, Decimal(1))),
        ({"probability": "1.0"}, (True, Decimal(1))),
        ({"probability": "0.0"}, (True, Decimal(0))),
        ({"probability": "0.5"}, (False, Decimal("0.5"))),
        ({"isClosed": "", "probability": None}, (False, None)),
    ],
)
def test_a_stages_metadata_are_strings(metadata, expected):
    assert read_stage_metadata(metadata) == expected


@pytest.mark.parametrize(
    ("won", "closed", "outcome"),
    [(True, None, "won"), (True, False, "won"), (False, True, "lost"), (None, True, "lost"), (None, None, "open")],
)
def test_without_a_stage_the_deals_own_properties_decide(won, closed, outcome):
    assert recorded_outcome(is_closed_won=won, is_closed=closed) == outcome


@pytest.mark.parametrize(
    ("outcome", "won", "closed", "disagrees"),
    [
        ("won", True, True, False),
        ("won", False, None, True),
        ("lost", False, True, False),
        ("lost", True, None, True),
        ("open", None, True, True),
        ("open", False, False, False),
        ("won", None, None, None),
    ],
)
def test_disagreement_of_stage_and_properties(outcome, won, closed, disagrees):
    assert contradicts(outcome, is_closed_won=won, is_closed=closed) is disagrees


def _late(*stages, threshold=THRESHOLD):
    return {stage_id for _, stage_id in late_stages(stages, threshold=threshold)}


def test_late_stages_have_at_least_the_probability():
    stages = [stage("a", "0.2", 0), stage("b", "0.79999999999", 1), stage("c", "0.9", 2)]
    assert _late(*stages) == {"b", "c"}
    assert _late(*stages, threshold=Decimal("0.85")) == {"c"}


@pytest.mark.parametrize("probability", [None, "0.5", "0.1"])
def test_where_probabilities_say_nothing_the_last_two_open_stages_are_late(probability):
    stages = [stage("c", probability, 3), stage("a", probability, 1), stage("b", probability, 2)]
    closed = [stage("won", "1", 8, is_closed=True), stage("lost", "0", 9, is_closed=True)]
    gone = stage("gone", "0.9", 7, missing=True)
    assert _late(*stages, *closed, gone) == {"b", "c"}


def test_each_pipeline_is_judged_by_itself():
    flat = [stage(f"flat{n}", "0.5", n, pipeline_id="flat") for n in range(4)]
    assert _late(*flat, stage("a", "0.2", 0), stage("b", "0.9", 1)) == {"flat2", "flat3", "b"}


def test_a_single_open_stage_is_late_by_its_probability_only():
    assert _late(stage("only", "0.1")) == set()
    assert _late(stage("only", None)) == set()
    assert _late(stage("only", "0.8")) == {"only"}


@pytest.mark.parametrize(
    ("stage_id", "defined", "names"),
    [
        ("closedwon", (), ("hs_v2_date_entered_closedwon",)),
        ("12345", {"hs_v2_date_entered_12345_678"}, ("hs_v2_date_entered_12345",)),
        ("Won_01A", (), ("hs_v2_date_entered_Won_01A", "hs_v2_date_entered_won_01a")),
        (
            "e24f-11 B",
            {"hs_v2_date_entered_e24f_11_b_1406827437", "hs_v2_date_entered_e24f_11_b_x"},
            (
                "hs_v2_date_entered_e24f-11 B",
                "hs_v2_date_entered_e24f-11 b",
                "hs_v2_date_entered_e24f_11_b",
                "hs_v2_date_entered_e24f_11_b_1406827437",
            ),
        ),
    ],
)
def test_the_names_under_which_a_deal_says_when_it_entered_a_stage(stage_id, defined, names):
    assert entered_properties(stage_id, defined) == names


def test_only_defined_dates_of_won_stages_are_asked_for():
    stages = [stage("closedwon", "1", is_closed=True), stage("x-1", "1", is_closed=True), stage("open", "0.5")]
    defined = {"hs_v2_date_entered_closedwon", "hs_v2_date_entered_x_1", "hs_v2_date_entered_open"}
    assert won_stage_properties(stages, defined) == ("hs_v2_date_entered_closedwon", "hs_v2_date_entered_x_1")
    assert "hs_v2_date_entered_closedwon" in won_stage_properties(stages)
