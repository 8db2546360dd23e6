"""A portal from answers recorded from HubSpot's API, in the folders account, objects, owners, properties and so on."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from coppermind_pipeline.sandbox.loading.load_error import LoadError
from coppermind_pipeline.sandbox.portal.association_store import AssociationType
from coppermind_pipeline.sandbox.portal.edits import define_unknown
from coppermind_pipeline.sandbox.portal.object_kinds import OBJECT_KINDS, ObjectKind, object_kind
from coppermind_pipeline.sandbox.portal.owners import Owner
from coppermind_pipeline.sandbox.portal.pipelines import Pipeline
from coppermind_pipeline.sandbox.portal.portal import Account, Portal
from coppermind_pipeline.sandbox.portal.record_store import StoredRecord, stored
from coppermind_pipeline.sandbox.timestamps import iso, parse_ms


@dataclass(slots=True)
class _Recorded:
    """One record as put together from the answers that show it."""

    values: dict[str, str] = field(default_factory=dict)
    created_ms: int | None = None
    modified_ms: int | None = None
    archived_ms: int | None = None


def load_recordings(portal: Portal, directory: Path) -> None:
    """Fill a portal, its definitions and deal pipelines set, from recorded answers.

    A record that several answers show has the properties of all of them, from the latest state that says so.

    Raises:
        LoadError: a file is no JSON, or not of a known shape.
    """
    portal.account = _account(directory, portal.account)
    portal.put_owners([owner for path in _files(directory, "owners") for owner in _owners(path)])
    for path in _files(directory, "pipelines"):
        for kind in OBJECT_KINDS:
            if path.stem.startswith(kind.name):
                portal.pipelines.put(kind, [Pipeline.from_document(each) for each in _results(path)])
    found: dict[ObjectKind, dict[int, _Recorded]] = {kind: {} for kind in OBJECT_KINDS}
    links: list[tuple[AssociationType, int, int]] = []
    for path in _files(directory, "objects"):
        for kind, document in _objects(path):
            _add(found[kind], kind, document, path)
            links += _flattened_links(portal, kind, document)
    for kind, records in found.items():
        now_ms = portal.clock.now_ms()
        define_unknown(portal, kind, {name for record in records.values() for name in record.values})
        portal.records.insert_many(kind, (_record(kind, i, r, now_ms) for i, r in sorted(records.items())))
    for path in _files(directory, "associations"):
        links += _recorded_links(portal, path)
    for kind, owner_id, other_id in links:
        portal.associations.add(kind, owner_id, other_id)


def _account(directory: Path, default: Account) -> Account:
    for path in _files(directory, "account"):
        document = json_object(path)
        return Account(
            time_zone=document.get("timeZone", default.time_zone),
            company_currency=document.get("companyCurrency", default.company_currency),
            additional_currencies=tuple(document.get("additionalCurrencies", ())),
            ui_domain=document.get("uiDomain", default.ui_domain),
            account_type=document.get("accountType", default.account_type),
        )
    return default


def _objects(path: Path) -> Iterator[tuple[ObjectKind, dict[str, Any]]]:
    """Yield the records that a recorded answer shows: a page, a single one, or one of each type."""
    content = json_object(path)
    body = content.get("body", content)
    if not isinstance(body, dict):
        return
    by_type = [(object_kind(name), document) for name, document in body.items() if isinstance(document, dict)]
    for kind, document in by_type:
        if kind is not None and "properties" in document:
            yield kind, document
    kind = _kind_of(path, content)
    if kind is None:
        return
    shown = body.get("results", [body] if "properties" in body and "id" in body else [])
    yield from ((kind, document) for document in shown if isinstance(document, dict) and "properties" in document)


def _kind_of(path: Path, content: dict[str, Any]) -> ObjectKind | None:
    asked = content.get("request", {}).get("path", "") if isinstance(content.get("request"), dict) else ""
    for word in re.findall(r"[a-z]+", f"{asked} {path.stem}".lower()):
        kind = object_kind(word)
        if kind is not None:
            return kind
    return None


def _add(records: dict[int, _Recorded], kind: ObjectKind, document: dict[str, Any], path: Path) -> None:
    try:
        record_id = int(document["id"])
    except (KeyError, ValueError, TypeError):
        raise LoadError(f"{path.name}: a record's id is {document.get('id')!r}, which is no whole number") from None
    record = records.setdefault(record_id, _Recorded())
    properties = document["properties"]
    values = {name: str(value) for name, value in properties.items() if value is not None}
    modified_ms = parse_ms(str(document.get("updatedAt", ""))) or parse_ms(values.get(kind.modified_property, ""))
    created_ms = parse_ms(str(document.get("createdAt", ""))) or parse_ms(values.get("createdate", ""))
    newer = (modified_ms or 0) >= (record.modified_ms or 0)
    record.values = record.values | values if newer else values | record.values
    record.created_ms = record.created_ms if created_ms is None else created_ms
    record.modified_ms = max(filter(None, (record.modified_ms, modified_ms)), default=None)
    if document.get("archived"):
        record.archived_ms = parse_ms(document.get("archivedAt", "")) or modified_ms


def _record(kind: ObjectKind, record_id: int, recorded: _Recorded, now_ms: int) -> StoredRecord:
    created_ms = now_ms if recorded.created_ms is None else recorded.created_ms
    modified_ms = created_ms if recorded.modified_ms is None else recorded.modified_ms
    values = recorded.values | {
        "createdate": iso(created_ms),
        "hs_object_id": str(record_id),
        kind.modified_property: iso(modified_ms),
    }
    return stored(record_id, values, created_ms=created_ms, modified_ms=modified_ms, archived_ms=recorded.archived_ms)


def _flattened_links(
    portal: Portal, kind: ObjectKind, document: dict[str, Any]
) -> Iterator[tuple[AssociationType, int, int]]:
    """Yield the links that connector output keeps as plain lists of ids."""
    for other in OBJECT_KINDS:
        ids = document.get(other.name)
        plain = next((t for t in portal.associations.known_types(kind, other) if t.label is None), None)
        if plain is None or not isinstance(ids, list):
            continue
        for other_id in ids:
            yield _typed(plain, kind, int(document["id"]), int(other_id))


def _recorded_links(portal: Portal, path: Path) -> Iterator[tuple[AssociationType, int, int]]:
    kinds = [kind for word in re.findall(r"[a-z]+", path.stem) if (kind := object_kind(word)) is not None]
    if len(kinds) != 2:
        return
    from_kind, to_kind = kinds
    by_id = {
        (t.type_id if t.owner is from_kind else t.inverse_id): t
        for t in portal.associations.known_types(from_kind, to_kind)
    }
    for result in _results(path):
        if "from" not in result:
            continue
        for other in result.get("to", []):
            for each in other["associationTypes"]:
                kind = by_id.get(each["typeId"])
                if kind is not None:
                    yield _typed(kind, from_kind, int(result["from"]["id"]), int(other["toObjectId"]))


def _typed(kind: AssociationType, from_kind: ObjectKind, from_id: int, to_id: int) -> tuple[AssociationType, int, int]:
    """Turn a link around where its type's owner is at the other end."""
    return (kind, from_id, to_id) if kind.owner is from_kind else (kind, to_id, from_id)


def _owners(path: Path) -> Iterator[Owner]:
    for number, document in enumerate(_results(path), start=1):
        try:
            yield Owner.from_document(document)
        except ValueError as error:
            raise LoadError(f"{path.name}, entry {number}: {error}") from error


def _results(path: Path) -> list[dict[str, Any]]:
    content = json_object(path)
    body = content.get("body", content)
    found = body.get("results", []) if isinstance(body, dict) else body
    return [each for each in found if isinstance(each, dict)]


def _files(directory: Path, folder: str) -> list[Path]:
    return sorted((directory / folder).glob("*.json"))


def json_object(path: Path) -> dict[str, Any]:
    """Read a file that holds one JSON object; raises LoadError where it does not."""
    try:
        content = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise LoadError(f"{path.name}: {error}") from error
    if not isinstance(content, dict):
        raise LoadError(f"{path.name}: an object was expected")
    return content
