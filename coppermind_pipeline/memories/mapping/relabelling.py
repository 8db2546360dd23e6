"""Labels that changed, and which records show them: a new name of one owner is no reason to map a whole portal again.

What is compared are facts about labels, by what they are of and the value that stands in a record. A mapping notes them
beside its checkpoint (`pipeline_stages.applied`), and the next one finds out by them what to map again.
"""

from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any
from uuid import UUID

from sqlalchemy import text

from coppermind_pipeline.crm import Labels
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database

# None: texts with more than one label of the value may be about.
LabelFacts = Mapping[str, Mapping[str, str | None]]
ChangedValues = Mapping[str, Sequence[str]]

# Which columns of a record its text shows by a label, and what that label is of: more than one type may share it.
_OF_BOTH = {
    "owner_id": "owner",
    "source": "source",
    "lifecycle_stage": "lifecyclestage",
    "lead_status": "hs_lead_status",
}
_SHOWN: Mapping[ObjectType, Mapping[str, str]] = {
    ObjectType.CONTACTS: _OF_BOTH,
    ObjectType.COMPANIES: {**_OF_BOTH, "industry": "industry"},
    ObjectType.DEALS: {
        "owner_id": "owner",
        "attributed_source": "source",
        "pipeline_id": "pipeline",
        "stage_id": "stage",
        "deal_type": "dealtype",
        "won_reason": "closed_won_reason",
        "loss_reason": "loss_reason",
    },
}
_Facts = defaultdict[str, defaultdict[str, list[Any]]]


def label_facts(labels: Labels, *, loss_reason_property: str) -> LabelFacts:
    """Return all that the texts' labels follow from, so that a label differs only where its fact does."""
    facts: _Facts = defaultdict(lambda: defaultdict(list))
    for owner_id, owner in labels.owners.items():
        facts["owner"][owner_id].append(owner.name)
    for pipeline_id, label in labels.pipelines.items():
        facts["pipeline"][pipeline_id].append(label)
    # A stage that a deal's own pipeline does not have is looked for in the others.
    for (pipeline_id, stage_id), stage in sorted(labels.stages.items()):
        facts["stage"][stage_id].append((pipeline_id, stage.label))
    # A source has its label from the definition of any type. Records hold an option without the space around it.
    renamed = {"hs_analytics_source": "source", loss_reason_property: "loss_reason"}
    for object_type, definitions in sorted(labels.definitions.items()):
        for name, definition in sorted(definitions.items()):
            for option, label in definition.options.items():
                for what in {name, renamed.get(name, name)}:
                    facts[what][option.strip()].append((object_type.value, option, label))
    return {what: {value: repr(told) for value, told in of_what.items()} for what, of_what in facts.items()}


def changed_values(before: LabelFacts, now: LabelFacts) -> ChangedValues:
    """Return the values whose label may have changed, by what they are of."""
    changed = {
        what: [value for value in {**had, **has} if had.get(value, "") != has.get(value, "")]
        for what in {**before, **now}
        for had, has in [(before.get(what, {}), now.get(what, {}))]
    }
    return {what: values for what, values in changed.items() if values}


def while_changing(before: LabelFacts, changed: ChangedValues) -> LabelFacts:
    """Return the facts to go by until all that shows a changed label is mapped: of those values none holds."""
    return {what: {**before.get(what, {}), **dict.fromkeys(changed.get(what, ()))} for what in {**before, **changed}}


def records_showing(
    database: Database,
    mind_id: UUID,
    connector_id: str,
    object_type: ObjectType,
    changed: ChangedValues,
    *,
    mapped_until: int,
    records_max: int,
) -> Generator[Sequence[str]]:
    """Yield the ids of the records that show one of the changed labels, of those that have not changed since.

    The portal's records are read through once: a label that is renamed may be any of a dozen columns', and an index of
    each would cost every sync more than a rename is worth.
    """
    shown = _SHOWN[object_type]
    if changed.keys().isdisjoint(shown.values()):
        return
    values = {column: list(changed.get(what, ())) for column, what in shown.items()}
    with database.mind(mind_id) as connection:
        found = connection.execution_options(yield_per=records_max).scalars(
            text(_SHOWING[object_type]), {**values, "connector": connector_id, "mapped_until": mapped_until}
        )
        with closing(found):
            yield from found.partitions(records_max)


# A property may hold several values, joined by `;`.
_SHOWS = r"""(record.{column} = ANY(CAST(:{column} AS text[]))
        OR position(';' IN record.{column}) > 0
       AND regexp_split_to_array(record.{column}, '\s*;\s*') && CAST(:{column} AS text[]))"""

_SHOWING = {
    object_type: f"""
SELECT record.hubspot_id FROM hubspot_crm_objects AS record
 WHERE record.connector_id = :connector AND record.object_type = '{object_type}' AND record.change_seq <= :mapped_until
   AND ({" OR ".join(_SHOWS.format(column=column) for column in shown)})
"""  # noqa: S608 - our own list of columns
    for object_type, shown in _SHOWN.items()
}
