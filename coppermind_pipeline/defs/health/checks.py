"""Asset checks: the conditions that an operator must see of each connector, on the assets that they are about.

A run evaluates those of its assets at its end, in one step per group; `health` reports them of connectors for which
nothing runs. What each one is judged by is `connectors/status/conditions.py`.
"""

from collections.abc import Iterator

import dagster as dg

from coppermind_pipeline.connectors import Condition, Finding, Severity, evaluate
from coppermind_pipeline.defs.installation import Installation
from coppermind_pipeline.defs.partitions import connectors
from coppermind_pipeline.named_calls import in_commands

# By the step that evaluates them: condition → asset, and what is asked.
_OF_SYNC = {
    Condition.AUTHORIZED: ("property_definitions", "HubSpot accepts our authorization."),
    Condition.SCOPES_GRANTED: ("property_definitions", "HubSpot grants all that we ask for, of the whole account."),
    Condition.WITHIN_RATE_LIMITS: ("property_definitions", "HubSpot asks for no pause."),
    Condition.FRESH: ("raw_deals", "Polls succeed, and what is stored is no older than status and reports call fresh."),
    Condition.HYDRATED: ("hubspot_crm_objects", "HubSpot lets us read every property of every record."),
    Condition.FILTERS_EFFECTIVE: ("hubspot_crm_objects", "The portal has what filters name, and they remove some."),
    Condition.BACKFILL_COMPLETE: ("hubspot_associations", "History is read; until then, reports say they are early."),
    Condition.LABELS_RESOLVED: ("record_memories", "HubSpot has a label for all that memories name."),
    Condition.WITHOUT_INTERNAL_VALUES: ("record_memories", "No memory shows a value as HubSpot stores it."),
    Condition.QUEUE_FLOWING: ("memories", "No memory waits for long to be written, and none has failed for good."),
}
_OF_RECONCILIATION = {
    Condition.WITHOUT_DRIFT: ("reconciliation", "HubSpot counts as many records in the window as are stored."),
}
_OF_SYNTHESIS = {
    Condition.SYNTHESIS_PUBLISHED: ("marketing_synthesis", "The current period's synthesis is published, once due."),
}
_PLACES = _OF_SYNC | _OF_RECONCILIATION | _OF_SYNTHESIS


def _checks(step: str, places: dict[Condition, tuple[str, str]]) -> dg.AssetChecksDefinition:
    """Return the checks that one step evaluates, whichever of them are asked for, after the last of their assets."""

    @dg.multi_asset_check(
        name=step,
        specs=[
            dg.AssetCheckSpec(condition.value, asset=asset, description=asked, partitions_def=connectors)
            for condition, (asset, asked) in places.items()
        ],
        can_subset=True,
    )
    def evaluated(
        context: dg.AssetCheckExecutionContext, installation: dg.ResourceParam[Installation]
    ) -> Iterator[dg.AssetCheckResult]:
        wanted = {Condition(key.name) for key in context.selected_asset_check_keys}
        for condition, finding in evaluate(installation.database, context.partition_key, wanted).items():
            yield dg.AssetCheckResult(
                asset_key=_PLACES[condition][0],
                check_name=condition.value,
                passed=finding.passed,
                severity=_SEVERITIES[finding.severity],
                description=_said(installation, condition, finding),
                metadata=_metadata(installation, condition, finding),
            )

    return evaluated


# With the assets of a sync, of a reconciliation, of a synthesis.
OF_SYNC = [_checks("checks_of_sync", _OF_SYNC)]
OF_RECONCILIATION = [_checks("checks_of_reconciliation", _OF_RECONCILIATION)]
OF_SYNTHESIS = [_checks("checks_of_synthesis", _OF_SYNTHESIS)]
ALL = [*OF_SYNC, *OF_RECONCILIATION, *OF_SYNTHESIS]


def _said(installation: Installation, condition: Condition, finding: Finding) -> str:
    said = in_commands(finding.description)
    if finding.passed:
        return said
    return f"{said} More: {installation.settings.runbook_url(condition)}"


def _metadata(
    installation: Installation, condition: Condition, finding: Finding
) -> dict[str, float | dg.MetadataValue]:
    return {**finding.figures, "runbook": dg.MetadataValue.url(installation.settings.runbook_url(condition))}


_SEVERITIES = {Severity.WARN: dg.AssetCheckSeverity.WARN, Severity.ERROR: dg.AssetCheckSeverity.ERROR}


def report(
    instance: dg.DagsterInstance,
    installation: Installation,
    condition: Condition,
    finding: Finding,
    *,
    connector_id: str,
    reporter: str,
) -> None:
    """Store what is so of a connector as an event that belongs to no run.

    `reporter` stands where a run's id would, a new one each time: under the empty id of what Dagster calls runless it
    takes one evaluation of each check and partition, ever (the index `idx_asset_check_executions_unique`).
    """
    evaluation = dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(_PLACES[condition][0]),
        check_name=condition.value,
        passed=finding.passed,
        severity=_SEVERITIES[finding.severity],
        description=_said(installation, condition, finding),
        metadata=_metadata(installation, condition, finding),
        partition=connector_id,
    )
    event = dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value, job_name="", event_specific_data=evaluation
    )
    instance.report_dagster_event(event, run_id=reporter)
