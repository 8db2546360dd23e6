"""What the checks of a connector say, by its facts and the clock alone; and that they agree with its state."""

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.connectors import Condition, ConnectorFacts, Finding, OperationalState, Severity, fleet_of
from coppermind_pipeline.connectors.status.conditions import conditions
from coppermind_pipeline.connectors.status.states import operational_state, trouble
from coppermind_pipeline_tests.connectors.status.examples import CAUSES, ERROR, NO_POLL, NOW, PROBLEM, ago, facts

# A synthesis of the current week; without one it would be late.
_IN_ORDER: dict[str, Any] = {
    "backfill": {"first_completed_at": ago(days=8)},
    "synthesis": {"period_key": "2026-W47", "published_at": ago(days=2), "memories": 5},
}
_USER_LEVEL = {**PROBLEM, "code": "user_level_app", "message": "The app is installed for a user."}
_FILTERS = {"config": {"hubspot_excluded_domains": ["acme.com"]}}


def _profile(count: int, of: int) -> dict[str, Any]:
    return {"portal": {"profile": {"filtered": {"contacts": {"count": count, "of": of}}}}}


# condition, facts that break it, its severity and cause, a word of what to do
_BROKEN: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("authorized", CAUSES["auth_error"], "error", "c", "h"),
    ("authorized", {"problems": [{"kind": "scope", **PROBLEM}]}, "error", "c", "h"),
    ("scopes_granted", {"problems": [{"kind": "scope", **PROBLEM}]}, "error", "c", "h"),
    ("scopes_granted", {"problems": [{"kind": "scope", **_USER_LEVEL}]}, "warn", "user_level_app", "h"),
    ("within_rate_limits", CAUSES["rate_limited"], "warn", "paused", "resumes by itself at"),
    ("fresh", CAUSES["error"], "error", "failing", "polls go on meanwhile"),
    ("fresh", CAUSES["stale"], "error", "stale", "coppermind up"),
    ("fresh", {"poll": NO_POLL}, "error", "never_synced", "coppermind up"),
    ("fresh", {"poll": NO_POLL, "connector": {"connected_at": ago(minutes=9)}}, "warn", "first_read", "Nothing"),
    ("backfill_complete", CAUSES["backfilling"], "warn", "running", "by itself"),
    ("backfill_complete", {"backfill": None}, "warn", "not_begun", "by itself"),
    ("hydrated", {"refused_properties": {"deals": 1}}, "warn", "refused", "approve again"),
    ("hydrated", {"skipped_records": {"deals": {"count": 2, "ids": ["1", "2"]}}}, "warn", "skipped", "support"),
    ("labels_resolved", {"label_gaps": {"missing": 3, "missing_of": ["stage"]}}, "warn", "missing", "settings"),
    ("filters_effective", {"problems": [{"kind": "config", **PROBLEM}]}, "error", "c", "h"),
    ("filters_effective", _profile(91, 100), "warn", "remove_nearly_all", "configure"),
    ("filters_effective", {**_profile(0, 9), "connector": _FILTERS}, "warn", "remove_nothing", "configure"),
    ("queue_flowing", CAUSES["queue_backed_up"], "error", "late", "`drain`"),
    ("queue_flowing", {"queue": {"dead": 1}}, "error", "dead", "--replay"),
    ("synthesis_published", CAUSES["synthesis_error"], "warn", "failed", "tried again"),
    ("synthesis_published", {"synthesis": None}, "error", "late", "due_syntheses"),
    ("without_drift", {"drift": {"deals": {"portal_total": 9, "stored_total": 7}}}, "error", "drift", "resync"),
    ("without_internal_values", {"label_gaps": {"internal": 1, "internal_of": ["stage"]}}, "warn", "shown", "label"),
]


def _found(known: ConnectorFacts) -> dict[Condition, Finding]:
    return conditions(known, now=NOW)


def test_a_connector_in_good_order_passes_all():
    found = _found(facts(_IN_ORDER))
    assert list(found) == list(Condition)
    assert [condition for condition, finding in found.items() if not finding.passed] == []


@pytest.mark.parametrize(("condition", "broken_by", "severity", "cause", "to_do"), _BROKEN)
def test_a_broken_condition_says_what_is_wrong_and_what_to_do(
    condition: str, broken_by: dict[str, Any], severity: str, cause: str, to_do: str
):
    found = _found(facts(_IN_ORDER, broken_by))[Condition(condition)]
    assert (found.passed, found.severity, found.cause) == (False, severity, cause)
    assert to_do in found.description


def test_every_condition_can_be_broken():
    assert {condition for condition, *_ in _BROKEN} == set(Condition)


def test_filters_that_nobody_configured_may_remove_nothing():
    assert _found(facts(_IN_ORDER, _profile(0, 9)))[Condition.FILTERS_EFFECTIVE].passed


