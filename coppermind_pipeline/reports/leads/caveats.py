"""What a reader of a lead report must know before any figure, and how its figures are counted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from coppermind_pipeline.crm import Labels
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports.leads.contacts import LabelUse
from coppermind_pipeline.reports.leads.measures import MATURE_AFTER_DAYS, LeadRangeFigures
from coppermind_pipeline.reports.trust.caveats import RangeFindings, offline_label, range_caveats
from coppermind_pipeline.wording import are, clock_with_zone, count, have, listed, number

# How the figures are counted, whatever they are.
NOTES = (
    "Customers here are contacts in that lifecycle stage, not companies; a contact that was merged counts once.",
    "A contact's source is its own original source; the deal report finds that of a deal by another rule.",
    "Owner, lifecycle stage and leaks are those of now.",
    "Entries into stages are those in the range, whenever the contact was created; the rest is of those created in it.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadFindings(RangeFindings):
    """Everything that the caveats of a lead report are made from.

    Attributes:
        unknown_dates: by label of the stage, contacts that have been in it, nobody knows since when.
        seen: entries in the range that are dated by when the change was first read.
        undated: contacts without a create date.
        shows_owners: the answer says whose contacts are; else their names are of no concern.
    """

    labels: Mapping[str, Labels]
    include_filtered: bool
    figures: LeadRangeFigures
    earlier: LeadRangeFigures | None
    unknown_dates: Mapping[str, int]
    seen: int
    undated: int
    label_uses: Sequence[LabelUse]
    shows_owners: bool


def lead_caveats(found: LeadFindings) -> list[str]:
    """Return the caveats, those about the portals first; empty where there is nothing to say."""
    return [*range_caveats(found), *(sentence for rule in _RULES for sentence in rule(found))]


def _filters_lifted(found: LeadFindings) -> Iterable[str]:
    if found.include_filtered:
        yield "Contacts that the configured filters leave out are counted, as asked."


def _several_portals(found: LeadFindings) -> Iterable[str]:
    if len(found.portals) > 1:
        names = listed([portal.name for portal in found.portals])
        yield f"The figures come from {len(found.portals)} portals ({names}); the same person may be in both."


def _offline(found: LeadFindings) -> Iterable[str]:
    new, offline = found.figures.new_contacts, found.figures.offline
    if offline:
        yield (
            f"{number(offline)} of {count(new, 'new contact')} {have(offline)} the source "
            f"{offline_label(found.labels)}, as all have that were imported, added by hand or synced from another "
            "tool: they may be old acquaintances."
        )


def _maturing(found: LeadFindings) -> Iterable[str]:
    cohort = found.figures.cohort
    if cohort.still_maturing and cohort.age_days is not None:
        yield (
            f"The cohort is still maturing: its youngest contact was created {count(cohort.age_days, 'day')} ago, less "
            f"than {MATURE_AFTER_DAYS}, so that the shares of it that reached a stage will rise."
        )


def _followed(found: LeadFindings) -> Iterable[str]:
    if found.earlier is None or found.earlier.cohort.followed_until is None:
        return
    cohort = found.earlier.cohort
    until = found.earlier.cohort.followed_until
    undated = max((cohort.undated or {}).values(), default=0)
    left_out = (
        f"; {count(undated, 'contact')} of it that reached a stage, nobody knows when, {are(undated)} not counted"
        if undated
        else ""
    )
    yield (
        "Both cohorts are followed equally long: of the earlier one counts what happened until "
        f"{clock_with_zone(until, found.zone)}, when it was as old as the later one is{left_out}."
    )


def _unknown_dates(found: LeadFindings) -> Iterable[str]:
    if found.unknown_dates:
        stages = listed([f"{label} {number(contacts)}" for label, contacts in found.unknown_dates.items()])
        yield f"Of some contacts it is not known when they entered a stage; they are in no range's entries: {stages}."


def _seen(found: LeadFindings) -> Iterable[str]:
    if found.seen:
        yield (
            f"{count(found.seen, 'entry')} into a stage {have(found.seen)} no date in HubSpot, and {are(found.seen)} "
            "dated by the first version of the contact that was read in that stage."
        )


def _undated(found: LeadFindings) -> Iterable[str]:
    if found.undated:
        contacts = count(found.undated, "contact")
        yield f"{contacts} {have(found.undated)} no create date and {are(found.undated)} new in no period."


def _labels(found: LeadFindings) -> Iterable[str]:
    for kind in ("owner", "source", "lifecycle stage") if found.shows_owners else ("source", "lifecycle stage"):
        unresolved = [use for use in found.label_uses if use.kind == kind and not _resolved(use, found.labels)]
        contacts = sum(use.contacts for use in unresolved)
        if contacts:
            what = f"{'an' if kind == 'owner' else 'a'} {kind} that HubSpot has no name for"
            yield f"{count(contacts, 'new contact')} {have(contacts)} {what}."


_RULES = (
    _filters_lifted,
    _several_portals,
    _offline,
    _maturing,
    _followed,
    _unknown_dates,
    _seen,
    _undated,
    _labels,
)


def _resolved(use: LabelUse, labels: Mapping[str, Labels]) -> bool:
    known = labels[use.connector_id]
    match use.kind:
        case "owner":
            return known.owner(use.owner).resolved
        case "source":
            return known.source(use.source).resolved
        case _:
            return known.lifecycle_stage(ObjectType.CONTACTS, use.stage).resolved
