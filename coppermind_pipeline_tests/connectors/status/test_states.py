"""Every state, and which one wins where several apply."""

import re
import shlex
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.core import TyperGroup
from typer.main import get_command

from coppermind_pipeline.connectors import STATE_GUIDES, Condition, Freshness, OperationalState, freshness
from coppermind_pipeline.connectors.status.conditions import conditions
from coppermind_pipeline.connectors.status.next_steps import next_step, of_connector
from coppermind_pipeline.connectors.status.states import Headline, headline, operational_state, state_guide
from coppermind_pipeline.connectors.status.status import connector_status
from coppermind_pipeline.interfaces.cli.app import app
from coppermind_pipeline.interfaces.state_words import state_words
from coppermind_pipeline.named_calls import in_commands
from coppermind_pipeline_tests.connectors.status.examples import (
    CAUSES,
    ERROR,
    NO_POLL,
    NOW,
    PROBLEM,
    ago,
    facts,
    last_pull,
)


def test_nothing_wrong_is_active():
    assert operational_state(facts(), now=NOW) is OperationalState.ACTIVE
    assert headline(facts()) is Headline.ACTIVE


@pytest.mark.parametrize("state", CAUSES)
def test_each_cause_alone_makes_its_state(state: str):
    assert operational_state(facts(CAUSES[state]), now=NOW) == state


@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        (a, b)
        for index, a in enumerate(CAUSES)
        for b in list(CAUSES)[index + 1 :]
        if {a, b} != {"queue_backed_up", "draining_queue"}
    ],
)
def test_of_two_causes_the_earlier_one_wins(winner: str, loser: str):
    assert operational_state(facts(CAUSES[loser], CAUSES[winner]), now=NOW) == winner


@given(st.sets(st.sampled_from(list(CAUSES))))
def test_of_any_causes_the_first_one_wins(causes: set[str]):
    in_order = [state for state in CAUSES if state in causes]
    known = facts(*(CAUSES[state] for state in reversed(in_order)))
    assert operational_state(known, now=NOW) == (in_order[0] if in_order else "active")


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"problems": [{"kind": "scope", **PROBLEM, "code": "scope_missing"}]}, "auth_error"),
        ({"problems": [{"kind": "scope", **PROBLEM, "code": "user_level_app"}]}, "active"),
        ({"problems": [{"kind": "config", **PROBLEM}]}, "active"),
        ({"problems": [{"kind": "rate_limit", **PROBLEM}]}, "active"),
        ({"poll": {"retry_at": (NOW + timedelta(seconds=60)).isoformat()}}, "active"),
        ({"poll": {"failures": 1}}, "active"),
        ({"poll": last_pull(minutes=35)}, "active"),
        ({"poll": last_pull(minutes=36), "connector": {"connected_at": ago(minutes=1)}}, "stale"),
        ({"poll": NO_POLL, "connector": {"connected_at": ago(minutes=30)}, "backfill": None}, "backfilling"),
        ({"poll": last_pull(minutes=36), "scans": {"deals": {"page_stored_at": ago(minutes=1)}}}, "active"),
        ({"poll": last_pull(minutes=36), "connector": {"config": {"poll_interval_minutes": 60}}}, "active"),
        ({"backfill": None}, "backfilling"),
        ({"poll": {"last_started_at": ago(seconds=9), "last_failed_at": ago(seconds=1)}}, "active"),
        ({"queue": {"dead": 1}}, "queue_backed_up"),
        ({"queue": {"waiting": 1, "oldest_pending_at": ago(minutes=60)}}, "draining_queue"),
    ],
)  # fmt: skip
def test_the_bounds_of_each_rule(change: dict, state: str):
    assert operational_state(facts(change), now=NOW) == state


_PENDING = {"connector": {"status": "pending_setup", "hub_id": None, "connected_at": None}}
_OPEN_STATE = {"oauth_state": {"expires_at": (NOW + timedelta(hours=1)).isoformat(), "used": False}}


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ((_PENDING, _OPEN_STATE), None),
        ((_PENDING, _OPEN_STATE, {"connector": {"setup_error": ERROR}}), "setup_error"),
        ((_PENDING, {"oauth_state": {"expires_at": ago(seconds=0), "used": False}}), "setup_error"),
        ((_PENDING, {"oauth_state": {"expires_at": ago(hours=1), "used": True}}), None),
        ((_PENDING, {"connector": {"setup_error": ERROR}}, *CAUSES.values()), "setup_error"),
        (({"connector": {"status": "inactive", "setup_error": ERROR}}, *CAUSES.values()), None),
    ],
)
def test_pending_and_inactive_connectors_have_a_state_only_with_an_error_of_their_set_up(
    changes: tuple[dict, ...], state: str | None
):
    assert operational_state(facts(*changes), now=NOW) == state


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((_PENDING,), "pending_setup"),
        (({"backfill": None},), "backfilling"),
        ((CAUSES["backfilling"], CAUSES["syncing"]), "backfilling"),
        ((CAUSES["syncing"],), "syncing"),
        ((CAUSES["auth_error"],), "active"),
        (({"connector": {"status": "inactive"}}, CAUSES["syncing"]), "inactive"),
    ],
)
def test_the_headline_follows_a_connectors_life(changes: tuple[dict, ...], expected: str):
    assert headline(facts(*changes)) == expected