def test_figures_are_numbers_and_an_errors_own_words_are_told_nobody():
    secret = {**ERROR, "message": "Jane Doe is refused", "code": "request_refused"}
    problems = [{"kind": kind, **PROBLEM, "message": "Jane Doe is refused"} for kind in ("auth", "scope", "config")]
    for change in ({"connector": {"last_error": secret}, "poll": {"failures": 2}}, {"problems": problems}):
        for finding in _found(facts(_IN_ORDER, change)).values():
            assert "Jane" not in finding.description
            assert all(isinstance(figure, int | float) for figure in finding.figures.values())


@pytest.mark.parametrize(
    ("connector", "said"),
    [
        ({"disconnected_at": ago(days=2)}, "by a person on 2026-11-16"),
        ({"replaced_by": "acme-hubspot-wxyz"}, "acme-hubspot-wxyz reads this portal"),
    ],
)
def test_of_a_disconnected_connector_nothing_is_wrong_any_more(connector: dict[str, Any], said: str):
    left = [facts(cause, {"connector": {"status": "inactive", **connector}}) for cause in CAUSES.values()]
    for known in left:
        for finding in _found(known).values():
            assert (finding.passed, finding.cause) == (True, "disconnected")
            assert said in finding.description
    assert fleet_of(left, now=NOW).needing_person == []


def test_an_approval_that_failed_is_told_and_one_that_is_waited_for_is_not():
    pending = {"status": "pending_setup", "connected_at": None}
    assert all(finding.passed for finding in _found(facts({"connector": pending})).values())
    failed = _found(facts({"connector": {**pending, "setup_error": ERROR}}))
    assert [condition for condition, finding in failed.items() if not finding.passed] == ["authorized"]


def test_a_portal_that_needs_a_person_is_left_alone_for_no_limit():
    left_alone = {"poll": {"retry_at": (NOW + timedelta(hours=1)).isoformat()}}
    found = _found(facts(_IN_ORDER, CAUSES["auth_error"], left_alone))
    assert not found[Condition.AUTHORIZED].passed
    assert found[Condition.WITHIN_RATE_LIMITS].passed


# Which conditions can't hold in a state.
_BROKEN_IN = {
    OperationalState.SETUP_ERROR: {Condition.AUTHORIZED},
    OperationalState.AUTH_ERROR: {Condition.AUTHORIZED},
    OperationalState.RATE_LIMITED: {Condition.WITHIN_RATE_LIMITS},
    OperationalState.ERROR: {Condition.FRESH},
    OperationalState.STALE: {Condition.FRESH},
    OperationalState.BACKFILLING: {Condition.BACKFILL_COMPLETE},
    OperationalState.SYNTHESIS_ERROR: {Condition.SYNTHESIS_PUBLISHED},
    OperationalState.QUEUE_BACKED_UP: {Condition.QUEUE_FLOWING},
}
# Broken on their own, in any state.
_APART = {
    Condition.SCOPES_GRANTED, Condition.HYDRATED, Condition.LABELS_RESOLVED, Condition.FILTERS_EFFECTIVE,
    Condition.WITHOUT_DRIFT, Condition.WITHOUT_INTERNAL_VALUES, Condition.SYNTHESIS_PUBLISHED,
    Condition.FRESH, Condition.BACKFILL_COMPLETE,
}  # fmt: skip


@given(
    st.sets(st.sampled_from(sorted(CAUSES))),
    st.sets(st.sampled_from(range(len(_BROKEN)))),
    st.sampled_from(["active", "pending_setup", "inactive"]),
)
def test_checks_agree_with_the_state(causes: set[str], broken: set[int], status: str):
    changes = [CAUSES[cause] for cause in causes] + [_BROKEN[number][1] for number in broken]
    known = facts(_IN_ORDER, *changes, {"connector": {"status": status}})
    found = _found(known)
    red = {condition for condition, finding in found.items() if not finding.passed}
    state = operational_state(known, now=NOW)
    if state is not None:
        assert red >= _BROKEN_IN.get(state, set())
    hidden = trouble(known, now=NOW)
    if hidden is not None:
        assert red >= _BROKEN_IN.get(hidden, set())
    else:
        assert red <= _APART
    fleet = fleet_of([known], now=NOW)
    if fleet.needing_person:
        assert any(not finding.passed and finding.severity is Severity.ERROR for finding in found.values())
        assert fleet.members[0].state is hidden
    for finding in found.values():
        assert finding.passed or re.search(r"[.!]$", finding.description)


@pytest.mark.parametrize(("failures", "is_needed"), [(2, False), (7, False), (8, True)])
def test_a_person_is_needed_where_hubspot_has_not_answered_for_an_hour(failures: int, is_needed: bool):
    error = {**ERROR, "code": "portal_unavailable"}
    known = facts(_IN_ORDER, {"connector": {"last_error": error}, "poll": {"failures": failures}})
    assert bool(fleet_of([known], now=NOW).needing_person) is is_needed
