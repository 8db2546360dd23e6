"""What the tools take, as an assistant reads it. The rooms below know which action takes which argument."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.json_schema import SkipJsonSchema

from coppermind_pipeline.accounts import MindKind, MindsAction
from coppermind_pipeline.connectors import SOURCE_TYPE, ConnectorsAction
from coppermind_pipeline.memories import Audience, MemoryType, Outcome, Sensitivity
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports import LISTED_CHANGES, CompareTo, DateBasis, GroupBy, LeadGroupBy, ReportFormat
from coppermind_pipeline.tool_calls import ToolArgumentError, unknown_argument


def _about(description: str, values: Iterable[str] | None = None, *, needed: bool = False) -> Any:
    """Return the field of an argument; its values are listed for the assistant, and checked by the tool."""
    listed: dict[str, Any] | None = None if values is None else {"enum": list(map(str, values))}
    return Field(default=... if needed else None, description=description, json_schema_extra=listed)


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_list(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    with suppress(ValueError, RecursionError):
        if isinstance(listed := json.loads(value), list):
            return listed
    return [each for part in value.split(",") if (each := part.strip())]


def _as_object(value: Any) -> Any:
    with suppress(ValueError, RecursionError):
        return json.loads(value) if isinstance(value, str) else value
    return value


# An assistant that has nothing to say for an argument may leave it out or say null; the schema shows the value alone.
# Some write a text of digits, such as a year or an id, as a number.
_Text = Annotated[str | SkipJsonSchema[None], BeforeValidator(_as_text)]
# Some assistants write a list as JSON in a string, and a list of one as the value alone.
_Texts = Annotated[list[str] | SkipJsonSchema[None], BeforeValidator(_as_list)]
_Number = int | SkipJsonSchema[None]
_Flag = bool | SkipJsonSchema[None]
_Map = Annotated[dict[str, Any] | SkipJsonSchema[None], BeforeValidator(_as_object)]

_MIND = "The client's mind; by default the active one. Name it whenever the person names a client."

# What each action of the memory tool answers, in the order in which an assistant should think of them, and in the words
# in which people ask.
MEMORY_ACTIONS_IN_WORDS = {
    "crm_report": "deals: revenue, biggest wins, win rate, deal size, days to close, lost and why, open pipeline, "
    "forecast, overdue, what lacks an amount or reason; by source, owner, country, month. With detail each deal.",
    "lead_report": "contacts: how many (of all time: start=2000-01-01 and as end tomorrow's date), new ones by source, "
    "country, owner, lifecycle stage; who became MQL or customer, conversion, stuck leads.",
    "account": "one company: who we know there, its deals, what it is worth.",
    "changes": "what changed in the pipeline since a date: what came, was won, lost, slipped, and which deals.",
    "brief": "a period on one page for the client to read.",
    "digest": "all clients at a glance, worst first; needs no mind.",
    "search": "what is known about a deal, person, company, loss, channel or strategy, best match first.",
    "list": "the newest of these texts.",
    "get": "one of them.",
    "explain": "where a number of a report comes from.",
    "metrics": "what a number means and how it is counted.",
}


class ToolArguments(BaseModel):
    """What a tool takes."""

    model_config = ConfigDict(extra="forbid")

    # Whether an empty text or list says nothing, as leaving the argument out does.
    empty_is_absent: ClassVar[bool] = True


class ConnectorsArguments(ToolArguments):
    """Of the tool `connectors`."""

    action: str = _about(
        "connect: a link where a person approves the read-only HubSpot app. status: is it up to date, how far a first "
        "sync is, what is wrong, what to do next. configure: filters, cadence, time zone. sync: read changes now. "
        "resync: read the history again. events: the log, newest first. disconnect: erase the credentials and stop.",
        ConnectorsAction,
        needed=True,
    )
    mind: _Text = _about(_MIND)
    source_type: _Text = _about("connect: what to connect.", (SOURCE_TYPE,))
    connector_id: _Text = _about("status: this connector alone. Needed by all but connect and status.")
    all: _Flag = _about("status: the connectors of all minds.")
    config: _Map = _about(
        "configure: keys to change, such as hubspot_excluded_email_domains, hubspot_property_filters, "
        "hubspot_synthesis_cadence, hubspot_backfill_since, report_timezone; null removes a key."
    )
    since: _Text = _about("resync: where the window shall start, an ISO time with zone.")
    object_type: _Text = _about("resync: only this type.", ObjectType)
    limit: _Number = _about("events: how many, at most 200.")
    before: _Number = _about("events: next_before of the page before.")


class MindsArguments(ToolArguments):
    """Of the tool `minds`."""

    # An update with no domains takes them away.
    empty_is_absent: ClassVar[bool] = False

    action: str = _about(
        "list: all minds, the active one marked. switch: make one the active mind. create: a mind for a new client. "
        "update: its name, kind or domains.",
        MindsAction,
        needed=True,
    )
    mind: _Text = _about(
        "switch: the mind to work on. update: the mind to change, by default the active one. list: only this one."
    )
    name: _Text = _about("create: name of the client. update: its new name.")
    kind: _Text = _about("create, update: only a client's or a prospect's mind can be connected.", MindKind)
    domains: _Texts = _about(
        "create, update: the client's own e-mail domains, such as acme.com. Contacts there are its own people, not "
        "leads. update replaces all of them."
    )


class MemoryArguments(ToolArguments):
    """Of the tool `memory`."""

    action: str = _about(
        " ".join(f"{action}: {answers}" for action, answers in MEMORY_ACTIONS_IN_WORDS.items()),
        MEMORY_ACTIONS_IN_WORDS,
        needed=True,
    )
    mind: _Text = _about(_MIND)
    query: _Text = _about("search: plain words, or a question.")
    company: _Text = _about("account, search, list: a name, domain or id.")
    outcome: _Texts = _about(f"Deals that are some of {', '.join(Outcome)} alone.")
    since: _Text = _about("search, list, digest: from this day, month or year, such as 2026-11.")
    until: _Text = _about("search, list: up to this one, itself included.")
    types: _Texts = _about(f"search, list: some of {', '.join(MemoryType)}. Aggregates are facts.")
    sensitivity: _Text = _about("search, list: only these.", Sensitivity)
    audience: _Text = _about("client, for whatever a client will read.", Audience)
    connector_id: _Text = _about("This portal alone; by default all of the mind's.")
    limit: _Number = _about("search, list: how many, at most 50.")
    include_superseded: _Flag = _about("search, list: earlier versions, too.")
    period_key: _Text = _about("search, list: aggregates of a period, such as 2026-W47 or 2026-11.")
    before: _Number = _about("list: next_before of the page before.")
    memory_id: _Number = _about("get: id of any version.")
    source_ref: _Text = _about("get: the current text about this.")
    period: _Text = _about(
        "Reports, brief: today; this_ or last_ with week, month, quarter, year, fiscal_quarter, fiscal_year; "
        "last_30_days, last_12_months; 2026, 2026-11, 2026-Q3, 2026-H1, 2026-W47, FY2026-Q3; or as people write them. "
        "By default this_quarter."
    )
    start: _Text = _about("Instead of a period: first day, such as 2026-11-01.")
    end: _Text = _about("The day after the last one.")
    from_: _Text = Field(
        default=None,
        alias="from",
        description="changes: since a date, time, or a period's start; by default the end of last month.",
    )
    to: _Text = _about("changes: until when; by default now.")
    pipeline: _Text = _about("changes: one pipeline alone, by name or id.")
    period_end: _Text = _about("changes: day that close dates are pushed across; by default the quarter's end.")
    step: _Text = _about(f"changes: list these deals alone: {', '.join(LISTED_CHANGES)}.")
    date_basis: _Text = _about("crm_report: which date of a deal counts; by default closedate.", DateBasis)
    group_by: _Text = _about(
        "Reports: figures for each.",
        dict.fromkeys((*GroupBy, *LeadGroupBy)),
    )
    detail: _Flag = _about("crm_report: list the won and lost deals, too; open ones with outcome=open.")
    compare_to: _Text = _about("Reports, brief: with an earlier range.", CompareTo)
    as_of: _Text = _about("Reports: the CRM as it was at that time.")
    include_filtered: _Flag = _about("Reports, account: what the filters leave out, too.")
    live_fallback: _Flag = _about("crm_report: ask HubSpot first where the store is stale.")
    timezone: _Text = _about("An IANA zone; by default the portal's.")
    page: _Number = _about("changes: page of the deals.")
    page_rows: _Number = _about("crm_report, changes: deals on a page.")
    groups_max: _Number = _about("Reports: groups shown by themselves, at most 10 at once.")
    cursor: _Text = _about("next_cursor of the same question's answer.")
    format: _Text = _about("By default json. account, digest: or markdown.", ReportFormat)
    agency: _Text = _about("brief: who hands it over.")
    figure: _Text = _about("explain: audit.answer_id, #, and the number's path, such as summary.win_rate.")
    metric: _Text = _about("metrics: this number alone, such as win_rate or closed_won.deals.")
    after: _Text = _about("metrics: next_after of the page before.")


def checked(tool: str, model: type[ToolArguments], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that were given, each of its type.

    Raises:
        ToolArgumentError: names the argument that is unknown, missing or of another type.
    """
    known = {about.alias or name for name, about in model.model_fields.items()}
    given = {
        name: value
        for name, value in arguments.items()
        if not (model.empty_is_absent and name in known and value in ("", []))
    }
    try:
        return model.model_validate(given).model_dump(exclude_unset=True, by_alias=True)
    except ValidationError as error:
        first = error.errors()[0]
    name = str(first["loc"][0])
    known = {about.alias or field: about for field, about in model.model_fields.items()}
    if first["type"] == "extra_forbidden":
        raise unknown_argument(tool, name, tuple(known))
    about = known[name].description
    if first["type"] == "missing":
        raise ToolArgumentError(f"{tool} needs an {name}.", hint=about)
    raise ToolArgumentError(f"{name}: {first['msg']}.", hint=about)
