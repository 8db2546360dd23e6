"""The asset `fleet`: all connectors at one look, and a check that is red while any of them needs a person."""

from urllib.parse import quote

import dagster as dg

from coppermind_pipeline.connectors import Fleet, fleet_of, read_all_facts, requests_sent
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.named_calls import in_commands
from coppermind_pipeline.wording import age, count, listed, some_listed

NAME, CHECK = "fleet", "nobody_needed"
_NAMED_MOST = 5


@dg.asset(
    name=NAME,
    group_name="fleet",
    owners=["team:connectors"],
    kinds={"postgres"},
    check_specs=[dg.AssetCheckSpec(CHECK, asset=NAME, description="No connector needs a person.")],
)
def fleet(installation: dg.ResourceParam[Installation]) -> dg.MaterializeResult:
    """All connectors: how many are how, the oldest lag, the ten worst. Reported on each change, and hourly."""
    found = fleet_of(read_all_facts(installation.database), now=installation.database.now())
    passed, said = nobody_needed(found, installation)
    return dg.MaterializeResult(
        metadata=metadata_of(found, installation),
        check_results=[
            dg.AssetCheckResult(
                check_name=CHECK, passed=passed, description=said, metadata=_figures(found, installation)
            )
        ],
    )


def report(instance: dg.DagsterInstance, found: Fleet, installation: Installation) -> None:
    """Materialize the asset and evaluate its check, as events that belong to no run."""
    passed, said = nobody_needed(found, installation)
    instance.report_runless_asset_event(dg.AssetMaterialization(NAME, metadata=metadata_of(found, installation)))
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(NAME),
            check_name=CHECK,
            passed=passed,
            severity=dg.AssetCheckSeverity.ERROR,
            description=said,
            metadata=_figures(found, installation),
        )
    )


def _figures(found: Fleet, installation: Installation) -> dict[str, dg.MetadataValue | int]:
    runbook = dg.MetadataValue.url(installation.settings.runbook_url(CHECK))
    return {"needing_a_person": len(found.needing_person), "runbook": runbook}


def nobody_needed(found: Fleet, installation: Installation) -> tuple[bool, str]:
    """Return whether no connector waits for a person, and that in a sentence which says what to do."""
    needing = found.needing_person
    if not needing:
        return True, "No connector needs a person."
    by_state: dict[str, list[str]] = {}
    for member in needing:
        by_state.setdefault(member.state.value, []).append(member.connector_id)
    states = listed(
        [f"{len(ids)} in {state} ({some_listed(ids, most=_NAMED_MOST)})" for state, ids in by_state.items()]
    )
    return False, (
        f"{count(len(needing), 'connector')} in need of a person: {states}. `coppermind connectors status` and the "
        f"connectors page say of each what to do. More: {installation.settings.runbook_url(CHECK)}"
    )


def metadata_of(found: Fleet, installation: Installation) -> dict[str, dg.MetadataValue | int | float]:
    """Return the fleet in figures, and its worst connectors with where to look at them. Ids are the only names."""
    metadata: dict[str, dg.MetadataValue | int | float] = {
        "connectors": len(found.members),
        "needing_a_person": len(found.needing_person),
        "queue_waiting": found.queue_waiting,
        "queue_dead": found.queue_dead,
        "requests_sent": requests_sent(installation.database),
        **{f"state_{state}": known for state, known in found.by_state.items()},
    }
    if found.oldest_lag is not None:
        metadata["oldest_lag_minutes"] = round(found.oldest_lag.total_seconds() / 60, 1)
    if found.worst:
        metadata["worst"] = dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "connector": member.connector_id,
                        "state": member.state.value,
                        "lag": "" if member.lag is None else age(member.lag),
                        "next_step": in_commands(member.next_step),
                    }
                )
                for member in found.worst
            ]
        )
        metadata["worst_in_dagster"] = dg.MetadataValue.md(
            ", ".join(
                f"[{m.connector_id}](/assets/raw_deals?view=partitions&partition={quote(m.connector_id)})"
                for m in found.worst
            )
        )
    metadata["connectors_page"] = dg.MetadataValue.url(installation.settings.public_url)
    return metadata
