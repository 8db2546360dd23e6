"""Groups of a lead report: which are shown under their own name, in which order, and what people read as their name."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from coppermind_pipeline.catalog import Portal
from coppermind_pipeline.crm import UNKNOWN_COUNTRY, Labels, country_label, source_detail
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports.leads.contacts import CreatedCell, EnteredCell, GroupKey, StepDays, all_steps
from coppermind_pipeline.reports.leads.measures import LeadFigures, Setting, figures_of
from coppermind_pipeline.reports.leads.request import LeadGroupBy
from coppermind_pipeline.reports.leads.rows import NONE
from coppermind_pipeline.reports.question.places import GroupPlace
from coppermind_pipeline.reports.sizing.groups import PartlyTold
from coppermind_pipeline.reports.sizing.own_groups import own_groups
from coppermind_pipeline.wording import capitalized, month

# What no key of a portal's own looks like: a lifecycle stage is called "other".
OTHER = "(other)"


class _Named(BaseModel):
    model_config = ConfigDict(frozen=True)

    key: str
    label: str
    portal_id: int | None
    connector_id: str | None


class LeadGroup(LeadFigures, _Named, PartlyTold):
    """The figures of one group; the key is HubSpot's internal value, `other` what was added up."""


@dataclass(slots=True, kw_only=True)
class GroupCells:
    """One group that is shown: its name, and what it adds up.

    Attributes:
        steps: the days between stages of its contacts.
        place: among the groups; None for what was added up.
        groups: how many are in it.
    """

    key: str
    portal: Portal
    group_by: LeadGroupBy | None
    label: str = ""
    created: list[CreatedCell] = field(default_factory=list)
    entered: list[EnteredCell] = field(default_factory=list)
    steps: StepDays = field(default_factory=dict)
    place: GroupPlace | None = None
    groups: int = 1

    @property
    def shown_key(self) -> str:
        """The key that readers see: where portals are the groups, the portal's id."""
        if self.key == OTHER and self.group_by is not LeadGroupBy.LIFECYCLE_STAGE:
            return "other"
        return self.key or str(self.portal.hub_id or self.portal.connector_id)

    @property
    def group_key(self) -> GroupKey:
        """The connector and the key, under which the store's other answers speak of the group."""
        return self.portal.connector_id, self.key

    @property
    def stored_keys(self) -> list[GroupKey]:
        """The connector and each key by which the store groups what is in it."""
        cells = [*self.created, *self.entered]
        return [(self.portal.connector_id, key) for key in dict.fromkeys(cell.stored_key for cell in cells)]

    @property
    def shown_group_key(self) -> GroupKey:
        """The same with the key that readers see, which the answer's id names the group by."""
        return self.portal.connector_id, self.shown_key

    @property
    def size(self) -> tuple[int, int]:
        """What groups are ranked by: new contacts, then entries into stages."""
        return sum(cell.contacts for cell in self.created), sum(cell.contacts for cell in self.entered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arranged:
    """The groups of one page, and the stored keys of those that earlier pages have."""

    groups: Sequence[GroupCells] = ()
    passed: Sequence[GroupKey] = ()


def arrange(
    created: Iterable[CreatedCell],
    entered: Iterable[EnteredCell],
    *,
    portals: Sequence[Portal],
    labels: Mapping[str, Labels],
    group_by: LeadGroupBy | None,
    groups_max: int,
    after: GroupPlace | None = None,
    again: Collection[str] | None = None,
) -> Arranged:
    """Return the groups to show, by portal and then most new contacts first, the rest as `other`.

    Months come in their order, and none is left out. Without `group_by`, each of several portals is a group, and one
    portal alone has none.

    Args:
        after: only groups behind the one that has this place, or had it; of months, the earlier ones.
        again: of an answer that is made again, the groups that stand by themselves (`own_groups`).
    """
    if group_by is None and len(portals) == 1:
        return Arranged()
    groups = _gathered(created, entered, portals, group_by)
    if group_by is None:
        groups = {key: GroupCells(key="", portal=portal, group_by=None) for portal in portals
                  for key in [(portal.connector_id, "")]} | groups  # fmt: skip
    order = [portal.connector_id for portal in portals]
    places = {key: _place(group_by, group, order) for key, group in groups.items()}
    behind = {key for key in groups if after is None or places[key].sort_key < after.sort_key}
    passed = [stored for key, group in groups.items() if key not in behind for stored in group.stored_keys]
    groups = {key: group for key, group in groups.items() if key in behind}
    for key, group in groups.items():
        group.label = _label(group_by, group, labels[group.portal.connector_id])
        group.place = places[key]
    ranked = sorted(groups, key=lambda key: places[key].sort_key, reverse=True)
    if group_by is None:
        kept = set(ranked)
    else:
        kept = own_groups(ranked, most=len(ranked) if group_by is LeadGroupBy.MONTH else groups_max, again=again)
    arranged: list[GroupCells] = []
    for portal in portals:
        mine = {key: group for key, group in groups.items() if key[0] == portal.connector_id}
        shown = [group for key, group in mine.items() if key in kept]
        arranged += sorted(shown, key=lambda group: _order(group_by, group))
        rest = [group for key, group in mine.items() if key not in kept]
        if rest:
            arranged.append(added_up(rest))
    return Arranged(groups=arranged, passed=passed)


def added_up(groups: Sequence[GroupCells]) -> GroupCells:
    """Return groups as one, which is called "Other (12)"."""
    number_of = sum(group.groups for group in groups)
    return GroupCells(
        key=OTHER,
        portal=groups[0].portal,
        group_by=groups[0].group_by,
        label=f"Other ({number_of})",
        created=[cell for group in groups for cell in group.created],
        entered=[cell for group in groups for cell in group.entered],
        steps=all_steps(group.steps for group in groups),
        groups=number_of,
    )


def group_of(cells: GroupCells, setting: Setting) -> LeadGroup:
    """Return a group with its figures."""
    return LeadGroup(
        key=cells.shown_key,
        label=cells.label,
        portal_id=cells.portal.hub_id,
        connector_id=cells.portal.connector_id,
        **dict(figures_of(cells.created, cells.entered, cells.steps, setting)),
    )


def _place(group_by: LeadGroupBy | None, group: GroupCells, portals: Sequence[str]) -> GroupPlace:
    connector_id, key = group.group_key
    if group_by is LeadGroupBy.MONTH:
        return GroupPlace(month=key, connector_id=connector_id, key=key)
    size = group.size if group_by is not None else (-portals.index(connector_id),)
    return GroupPlace(size=tuple(map(Decimal, size)), connector_id=connector_id, key=key)


def _gathered(
    created: Iterable[CreatedCell],
    entered: Iterable[EnteredCell],
    portals: Sequence[Portal],
    group_by: LeadGroupBy | None,
) -> dict[GroupKey, GroupCells]:
    by_id = {portal.connector_id: portal for portal in portals}
    groups: dict[GroupKey, GroupCells] = {}

    def group(cell: CreatedCell | EnteredCell) -> GroupCells:
        key = cell.connector_id, cell.key
        return groups.setdefault(key, GroupCells(key=cell.key, portal=by_id[cell.connector_id], group_by=group_by))

    for cell in created:
        group(cell).created.append(cell)
    for each in entered:
        # Whoever has no date of entry belongs to no month, and is told of in the summary alone.
        if each.dated:
            group(each).entered.append(each)
    return groups


def _order(group_by: LeadGroupBy | None, group: GroupCells) -> tuple[int | str, ...]:
    if group_by is LeadGroupBy.MONTH:
        return (group.key,)
    new, entries = group.size
    return -new, -entries, group.label, group.key


def _label(group_by: LeadGroupBy | None, group: GroupCells, labels: Labels) -> str:
    key, missing = group.key, group.key == "none"
    match group_by:
        case None:
            return capitalized(group.portal.name)
        case LeadGroupBy.SOURCE:
            return labels.source(None if key == NONE else key).as_heading
        case LeadGroupBy.SOURCE_DETAIL:
            return _source_detail(group, labels)
        case LeadGroupBy.OWNER:
            return labels.owner(None if missing else key).as_heading
        case LeadGroupBy.LIFECYCLE_STAGE:
            return labels.lifecycle_stage(ObjectType.CONTACTS, None if missing else key).as_heading
        case LeadGroupBy.MONTH:
            return month(date.fromisoformat(f"{key}-01"))
        case LeadGroupBy.COUNTRY:
            return capitalized(_country(key, group))
        case LeadGroupBy.REGION:
            country = key.partition("/")[0]
            region = next((cell.region for cell in _cells(group) if cell.region), None) or "Unknown region"
            return capitalized(f"{region}, {_country(country, group)}")


def _source_detail(group: GroupCells, labels: Labels) -> str:
    source = group.key.partition("/")[0]
    source = None if source == NONE else source
    words = source_detail(source, next((cell.detail for cell in _cells(group) if cell.detail), None), None)
    return f"{labels.source(source).as_heading}: {words or 'no known detail'}"


def _country(key: str, group: GroupCells) -> str:
    if key == "unknown":
        return UNKNOWN_COUNTRY
    if key.startswith("unrecognized:"):
        return country_label(None, next((cell.text for cell in _cells(group) if cell.text), None))
    return country_label(key, None)


def _cells(group: GroupCells) -> Sequence[CreatedCell | EnteredCell]:
    return [*group.created, *group.entered]
