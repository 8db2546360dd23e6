"""The property definitions that a portal starts with: HubSpot's own, one set per stage, and custom ones."""

import csv
import itertools
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from coppermind_pipeline.sandbox.portal.definitions import Definition, Definitions, define
from coppermind_pipeline.sandbox.portal.object_kinds import COMPANIES, CONTACTS, DEALS, ObjectKind
from coppermind_pipeline.sandbox.portal.pipelines import LIFECYCLE_STAGES, Pipelines

#: Words from which the names of further custom properties are made, so that a portal has hundreds, as real ones do.
_TOPICS = (
    ("onboarding", "Onboarding"),
    ("renewal", "Renewal"),
    ("billing", "Billing"),
    ("webinar", "Webinar"),
    ("event_2025", "Event 2025"),
    ("partner", "Partner"),
    ("support", "Support"),
    ("trial", "Trial"),
    ("contract", "Contract"),
    ("erp", "ERP"),
    ("legacy_crm", "Legacy CRM"),
    ("survey", "Survey"),
)
_ATTRIBUTES = (
    ("status", "status", "enumeration"),
    ("owner_name", "owner name", "string"),
    ("start_date", "start date", "date"),
    ("last_sync", "last sync", "datetime"),
    ("score", "score", "number"),
    ("notes", "notes", "string"),
    ("opt_in", "opt-in", "bool"),
    ("reference_id", "reference ID", "string"),
    ("seats", "seats", "number"),
    ("region", "region", "enumeration"),
    ("score_total", "score total", "calculation"),
    ("campaign", "campaign", "string"),
    ("end_date", "end date", "date"),
    ("tier", "tier", "enumeration"),
    ("source_file", "source file", "string"),
)
_STATUS_OPTIONS = (("open", "Open"), ("in_review", "In review"), ("done", "Done"), ("dropped", "Dropped"))
_CUSTOM_GROUP = "custom_properties"


def starting_definitions(kind: ObjectKind, pipelines: Pipelines, *, count: int) -> Definitions:
    """Return about `count` definitions of a kind; never fewer than HubSpot's own and those of the stages."""
    own = [*_from_files(kind), *_of_stages(kind, pipelines), *_custom(kind)]
    further = itertools.islice(_further_custom(kind), max(0, count - len(own)))
    return Definitions(kind, [*own, *further])


def stage_definitions(stage_id: str, label: str) -> Iterator[Definition]:
    """Yield the definitions that HubSpot keeps for each stage of a pipeline; they go with the stage."""
    for name, title, kind in (
        ("hs_v2_date_entered_", "Date entered", "datetime"),
        ("hs_v2_date_exited_", "Date exited", "datetime"),
        ("hs_v2_latest_time_in_", "Latest time in", "number"),
        ("hs_v2_cumulative_time_in_", "Cumulative time in", "number"),
    ):
        yield define(
            f"{name}{stage_id}",
            label=f'{title} "{label}"',
            type=kind,
            group="stages",
            read_only=True,
            description=f"{title} the stage {label}; kept by HubSpot.",
        )


def custom_text(name: str, *, label: str | None = None) -> Definition:
    """Return a text property of the portal's own, as an unknown column of a loaded file becomes one."""
    label = label or name.replace("_", " ").strip().capitalize() or name
    return define(name, label=label, type="string", group=_CUSTOM_GROUP, hubspot_defined=False)


def _of_stages(kind: ObjectKind, pipelines: Pipelines) -> Iterator[Definition]:
    if kind is DEALS:
        stages = [(stage.id, stage.label) for p in pipelines.by_kind.get(DEALS, []) for stage in p.stages]
    else:
        stages = list(LIFECYCLE_STAGES)
    return itertools.chain.from_iterable(stage_definitions(stage_id, label) for stage_id, label in stages)


def _from_files(kind: ObjectKind) -> Iterator[Definition]:
    group = f"{kind.singular}information"
    for row in _rows("shared") + _rows(kind.name):
        yield _definition(row, group=group if row["group"] == "information" else row["group"])


