"""The values of an export, spelled as HubSpot's API spells them: labels as ids, local dates and numbers as its own."""

import re
from collections.abc import Callable, Iterable, Iterator
from zoneinfo import ZoneInfo

from coppermind_pipeline.sandbox.loading.csv_rows import Row
from coppermind_pipeline.sandbox.loading.exported_columns import ID, Columns
from coppermind_pipeline.sandbox.loading.load_error import LoadError
from coppermind_pipeline.sandbox.loading.local_spelling import LocalSpelling
from coppermind_pipeline.sandbox.portal.definitions import Definition
from coppermind_pipeline.sandbox.portal.object_kinds import DEALS, ObjectKind
from coppermind_pipeline.sandbox.portal.owners import Owner
from coppermind_pipeline.sandbox.portal.pipelines import Pipeline, Stage
from coppermind_pipeline.sandbox.portal.portal import Portal
from coppermind_pipeline.sandbox.timestamps import iso, iso_date

_LEFT = re.compile(r" \(deactivated user\)$", re.IGNORECASE)
_OWNER_IDS = 70_000_000
_PUT_PIPELINES = "put the portal's pipelines into pipelines.json, as HubSpot's API answers them"
_DAY = "2023-01-01T00:00:00.000Z"


class ExportedValues:
    """Spells the rows of one file anew."""

    def __init__(self, portal: Portal, kind: ObjectKind, columns: Columns, rows: Iterable[Row]) -> None:
        self._portal = portal
        self._zone = ZoneInfo(portal.account.time_zone)
        self._names = columns.names
        self._definitions = {d.name: d for d in portal.definitions[kind] if d.name in columns.names.values()}
        self._options = {name: _options(each) for name, each in self._definitions.items()}
        self._owners = dict(_owner_ids(portal.owners.values()))
        self._in_pipelines = kind is DEALS
        self._spelling = self._spelling_of(rows)

    def spelled(self, row: Row) -> Row:
        """Return a row by property names; raises LoadError where a value can't be read."""
        values = {self._names[header]: text.strip() for header, text in row.values.items() if header in self._names}
        headers = {name: header for header, name in self._names.items()}
        for name, text in values.items():
            try:
                values[name] = self._value(name, text)
            except ValueError as error:
                raise LoadError(f"{row.where}: {headers[name]} is {text!r}, which {error}") from error
        if self._in_pipelines:
            values |= self._place(row.where, values.get("dealstage"), values.get("pipeline"))
        return Row(row.where, {name: value for name, value in values.items() if value})

    def _value(self, name: str, text: str) -> str:
        if name == "hubspot_owner_id":
            return self._owner_id(text)
        definition = self._definitions.get(name)
        reader = None if definition is None or name == ID else self._reader(definition)
        return text if reader is None or not text else reader(text)

    def _reader(self, definition: Definition) -> Callable[[str], str] | None:
        options = self._options[definition.name]
        if options:
            return lambda text: ";".join(options.get(part.strip().casefold(), part.strip()) for part in text.split(";"))
        match definition.type:
            case "datetime":
                return lambda text: iso(self._spelling.instant(text, self._zone))
            case "date":
                return lambda text: iso_date(self._spelling.instant(text, ZoneInfo("UTC")))
            case "number" if definition.document.get("showCurrencySymbol"):
                return self._spelling.number
            case "number":
                return self._number_or_text
        return None

    def _number_or_text(self, text: str) -> str:
        """Keep what is no number: where the property holds an id, an export may write a name."""
        try:
            return self._spelling.number(text)
        except ValueError:
            return text

    def _spelling_of(self, rows: Iterable[Row]) -> LocalSpelling:
        of_type = {header: d.type for header, name in self._names.items() if (d := self._definitions.get(name))}
        numbers: set[str] = set()
        moments: set[str] = set()
        for row in rows:
            for header, text in row.values.items():
                if of_type.get(header) == "number":
                    numbers.add(text)
                elif of_type.get(header) in {"date", "datetime"}:
                    moments.add(text)
        return LocalSpelling.found_in(numbers=numbers, moments=moments)

    def _place(self, where: str, stage: str | None, pipeline: str | None) -> dict[str, str]:
        """Find a deal's stage: in the pipeline that its row names, or that stands in brackets behind the label."""
        pipelines = self._portal.pipelines.by_kind.get(DEALS, [])
        if pipeline:
            pipelines = [p for p in pipelines if pipeline.casefold() in {p.id.casefold(), p.label.casefold()}]
            if not pipelines:
                raise LoadError(f"{where}: the portal has no pipeline {pipeline!r}; {_PUT_PIPELINES}")
        if not stage:
            return {"pipeline": pipelines[0].id} if pipeline else {}
        found = [(p, s) for p in pipelines for s in p.stages if stage.casefold() in _spellings(p, s)]
        if not found:
            raise LoadError(f"{where}: the portal has no stage {stage!r}; {_PUT_PIPELINES}")
        if len(found) > 1:
            raise LoadError(f"{where}: several pipelines have a stage {stage!r}; add the column Pipeline")
        return {"pipeline": found[0][0].id, "dealstage": found[0][1].id}

    def _owner_id(self, text: str) -> str:
        """Return the id of an owner by name or address; one that no file tells of is made."""
        name = _LEFT.sub("", text)
        if not name or (name.isascii() and name.isdecimal()):
            return name
        known = self._owners.get(name.casefold())
        if known is not None:
            return known
        first, _, last = ("", "", "") if "@" in name else name.partition(" ")
        number = 1 + max((int(id_) for id_ in self._portal.owners if id_.isdecimal()), default=_OWNER_IDS)
        owner = Owner(
            id=str(number), email=name if "@" in name else "", first_name=first, last_name=last, user_id=number,
            created=_DAY, updated=_DAY, archived=name != text,
        )  # fmt: skip
        self._portal.put_owners([*self._portal.owners.values(), owner])
        self._owners |= dict(_owner_ids([owner]))
        return owner.id


def _options(definition: Definition) -> dict[str, str]:
    options = definition.document.get("options") or []
    by_label = {str(option["label"]).casefold(): str(option["value"]) for option in options}
    return by_label | {str(option["value"]).casefold(): str(option["value"]) for option in options}


def _spellings(pipeline: Pipeline, stage: Stage) -> set[str]:
    return {stage.id.casefold(), stage.label.casefold(), f"{stage.label} ({pipeline.label})".casefold()}


def _owner_ids(owners: Iterable[Owner]) -> Iterator[tuple[str, str]]:
    for owner in owners:
        for text in (owner.email, f"{owner.first_name} {owner.last_name}".strip()):
            if text:
                yield text.casefold(), owner.id
