"""Filters and settings: what the portal lacks is shown until corrected, and answers say what their figures follow."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coppermind_pipeline.accounts import local_caller, resolve_mind, update_mind
from coppermind_pipeline.connectors import ConnectorStatus, configure, open_portal, status
from coppermind_pipeline.memories import drain, map_records
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports import CrmReport, ReportRequest, crm_report
from coppermind_pipeline.sandbox import RunningSandbox, SandboxConfig
from coppermind_pipeline.store import Database, move_checkpoint
from coppermind_pipeline.sync import SyncContext, found_nothing, normalize
from coppermind_pipeline_tests.connected import Connected, settings_for


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with RunningSandbox(SandboxConfig(contacts=20, companies=8, deals=20, limits=False)) as running:
        yield running


@pytest.fixture
async def connected(database: Database, sandbox: RunningSandbox, tmp_path: Path) -> Connected:
    everything = {"hubspot_backfill_since": "2000-01-01T00:00:00Z"}
    return await Connected.create(database, settings_for(sandbox, tmp_path), config=everything)


def _configure(connected: Connected, **config: object) -> None:
    configure(connected.database, local_caller(connected.database), connected.connector_id, config)


def _status(connected: Connected) -> ConnectorStatus:
    (shown,) = status(connected.database, local_caller(connected.database), now=datetime.now(UTC)).connectors
    return shown


def _report(connected: Connected) -> CrmReport:
    mind = resolve_mind(connected.database, local_caller(connected.database), None)
    request = ReportRequest.from_arguments({"period": "this_year"})
    return crm_report(connected.database, mind=mind, request=request, now=datetime.now(UTC))


def _filters(connected: Connected) -> dict[str, object]:
    return _report(connected).trust.configured_filters[connected.connector_id]


def _caveats(connected: Connected, words: str) -> list[str]:
    return [caveat for caveat in _report(connected).audit.caveats if words in caveat]


def _memories(connected: Connected) -> set[str]:
    """Map and drain; return the object types that have live memories."""
    values = {"connector_id": connected.connector_id, "mind_id": connected.connector.mind_id}
    map_records(connected.database, **values)
    drain(connected.database, **values)
    live = connected.rows(
        "SELECT DISTINCT object_type FROM memories WHERE retired_at IS NULL AND superseded_at IS NULL"
    )
    return {row.object_type for row in live}


async def _idle(connected: Connected) -> bool:
    async with open_portal(connected.database, connected.settings, connected.connector) as client:
        return await found_nothing(SyncContext(connected.database, connected.connector, client))


@pytest.mark.slow
async def test_a_filter_on_a_property_that_the_portal_lacks_stands_until_it_is_corrected(connected: Connected):
    _configure(connected, hubspot_filters={"deals": {"pipelin": "default"}, "contacts": {"lifecyclestage": "customer"}})
    await connected.sync()
    shown = _status(connected)
    (problem,) = shown.hubspot_diagnostics.persistent_errors
    assert problem.kind == "config"
    assert "'pipelin'" in problem.message
    assert "Did you mean 'pipeline'?" in problem.hint
    assert shown.last_error is None
    assert problem.hint == shown.next_step
    assert len(_caveats(connected, "'pipelin'")) == 1
    assert _filters(connected) == {"hubspot_filters": {"contacts": {"lifecyclestage": ["customer"]}}}
    assert _report(connected).trust.record_counts[ObjectType.DEALS].stored == 20
    assert "deals" not in _memories(connected)

    _configure(connected, hubspot_filters={"deals": {"pipeline": "default"}})
    assert "deals" not in _memories(connected), "what is configured is not what records are filtered by yet"
    await connected.sync()
    assert _status(connected).hubspot_diagnostics.persistent_errors == ()
    assert _caveats(connected, "pipelin") == []
    assert "deals" in _memories(connected)
    events = connected.rows("SELECT severity FROM connector_events WHERE code = 'setting_not_applied'")
    assert [event.severity for event in events] == ["warning"]


async def test_a_property_that_vanishes_from_the_portal_makes_its_filter_a_problem(connected: Connected):
    _configure(connected, hubspot_property_filters={"deals": {"dealtype": "newbusiness"}})
    await connected.sync()
    assert _filters(connected) == {"hubspot_property_filters": {"deals": {"dealtype": ["newbusiness"]}}}
    connected.rows("UPDATE hubspot_properties SET missing_since = now() WHERE name = 'dealtype' RETURNING 1")
    normalize(connected.database, connected.connector)
    assert _filters(connected) == {}
    assert "'dealtype'" in _status(connected).hubspot_diagnostics.persistent_errors[0].message


@pytest.mark.slow
async def test_a_change_that_waits_is_told_and_makes_the_next_poll_a_sync(connected: Connected):
    await connected.sync()
    _memories(connected)
    assert await _idle(connected)
    assert _filters(connected) == {}
    _configure(connected, hubspot_excluded_domains=["example.com"], late_stage_probability="0.5")
    assert _filters(connected) == {}
    assert len(_caveats(connected, "takes effect with its next poll")) == 1
    assert not await _idle(connected)
    await connected.sync()
    assert _filters(connected) == {"hubspot_excluded_domains": ["example.com"]}
    assert _caveats(connected, "takes effect") == []

    update_mind(connected.database, local_caller(connected.database), None, domains=["globex.com"])
    assert len(_caveats(connected, "takes effect")) == 1
    assert not await _idle(connected)
    await connected.sync()
    assert _filters(connected)["company_info.domain"] == ["globex.com"]
    _memories(connected)
    assert await _idle(connected)


async def test_a_reason_property_that_deals_lack_is_a_problem_of_the_configuration(connected: Connected):
    _configure(connected, hubspot_loss_reason_property="lost_because")
    await connected.sync()
    (problem,) = _status(connected).hubspot_diagnostics.persistent_errors
    assert "'lost_because'" in problem.message
    _configure(connected, hubspot_loss_reason_property=None)
    await connected.sync()
    assert _status(connected).hubspot_diagnostics.persistent_errors == ()


@pytest.mark.parametrize(
    "filters",
    [
        {
            "hubspot_filters": {
                "deals": {"dealtype": "newbusiness"},
                "contacts": {"lifecyclestage": ["lead", "customer"]},
            }
        },
        {"hubspot_excluded_domains": ["example.com"], "hubspot_excluded_emails": ["a@b.example"]},
        {"hubspot_property_filters": {"hs_analytics_source": ["PAID_SEARCH", "OFFLINE"]}},
        {},
    ],
    ids=str,
)
async def test_filters_alone_are_applied_as_if_all_were_read_again(connected: Connected, filters: dict[str, object]):
    _configure(connected, hubspot_filters={"companies": {"lifecyclestage": "customer"}})
    await connected.sync()
    before = _filtered(connected)
    _configure(connected, **{"hubspot_filters": None, **filters})
    done = normalize(connected.database, connected.connector)
    after = _filtered(connected)
    assert done.read == len(after)
    assert done.changed == len(after.items() - before.items()) > 0
    changed = {ref for ref, row in after.items() if row != before[ref]}
    assert {ref for ref, (_, seq) in after.items() if seq > max(seq for _, seq in before.values())} == changed

    with connected.database.mind(connected.connector.mind_id) as connection:
        move_checkpoint(connection, connected.connector_id, "normalize", 0, rules="others")
    again = normalize(connected.database, connected.connector)
    assert (again.changed, _filtered(connected)) == (0, after)


def _filtered(connected: Connected) -> dict[tuple[str, str], tuple[str | None, int]]:
    """Why each record is filtered, and its last change."""
    return {
        (row.object_type, row.hubspot_id): (row.filtered_reason, row.change_seq)
        for row in connected.rows(
            "SELECT object_type, hubspot_id, filtered_reason, change_seq FROM hubspot_crm_objects"
        )
    }
