"""Records as the API answers them."""

from collections.abc import Iterable, Sequence
from typing import Any

from coppermind_pipeline.sandbox.portal.object_kinds import ObjectKind
from coppermind_pipeline.sandbox.portal.portal import Portal
from coppermind_pipeline.sandbox.portal.record_store import StoredRecord
from coppermind_pipeline.sandbox.timestamps import iso


def render(
    portal: Portal, kind: ObjectKind, records: Iterable[StoredRecord], names: Sequence[str] | None
) -> list[dict[str, Any]]:
    """Spell records with the named properties (None: the kind's default ones).

    Names that the portal does not define are left out without a word; creation, modification and id always come.
    """
    template = portal.definitions[kind].template(kind.default_properties if names is None else tuple(names))
    spell = _spelled_with_nulls if portal.switches.unset_as_null else _spelled_where_set
    link = f"https://{portal.account.ui_domain}/contacts/{portal.hub_id}/record/{kind.type_id}/"
    with_link = portal.switches.record_url
    moment = int if portal.switches.record_times_as_ms else iso
    # A scan asks for nothing else: it is spared reading the stored properties.
    only_dates = len(template) == len(kind.always_returned)
    spelled = []
    for record in records:
        record_id, created, modified = str(record.id), iso(record.created_ms), iso(record.modified_ms)
        if only_dates:
            dates = {"createdate": created, "hs_object_id": record_id, kind.modified_property: modified}
            properties = {name: dates[name] for name in template}
        else:
            properties = spell(record.values(), template)
        document: dict[str, Any] = {
            "id": record_id,
            "properties": properties,
            "createdAt": moment(record.created_ms),
            "updatedAt": moment(record.modified_ms),
            "archived": record.archived_ms is not None,
        }
        if record.archived_ms is not None:
            document["archivedAt"] = moment(record.archived_ms)
        if with_link:
            document["url"] = link + record_id
        spelled.append(document)
    return spelled


def _spelled_with_nulls(values: dict[str, str], template: dict[str, None]) -> dict[str, str | None]:
    # The template's keys are sorted, and a value replaced keeps its key's place.
    if values.keys() <= template.keys():
        return {**template, **values}
    return {name: values.get(name) for name in template}


def _spelled_where_set(values: dict[str, str], template: dict[str, None]) -> dict[str, str | None]:
    return {name: values[name] for name in template if name in values}


def render_history(
    portal: Portal,
    kind: ObjectKind,
    documents: list[dict[str, Any]],
    records: Sequence[StoredRecord],
    names: Sequence[str],
) -> None:
    """Add the named properties' history to rendered records; the sandbox keeps the current value alone."""
    for document, record in zip(documents, records, strict=True):
        values = record.values()
        document["propertiesWithHistory"] = {
            name: [{"value": values[name], "timestamp": iso(record.modified_ms), "sourceType": "CRM_UI"}]
            for name in sorted(names)
            if name in values and name in portal.definitions[kind]
        }