def test_every_state_is_explained_and_has_a_next_step_of_one_sentence():
    assert set(STATE_GUIDES) == set(OperationalState)
    situations = [
        *(facts(cause) for cause in CAUSES.values()),
        facts(),
        facts({"backfill": None}),
        facts({"backfill": None, "connector": {"connected_at": ago(seconds=9)}, "poll": NO_POLL}),
        facts({"poll": last_pull(minutes=900), "connector": {"connected_at": ago(seconds=9)}}),
        facts(_PENDING, _OPEN_STATE),
        facts(_PENDING),
        facts(_PENDING, {"oauth_state": {"expires_at": ago(hours=1), "used": False}}),
        facts({"connector": {"status": "inactive"}}),
        facts({"connector": {"status": "inactive", "replaced_by": "acme-hubspot-wxyz"}}),
        facts({"connector": {"config": {"report_timezone": "Mars/Olympus"}}}),
        facts({"poll": last_pull(minutes=20)}),
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
    error = {"code": code, "message": "m", "at": ago(minutes=3)}
    step = next_step(facts({"connector": {"last_error": error}, "poll": poll}), now=NOW)
    assert words in step
    assert ("by itself" in step) == (words == "by itself")


@pytest.mark.parametrize(("step", "what"), [("raw", "poll"), ("reconciliation", "reconciliation")])
def test_what_failed_is_named(step: str, what: str):
    error = {"code": "portal_unavailable", "message": "m", "at": ago(minutes=3), "step": step}
    assert f"the last {what} failed" in next_step(facts({"connector": {"last_error": error}}), now=NOW)


def test_a_key_that_is_missing_is_no_refusal_of_hubspots():
    problem = {"kind": "auth", **PROBLEM, "code": "encryption_key_missing"}
    told = facts({"problems": [problem], "connector": {"last_error": problem | {"at": NOW}}})
    assert "HubSpot" not in conditions(told, now=NOW)[Condition.AUTHORIZED].description
    assert "HubSpot" not in state_guide(OperationalState.AUTH_ERROR, told).cause
    assert state_words(connector_status(told, now=NOW)).words == "The stored authorization can't be read"


def test_a_refused_authorization_is_told_by_its_own_hint():
    older = [
        {"kind": "config", **PROBLEM, "hint": "Correct the filter."},
        {"kind": "scope", **PROBLEM, "code": "user_level_app", "hint": "Install it for the account."},
    ]
    refused = facts({"problems": [*older, {"kind": "auth", **PROBLEM, "hint": "Approve again."}]})
    assert next_step(refused, now=NOW) == "Approve again."
    assert conditions(refused, now=NOW)[Condition.AUTHORIZED].description.endswith("Approve again.")


@pytest.mark.parametrize(("minutes", "is_overdue"), [(15, False), (17, True), (34, True)])
def test_a_poll_whose_time_has_passed_is_not_called_due(minutes: int, is_overdue: bool):
    step = next_step(facts({"poll": last_pull(minutes=minutes)}), now=NOW)
    assert step.startswith("Nothing is to be done; the next poll is due by ") != is_overdue
    assert ("coppermind up" in step) == is_overdue


@pytest.mark.parametrize("state", ["backfilling", "syncing", "draining_queue"])
def test_work_that_goes_on_hides_no_error(state: str):
    error = {"code": "request_refused", "message": "m", "at": ago(minutes=3)}
    assert "support" in next_step(facts({"connector": {"last_error": error}}, CAUSES[state]), now=NOW)


@pytest.mark.parametrize("mind", ["Acme", "Acme & Söhne", "$(reboot) 'Zoë'", 'The "Acme" `Group` (EU)', "--all"])
@pytest.mark.parametrize("state", STATE_GUIDES)
def test_what_is_said_can_be_run_and_is_about_this_connector(state: OperationalState, mind: str):
    """As it stands, by whoever works on another mind."""
    of_mind = facts({"mind_name": mind})
    commands = get_command(app)
    assert isinstance(commands, TyperGroup)
    said = of_connector(STATE_GUIDES[state].person, of_mind)
    for command in re.findall(r"`(coppermind (?!up)[^`]*)`", in_commands(said)):
        found = commands.make_context("coppermind", shlex.split(command)[1:], resilient_parsing=True)
        group, *arguments = [*found._protected_args, *found.args]
        assert {of_mind.connector.id, str(of_mind.connector.mind_id), mind} & set(arguments), command
        called = commands.commands[group]
        assert isinstance(called, TyperGroup)
        name, *given = arguments
        called.commands[name].make_context(name, given).close()
    for call in re.findall(r"`(?:connectors|memory) action[^`]*`", said):
        assert "connector_id=" in call or "mind=" in call
