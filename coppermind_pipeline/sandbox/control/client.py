"""A client of the control endpoints, for tests and demonstrations; `endpoints.py` documents what each call does."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import orjson

from coppermind_pipeline.sandbox.control.endpoints import PREFIX
from coppermind_pipeline.sandbox.state.faults import Fault
from coppermind_pipeline.sandbox.state.request_log import LoggedRequest

ObjectType = Literal["contacts", "companies", "deals"]
Budget = Literal["search", "associations", "general"]
TIMEOUT_S = 600


class ControlError(ValueError):
    """The sandbox did not do what was asked; the message says why."""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token pair that nobody was asked for."""

    hub_id: int
    access_token: str
    refresh_token: str


@dataclass(frozen=True, slots=True)
class BudgetSeen:
    """One limit of a portal, and what it saw since the log was cleared."""

    calls_max: int
    window_ms: int
    enforced: bool
    calls: int
    refused: int
    most_in_window: int


@dataclass(frozen=True, slots=True)
class ExportedRecord:
    """A record's true state."""

    object_type: str
    id: str
    created_ms: int
    modified_ms: int
    archived_ms: int | None
    merged_into: str | None
    properties: dict[str, str]

    @property
    def live(self) -> bool:
        """Whether it is neither archived nor merged away."""
        return self.archived_ms is None


@dataclass(frozen=True, slots=True)
class ExportedLink:
    """One typed link; the ends may be archived."""

    from_type: str
    from_id: str
    to_type: str
    to_id: str
    type_id: int
    category: str
    label: str | None


@dataclass(frozen=True, slots=True)
class PortalState:
    """Everything in a portal."""

    records: list[ExportedRecord]
    links: list[ExportedLink]
    properties: dict[str, list[dict[str, Any]]]
    pipelines: dict[str, list[dict[str, Any]]]
    owners: list[dict[str, Any]]
    #: (object type, id) → `erased` or `purged`.
    gone: dict[tuple[str, str], str]

    def live(self, object_type: ObjectType) -> dict[str, ExportedRecord]:
        """Return the live records of a type by id."""
        return {r.id: r for r in self.records if r.object_type == object_type and r.live}