def _definition(row: dict[str, str], *, group: str) -> Definition:
    flags = row["flags"]
    more: dict[str, Any] = {}
    if "o" in flags:
        more["referencedObjectType"] = "OWNER" if row["name"] == "hubspot_owner_id" else "COMPANY"
    if "$" in flags:
        more["showCurrencySymbol"] = True
    if "h" in flags:
        more["hidden"] = True
    if "f" in flags:
        # Some calculated properties don't say so, except by their field type.
        more["calculated"] = False
    return define(
        row["name"],
        label=row["label"],
        type=row["type"],
        field_type=row["field_type"],
        group=group,
        options=_options()[row["options"]] if row["options"] else (),
        read_only="r" in flags,
        external_options="e" in flags,
        more=more,
    )


def _custom(kind: ObjectKind) -> Iterable[Definition]:
    """The custom properties that generated records use."""
    tiers = (("a", "A: strategic"), ("b", "B: growth"), ("c", "C: standard"))
    regions = (("north_america", "North America"), ("dach", "DACH"), ("uk_ireland", "UK & Ireland"), ("row", "Other"))
    products = (("core", "Core"), ("analytics", "Analytics"), ("services", "Services"), ("training", "Training"))
    each = [
        ("account_region", "Account region", "enumeration", "select", regions),
        ("external_system_id", "External system ID", "string", "text", ()),
        ("last_review_date", "Last review date", "date", "date", ()),
    ]
    own = {
        CONTACTS: [
            ("nps_score", "NPS score", "number", "number", ()),
            ("interests", "Interests", "enumeration", "checkbox", products),
            ("disqualification_reason", "Disqualification reason", "enumeration", "select", _DISQUALIFIED),
        ],
        COMPANIES: [
            ("client_tier", "Client tier", "enumeration", "select", tiers),
            ("products_owned", "Products owned", "enumeration", "checkbox", products),
        ],
        DEALS: [
            ("competitor", "Competitor", "string", "text", ()),
            ("contract_start", "Contract start", "date", "date", ()),
            ("products_quoted", "Products quoted", "enumeration", "checkbox", products),
        ],
    }[kind]
    for name, label, type_, field_type, options in each + own:
        yield define(
            name,
            label=label,
            type=type_,
            field_type=field_type,
            group=_CUSTOM_GROUP,
            options=options,
            hubspot_defined=False,
        )


_DISQUALIFIED = (
    ("no_budget", "No budget"),
    ("wrong_fit", "Not a fit"),
    ("competitor", "Works for a competitor"),
    ("no_response", "No response"),
)


def _further_custom(kind: ObjectKind) -> Iterator[Definition]:
    for round_ in itertools.count():
        ending, said = (f"_{round_ + 1}", f" {round_ + 1}") if round_ else ("", "")
        for (topic, title), (attribute, text, type_) in itertools.product(_TOPICS, _ATTRIBUTES):
            calculated = type_ == "calculation"
            yield define(
                f"{topic}_{attribute}{ending}",
                label=f"{title} {text}{said}",
                type="number" if calculated else type_,
                field_type="calculation_equation" if calculated else None,
                group=_CUSTOM_GROUP,
                options=_STATUS_OPTIONS if type_ == "enumeration" else (),
                description=f"Kept by the {title.lower()} team for each {kind.singular}.",
                hubspot_defined=False,
                more={"calculated": True, "calculationFormula": f"{topic}_score + {topic}_seats"}
                if calculated
                else None,
            )


@cache
def _rows(name: str) -> list[dict[str, str]]:
    text = files("coppermind_pipeline.sandbox").joinpath("data", f"properties_{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def _options() -> dict[str, list[tuple[str, str]]]:
    return orjson.loads(files("coppermind_pipeline.sandbox").joinpath("data", "options.json").read_bytes())
