"""Every state, and which one wins where several apply."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.connectors import STATE_GUIDES, Freshness, OperationalState, freshness
from coppermind_pipeline.connectors.status.facts import ConnectorFacts
from coppermind_pipeline.connectors.status.next_steps import next_step
from coppermind_pipeline.connectors.status.states import Headline, headline, operational_state

NOW = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)


def _ago(**span: float) -> str:
    return (NOW - timedelta(**span)).isoformat()


# A connector in good order: connected long ago, backfilled, polled a minute ago.
_CONNECTOR = {
    "id": "acme-hubspot-abcd",
    "mind_id": UUID(int=1),
    "customer_id": UUID(int=2),
    "status": "active",
    "hub_id": 7,
    "created_at": _ago(days=9),
    "connected_at": _ago(days=9),
}
_HEALTHY: dict[str, Any] = {
    "connector": _CONNECTOR,
    "mind_name": "Acme",
    "poll": {"last_started_at": _ago(minutes=2), "last_succeeded_at": _ago(minutes=1)},
    "backfill": {"since": _ago(days=700), "started_at": _ago(days=9), "completed_at": _ago(days=8)},
}
_ERROR = {"code": "c", "message": "m", "hint": "h", "at": _ago(minutes=3)}
_PROBLEM = {"code": "c", "message": "m", "hint": "h", "since": _ago(days=1), "last_seen": _ago(minutes=1)}


_NO_POLL = {"last_started_at": None, "last_succeeded_at": None}


def _facts(*changes: dict[str, Any]) -> ConnectorFacts:
    merged = dict(_HEALTHY)
    for change in changes:
        for name, value in change.items():
            merged[name] = {**(merged.get(name) or {}), **value} if isinstance(value, dict) else value
    return ConnectorFacts.model_validate(merged)


def _last_pull(*, minutes: int) -> dict[str, str]:
    return {"last_started_at": _ago(minutes=minutes + 1), "last_succeeded_at": _ago(minutes=minutes)}


# What brings each state about, in order of precedence.
_CAUSES: dict[str, dict[str, Any]] = {
    "auth_error": {"problems": [{"kind": "auth", **_PROBLEM}]},
    "rate_limited": {"poll": {"retry_at": (NOW + timedelta(seconds=61)).isoformat()}},
    "error": {"poll": {"failures": 2}},
    "stale": {"poll": {"last_succeeded_at": _ago(minutes=36)}},
    "backfilling": {"backfill": {"completed_at": None}},
    "syncing": {"poll": {"last_started_at": _ago(seconds=1)}},
    "synthesis_error": {"synthesis": {"period_key": "2026-W47", "error": "e"}},
    "queue_backed_up": {"queue": {"waiting": 1, "oldest_pending_at": _ago(minutes=61)}},
    "draining_queue": {"queue": {"waiting": 1, "oldest_pending_at": _ago(minutes=1)}},
}


def test_nothing_wrong_is_active():
    assert operational_state(_facts(), now=NOW) is OperationalState.ACTIVE
    assert headline(_facts()) is Headline.ACTIVE


@pytest.mark.parametrize("state", _CAUSES)
def test_each_cause_alone_makes_its_state(state: str):
    assert operational_state(_facts(_CAUSES[state]), now=NOW) == state


@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        (a, b)
        for index, a in enumerate(_CAUSES)
        for b in list(_CAUSES)[index + 1 :]
        if {a, b} != {"queue_backed_up", "draining_queue"}
    ],
)
def test_of_two_causes_the_earlier_one_wins(winner: str, loser: str):
    assert operational_state(_facts(_CAUSES[loser], _CAUSES[winner]), now=NOW) == winner


@given(st.sets(st.sampled_from(list(_CAUSES))))
def test_of_any_causes_the_first_one_wins(causes: set[str]):
    in_order = [state for state in _CAUSES if state in causes]
    facts = _facts(*(_CAUSES[state] for state in reversed(in_order)))
    assert operational_state(facts, now=NOW) == (in_order[0] if in_order else "active")


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"problems": [{"kind": "scope", **_PROBLEM, "code": "scope_missing"}]}, "auth_error"),
        ({"problems": [{"kind": "scope", **_PROBLEM, "code": "user_level_app"}]}, "active"),
        ({"problems": [{"kind": "config", **_PROBLEM}]}, "active"),
        ({"problems": [{"kind": "rate_limit", **_PROBLEM}]}, "active"),
        ({"poll": {"retry_at": (NOW + timedelta(seconds=60)).isoformat()}}, "active"),
        ({"poll": {"failures": 1}}, "active"),
        ({"poll": _last_pull(minutes=35)}, "active"),
        ({"poll": _last_pull(minutes=36), "connector": {"connected_at": _ago(minutes=1)}}, "stale"),
        ({"poll": _NO_POLL, "connector": {"connected_at": _ago(minutes=30)}, "backfill": None}, "backfilling"),
        ({"poll": _last_pull(minutes=36), "scans": {"deals": {"page_stored_at": _ago(minutes=1)}}}, "active"),
        ({"poll": _last_pull(minutes=36), "connector": {"config": {"poll_interval_minutes": 60}}}, "active"),
        ({"backfill": None}, "backfilling"),
        ({"poll": {"last_started_at": _ago(seconds=9), "last_failed_at": _ago(seconds=1)}}, "active"),
        ({"queue": {"dead": 1}}, "queue_backed_up"),
        ({"queue": {"waiting": 1, "oldest_pending_at": _ago(minutes=60)}}, "draining_queue"),
    ],
)  # fmt: skip
def test_the_bounds_of_each_rule(change: dict, state: str):
    assert operational_state(_facts(change), now=NOW) == state


_PENDING = {"connector": {"status": "pending_setup", "hub_id": None, "connected_at": None}}
_OPEN_STATE = {"oauth_state": {"expires_at": (NOW + timedelta(hours=1)).isoformat(), "used": False}}


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ((_PENDING, _OPEN_STATE), None),
        ((_PENDING, _OPEN_STATE, {"connector": {"setup_error": _ERROR}}), "setup_error"),
        ((_PENDING, {"oauth_state": {"expires_at": _ago(seconds=0), "used": False}}), "setup_error"),
        ((_PENDING, {"oauth_state": {"expires_at": _ago(hours=1), "used": True}}), None),
        ((_PENDING, {"connector": {"setup_error": _ERROR}}, *_CAUSES.values()), "setup_error"),
        (({"connector": {"status": "inactive", "setup_error": _ERROR}}, *_CAUSES.values()), None),
    ],
)
def test_pending_and_inactive_connectors_have_a_state_only_with_an_error_of_their_set_up(
    changes: tuple[dict, ...], state: str | None
):
    assert operational_state(_facts(*changes), now=NOW) == state


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((_PENDING,), "pending_setup"),
        (({"backfill": None},), "backfilling"),
        ((_CAUSES["backfilling"], _CAUSES["syncing"]), "backfilling"),
        ((_CAUSES["syncing"],), "syncing"),
        ((_CAUSES["auth_error"],), "active"),
        (({"connector": {"status": "inactive"}}, _CAUSES["syncing"]), "inactive"),
    ],
)
def test_the_headline_follows_a_connectors_life(changes: tuple[dict, ...], expected: str):
    assert headline(_facts(*changes)) == expected


def test_every_state_is_explained_and_has_a_next_step_of_one_sentence():
    assert set(STATE_GUIDES) == set(OperationalState)
    situations = [
        *(_facts(cause) for cause in _CAUSES.values()),
        _facts(),
        _facts({"backfill": None}),
        _facts({"backfill": None, "connector": {"connected_at": _ago(seconds=9)}, "poll": _NO_POLL}),
        _facts({"poll": _last_pull(minutes=900), "connector": {"connected_at": _ago(seconds=9)}}),
        _facts(_PENDING, _OPEN_STATE),
        _facts(_PENDING),
        _facts(_PENDING, {"oauth_state": {"expires_at": _ago(hours=1), "used": False}}),
        _facts({"connector": {"status": "inactive"}}),
        _facts({"connector": {"status": "inactive", "replaced_by": "acme-hubspot-wxyz"}}),
        _facts({"connector": {"config": {"report_timezone": "Mars/Olympus"}}}),
    ]
    steps = [next_step(facts, now=NOW) for facts in situations]
    assert len(set(steps)) == len(steps)
    for step in steps:
        assert step.strip(), step
        assert ". " not in step


@pytest.mark.parametrize(
    ("last_pull", "expected"), [(None, Freshness.NEVER_SYNCED), (35, Freshness.FRESH), (36, Freshness.STALE)]
)
def test_freshness_is_two_intervals_and_five_minutes(last_pull: int | None, expected: Freshness):
    last_pull_at = None if last_pull is None else NOW - timedelta(minutes=last_pull)
    assert freshness(last_pull_at=last_pull_at, poll_interval_minutes=15, now=NOW) is expected


@pytest.mark.parametrize(
    ("code", "poll", "words"),
    [
        ("portal_unavailable", {"failures": 1}, "by itself"),
        ("portal_unavailable", {"failures": 2}, "status.hubspot.com"),
        ("request_refused", {"failures": 1}, "support"),
        ("request_refused", {"failures": 2}, "support"),
    ],
)
def test_only_what_can_pass_is_said_to(code: str, poll: dict[str, int], words: str):
    error = {"code": code, "message": "m", "at": _ago(minutes=3)}
    step = next_step(_facts({"connector": {"last_error": error}, "poll": poll}), now=NOW)
    assert words in step
    assert ("by itself" in step) == (words == "by itself")


@pytest.mark.parametrize("state", ["backfilling", "syncing", "draining_queue"])
def test_work_that_goes_on_hides_no_error(state: str):
    error = {"code": "request_refused", "message": "m", "at": _ago(minutes=3)}
    assert "support" in next_step(_facts({"connector": {"last_error": error}}, _CAUSES[state]), now=NOW)