class ControlClient:
    """Calls the control endpoints of the sandbox at a URL. Raises ControlError where a call makes no sense."""

    def __init__(self, url: str) -> None:
        # Loading certificates takes longer than all else here, and plain HTTP needs none.
        self._http = httpx.Client(base_url=url + PREFIX, timeout=TIMEOUT_S, verify=False)  # noqa: S501

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def create_portal(
        self,
        *,
        hub_id: int | None = None,
        seed: int = 1,
        contacts: int | None = None,
        companies: int | None = None,
        deals: int | None = None,
    ) -> int:
        """Add a generated portal and return its hub id."""
        sizes = {"contacts": contacts, "companies": companies, "deals": deals}
        return self._post("create_portal", hub_id=hub_id, seed=seed, **sizes)["hub_id"]

    def create(
        self,
        object_type: ObjectType,
        properties: Mapping[str, str | None],
        *,
        record_id: int | None = None,
        at_ms: int | None = None,
        hub_id: int | None = None,
    ) -> str:
        """Create a record and return its id."""
        record = {"properties": dict(properties), "id": record_id}
        made = self._post("create", object_type=object_type, records=[record], at_ms=at_ms, hub_id=hub_id)
        return str(made["ids"][0])

    def create_many(
        self,
        object_type: ObjectType,
        properties: Iterable[Mapping[str, str | None]],
        *,
        at_ms: int | None = None,
        hub_id: int | None = None,
    ) -> list[str]:
        """Create records with one creation date and return their ids."""
        records = [{"properties": dict(each)} for each in properties]
        made = self._post("create", object_type=object_type, records=records, at_ms=at_ms, hub_id=hub_id)
        return [str(each) for each in made["ids"]]

    def edit(
        self,
        object_type: ObjectType,
        ids: Sequence[str | int] | None,
        properties: Mapping[str, str | None],
        *,
        touch: bool = True,
        at_ms: int | None = None,
        spread_ms: int = 0,
        first: int | None = None,
        hub_id: int | None = None,
    ) -> int:
        """Set values on records (None: all, or the first ones) and return how many changed."""
        changed = self._post(
            "edit",
            object_type=object_type,
            ids=None if ids is None else [int(each) for each in ids],
            properties=dict(properties),
            touch=touch,
            at_ms=at_ms,
            spread_ms=spread_ms,
            first=first,
            hub_id=hub_id,
        )
        return changed["changed"]

    def archive(
        self,
        object_type: ObjectType,
        ids: Iterable[str | int],
        *,
        at_ms: int | None = None,
        hub_id: int | None = None,
    ) -> int:
        """Delete records, restorably."""
        return self._records("archive", object_type, ids, hub_id, at_ms)

    def restore(self, object_type: ObjectType, ids: Iterable[str | int], *, hub_id: int | None = None) -> int:
        """Take archived records back."""
        return self._records("restore", object_type, ids, hub_id)

    def erase(self, object_type: ObjectType, ids: Iterable[str | int], *, hub_id: int | None = None) -> int:
        """Delete records for privacy, without a trace."""
        return self._records("erase", object_type, ids, hub_id)

    def purge(self, object_type: ObjectType, ids: Iterable[str | int], *, hub_id: int | None = None) -> int:
        """Delete records as HubSpot's bin does after 90 days."""
        return self._records("purge", object_type, ids, hub_id)

    def merge(
        self, object_type: ObjectType, primary_id: str | int, other_id: str | int, *, hub_id: int | None = None
    ) -> str:
        """Merge two records and return the survivor's id."""
        ids = {"primary_id": int(primary_id), "other_id": int(other_id)}
        return str(self._post("merge", object_type=object_type, hub_id=hub_id, **ids)["id"])

    def associate(
        self,
        start: tuple[ObjectType, str | int],
        end: tuple[ObjectType, str | int],
        *,
        label: str | None = None,
        hub_id: int | None = None,
    ) -> None:
        """Link two records; no date moves."""
        self._post("associate", **_link(start, end), label=label, hub_id=hub_id)

    def disassociate(
        self,
        start: tuple[ObjectType, str | int],
        end: tuple[ObjectType, str | int],
        *,
        label: str | None = None,
        all_types: bool = False,
        hub_id: int | None = None,
    ) -> int:
        """Remove a link, or all of two records; no date moves."""
        return self._post("disassociate", **_link(start, end), label=label, all_types=all_types, hub_id=hub_id)[
            "changed"
        ]

    def set_pipelines(self, documents: list[dict[str, Any]], *, hub_id: int | None = None) -> None:
        """Replace the deal pipelines."""
        self._post("set_pipelines", documents=documents, hub_id=hub_id)

    def set_stage(
        self,
        pipeline_id: str,
        stage_id: str,
        *,
        label: str = "",
        probability: float = 0.5,
        closed: bool = False,
        hub_id: int | None = None,
    ) -> None:
        """Add or change a deal stage, with the properties that HubSpot keeps for it."""
        change = {"label": label, "probability": probability, "closed": closed}
        self._post("set_stage", pipeline_id=pipeline_id, stage_id=stage_id, hub_id=hub_id, **change)

    def remove_stage(self, pipeline_id: str, stage_id: str, *, hub_id: int | None = None) -> None:
        """Remove a deal stage and its properties; deals keep naming it."""
        self._post("set_stage", pipeline_id=pipeline_id, stage_id=stage_id, remove=True, hub_id=hub_id)

    def set_owners(self, documents: list[dict[str, Any]], *, hub_id: int | None = None) -> None:
        """Add owners, or replace them by id."""
        self._post("set_owners", documents=documents, hub_id=hub_id)

    def set_property(self, object_type: ObjectType, document: dict[str, Any], *, hub_id: int | None = None) -> None:
        """Add or replace a property definition."""
        self._post("set_property", object_type=object_type, document=document, hub_id=hub_id)

    def remove_property(self, object_type: ObjectType, name: str, *, hub_id: int | None = None) -> None:
        """Remove a property definition; values stay in the records, unseen."""
        self._post("set_property", object_type=object_type, remove=name, hub_id=hub_id)

    def archive_property(self, object_type: ObjectType, name: str, *, hub_id: int | None = None) -> None:
        """Archive a property definition."""
        self._post("set_property", object_type=object_type, archive=name, hub_id=hub_id)

    def set_account(self, *, hub_id: int | None = None, **settings: Any) -> dict[str, Any]:
        """Change account settings and return them."""
        return self._post("set_account", hub_id=hub_id, **settings)

    def set_limits(
        self,
        *,
        enforced: bool | Mapping[Budget, bool] | None = None,
        policies: Mapping[Budget, tuple[int, int]] | None = None,
        hub_id: int | None = None,
    ) -> None:
        """Turn limits on or off, or change their (calls, window in ms)."""
        given = {name: {"calls": calls, "window_ms": window} for name, (calls, window) in (policies or {}).items()}
        self._post("set_limits", enforced=enforced, policies=given, hub_id=hub_id)

    def set_daily_limit(self, calls_max: int | None, *, hub_id: int | None = None) -> None:
        """Limit the calls of a day, as apps of private distribution have it; None: no limit."""
        self._post("set_limits", daily_calls_max=calls_max, hub_id=hub_id)

    def set_switches(self, *, hub_id: int | None = None, **switches: Any) -> None:
        """Turn switches (see `Switches`)."""
        self._post("set_switches", switches=switches, hub_id=hub_id)

    def set_app(self, **settings: Any) -> None:
        """Change what the app's developer set (see `AppSettings`)."""
        self._post("set_app", settings=settings)

    def add_fault(self, fault: Fault) -> None:
        """Set a fault, after those set already."""
        self._post("add_faults", faults=[fault.model_dump(mode="json")])

    def clear_faults(self) -> None:
        """Take all faults back."""
        self._post("clear_faults")

    def set_latency(self, milliseconds: float) -> None:
        """Set the latency of each API answer."""
        self._post("set_latency", milliseconds=milliseconds)

    def advance_clock(self, milliseconds: int) -> int:
        """Move the sandbox's clock forward and return its time."""
        return self._post("advance_clock", milliseconds=milliseconds)["now_ms"]

    def now_ms(self) -> int:
        """Return the time of the sandbox's clock."""
        return self._get("portals")["now_ms"]

    def issue_token(self, scopes: Iterable[str], *, hub_id: int | None = None) -> IssuedToken:
        """Return tokens without the authorize page."""
        return IssuedToken(**self._post("issue_token", scopes=list(scopes), hub_id=hub_id))

    def uninstall(self, *, hub_id: int | None = None) -> None:
        """End all tokens of a portal, as its admin can."""
        self._post("uninstall", hub_id=hub_id)

    def portals(self) -> list[dict[str, Any]]:
        """Return the portals with their counts of records."""
        return self._get("portals")["portals"]

    def limits(self, *, hub_id: int | None = None) -> dict[str, BudgetSeen]:
        """Return what each budget of a portal saw."""
        found = self._get("limits", hub_id=hub_id)
        return {name: BudgetSeen(**seen) for name, seen in found.items() if isinstance(seen, dict)}

    def requests(self, *, path: str = "", since_ms: int = 0, hub_id: int | None = None) -> list[LoggedRequest]:
        """Return the logged API calls, oldest first."""
        found = self._get("requests", path=path, since_ms=since_ms, hub_id=hub_id)
        return [LoggedRequest(**each) for each in found["requests"]]

    def clear_log(self) -> None:
        """Forget the logged calls and the counts of the limits."""
        self._post("clear_log")

    def secrets(self) -> list[str]:
        """Return every code and token ever issued."""
        return [grant["value"] for grant in self._get("grants")["grants"]]

    def export(self, *, hub_id: int | None = None) -> PortalState:
        """Return a portal's true state."""
        state = PortalState([], [], {}, {}, [], {})
        for line in self.export_lines(hub_id=hub_id):
            if "association" in line:
                state.links.append(ExportedLink(**line["association"]))
            elif "property" in line:
                state.properties.setdefault(line["object_type"], []).append(line["property"])
            elif "pipeline" in line:
                state.pipelines.setdefault(line["object_type"], []).append(line["pipeline"])
            elif "owner" in line:
                state.owners.append(line["owner"])
            elif "gone" in line:
                state.gone[line["gone"]["object_type"], line["gone"]["id"]] = line["gone"]["how"]
            else:
                state.records.append(ExportedRecord(**line))
        return state

    def export_lines(self, *, hub_id: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield a portal's true state line by line, for portals that don't fit into memory."""
        query = {} if hub_id is None else {"hub_id": hub_id}
        with self._http.stream("GET", "/export", params=query) as response:
            yield from (orjson.loads(line) for line in response.iter_lines() if line)

    def _records(
        self, action: str, object_type: str, ids: Iterable[str | int], hub_id: int | None, at_ms: int | None = None
    ) -> int:
        numbers = [int(each) for each in ids]
        return self._post(action, object_type=object_type, ids=numbers, at_ms=at_ms, hub_id=hub_id)["changed"]

    def _post(self, action: str, **members: Any) -> dict[str, Any]:
        body = orjson.dumps(
            {name: value for name, value in members.items() if value is not None or name == "daily_calls_max"}
        )
        return _answer(self._http.post(f"/{action}", content=body))

    def _get(self, what: str, **query: Any) -> dict[str, Any]:
        return _answer(self._http.get(f"/{what}", params={n: v for n, v in query.items() if v is not None}))


def _answer(response: httpx.Response) -> dict[str, Any]:
    document = orjson.loads(response.content)
    if response.is_error:
        raise ControlError(document.get("error", response.text))
    return document


def _link(start: tuple[ObjectType, str | int], end: tuple[ObjectType, str | int]) -> dict[str, Any]:
    return {"from_type": start[0], "from_id": int(start[1]), "to_type": end[0], "to_id": int(end[1])}
