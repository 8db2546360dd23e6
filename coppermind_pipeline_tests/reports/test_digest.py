"""The digest: each mind of one customer, the worst first, by the reports' own figures, and nobody else's."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from coppermind_pipeline.accounts import Caller, create_customer, create_mind, create_token, list_minds, token_caller
from coppermind_pipeline.errors import UsageError
from coppermind_pipeline.reports import Digest, DigestRequest, ReportRequest, crm_report, digest, memory_tool
from coppermind_pipeline.store import Database
from coppermind_pipeline.tool_calls import ToolArgumentError
from coppermind_pipeline_tests.reports.briefed import fill, follow
from coppermind_pipeline_tests.stored_portal import NOW, StoredPortal


def _digest(database: Database, caller: Caller, **arguments: Any) -> Digest:
    return digest(database, caller, request=DigestRequest.from_arguments(arguments, now=NOW), now=NOW)


def _refused(portal: StoredPortal) -> None:
    error = '{"code": "x", "message": "Refused.", "hint": "Ask an admin.", "at": "2026-11-18T11:00:00Z"}'
    portal.execute("UPDATE connectors SET last_error = CAST(:error AS jsonb) WHERE id = :connector", error=error)
    portal.execute("UPDATE hubspot_polls SET failures = 3, last_failed_at = now() WHERE connector_id = :connector")


def test_the_worst_comes_first_with_what_to_do_and_figures_are_the_reports(database: Database, local_customer: UUID):
    caller = Caller(local_customer)
    for hub, name in enumerate(("broken", "fine"), start=1):
        fill(portal := StoredPortal.create(database, local_customer, mind=name, hub_id=hub))
        if name == "broken":
            _refused(portal)
    create_mind(database, caller, "Awaited", kind="client")
    create_mind(database, caller, "Our own", kind="internal")
    made = _digest(database, caller, since="2026-09-01")
    assert [(each.mind, each.state) for each in made.minds] == [
        ("broken", "error"), ("Awaited", "not_connected"), ("fine", "active")
    ]  # fmt: skip
    assert [[need.what_to_do for need in each.needs] for each in made.minds] == [["Ask an admin."], [], []]
    assert (made.minds_in_all, made.needing_a_person) == (3, 1)
    for mind in list_minds(database, caller):
        told = next((each for each in made.minds if each.mind == mind.name), None)
        if told is not None:
            asked = ReportRequest.from_arguments({"start": "2026-09-01", "end": NOW.date() + timedelta(days=1)})
            report = crm_report(database, mind=mind, request=asked, now=NOW)
            assert (told.won, told.lost) == (report.summary.closed_won, report.summary.closed_lost)
            assert told.last_successful_sync == report.trust.last_successful_sync
    assert made.minds[0].won.deals > 0


def test_what_is_worth_a_look_is_said_where_history_goes_back_to_it(database: Database, local_customer: UUID):
    portal = StoredPortal.create(database, local_customer)
    follow(portal)
    (mind,) = _digest(database, Caller(local_customer), since="2026-09-01").minds
    assert "Open pipeline from $5,000 to $1,236,037" in mind.worth_a_look
    assert "1 open deal lost, $1,000" in mind.worth_a_look
    (mind,) = _digest(database, Caller(local_customer)).minds
    assert mind.worth_a_look == []  # nothing changed in the last seven days
    (mind,) = _digest(database, Caller(local_customer), since="2025-01-01").minds
    assert mind.worth_a_look == []


def test_seven_days_are_the_default(database: Database, local_customer: UUID):
    made = _digest(database, Caller(local_customer))
    assert (made.since, made.until, made.minds) == (date(2026, 11, 11), date(2026, 11, 18), [])
    assert _digest(database, Caller(local_customer), since="2026-10").since == date(2026, 10, 1)
    assert _digest(database, Caller(local_customer), since="2025").since == date(2025, 1, 1)


def test_a_filter_that_waits_to_be_corrected_needs_a_person(database: Database, local_customer: UUID):
    fill(portal := StoredPortal.create(database, local_customer))
    (mind,) = _digest(database, Caller(local_customer)).minds
    assert (mind.state, mind.needs) == ("active", [])
    portal.execute(
        """INSERT INTO connector_problems (connector_id, mind_id, kind, code, message, hint)
           SELECT id, mind_id, 'config', 'setting_not_applied', 'No such property.',
                  'Correct it with `connectors action=configure`.' FROM connectors
            WHERE id = :connector"""
    )
    made = _digest(database, Caller(local_customer))
    assert [need.what_to_do for need in made.minds[0].needs] == [
        f"Correct it with `connectors action=configure connector_id={portal.connector_id}`."
    ]
    assert (made.needing_a_person, made.minds[0].state) == (1, "active")


@pytest.mark.parametrize("format_", ["json", "markdown"])
async def test_no_caller_reads_of_another_customer_and_no_mind_of_another(
    database: Database, local_customer: UUID, format_: str
):
    """Whoever asks, by the shell or by an access token, and whichever of their minds is active."""
    theirs = create_customer(database, "Agency").id
    for hub, (customer, name) in enumerate(((local_customer, "ours"), (local_customer, "sibling"), (theirs, "canary"))):
        portal = StoredPortal.create(database, customer, mind=name, hub_id=910000000 + hub)
        fill(portal, name=f"Secret of {name}", currencies=(("USD", "EUR", "JPY")[hub],))
        _refused(portal)
    for name_of, customer, seen, unseen in (
        ("local", local_customer, ("ours", "sibling"), ("canary", "jpy", "\N{YEN SIGN}", "secret")),
        ("Agency", theirs, ("canary",), ("ours", "sibling", "usd", "eur", "$", "\N{EURO SIGN}", "secret")),
    ):
        token = create_token(database, customer=name_of)
        for caller in (Caller(customer), token_caller(database, token.token)):
            assert caller is not None
            answer = await memory_tool(database, mind=None, caller=caller, action="digest", now=NOW, since="2025-01-01",
                                       format=format_)  # fmt: skip
            shown = answer.model_dump_json()
            assert [each for each in seen if each not in shown] == []
            assert [each for each in unseen if each in shown.lower()] == []
    for each in _digest(database, Caller(local_customer), since="2025-01-01").minds:
        currencies = {amount.currency for amount in (*each.won.amounts, *each.lost.amounts)}
        assert currencies == {"ours": {"USD"}, "sibling": {"EUR"}}[each.mind]


async def test_many_minds_are_paged_and_an_answer_stays_small(database: Database, local_customer: UUID):
    caller = Caller(local_customer)
    for number in range(60):
        create_mind(database, caller, f"{number:03} {'Ü' * 90}")
    seen: list[str] = []
    cursor: str | None = None
    while True:
        answer = await memory_tool(database, mind=None, caller=caller, action="digest", now=NOW, cursor=cursor)
        assert isinstance(answer, Digest)
        assert len(answer.model_dump_json().encode()) < 20_000
        seen += [each.mind[:3] for each in answer.minds]
        cursor = answer.next_cursor
        if cursor is None:
            break
    assert seen == [f"{number:03}" for number in range(60)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"since": "yesterday"}, "since takes a day such as .*, a month .* or a year; not 'yesterday'"),
        ({"since": "2026-12-01"}, "since is 2026-12-01"),
        ({"format": "html"}, "takes json, markdown"),
        ({"cursor": "-1"}, "cursor takes"),
        ({"period": "2026"}, "takes no 'period'"),
    ],
)
async def test_a_wrong_call_is_named(database: Database, local_customer: UUID, arguments: dict[str, Any], said: str):
    with pytest.raises(UsageError, match=said):
        await memory_tool(database, mind=None, caller=Caller(local_customer), action="digest", now=NOW, **arguments)
    with pytest.raises(ToolArgumentError, match="needs a mind"):
        await memory_tool(database, mind=None, caller=Caller(local_customer), action="crm_report", now=NOW)
