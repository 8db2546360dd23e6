"""Groups of a report: which are shown under their own name, in which order, and what people read as their name."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from coppermind_pipeline.catalog import Portal
from coppermind_pipeline.crm import UNKNOWN_COUNTRY, Labels, Outcome, country_label
from coppermind_pipeline.reports.figures.deals import OTHER, GroupKey
from coppermind_pipeline.reports.figures.losses import NO_REASON_LABEL
from coppermind_pipeline.reports.figures.measures import (
    Cell,
    Days,
    Figures,
    Measure,
    RangeFigures,
    TopDeal,
    figures_of,
    range_figures_of,
)
from coppermind_pipeline.reports.figures.selection import NO_SOURCE
from coppermind_pipeline.reports.question.places import GroupPlace
from coppermind_pipeline.reports.question.request import OUTCOMES, GroupBy
from coppermind_pipeline.reports.sizing.groups import PartlyTold
from coppermind_pipeline.reports.sizing.own_groups import own_groups
from coppermind_pipeline.wording import capitalized, month

NamesOf = Callable[[Collection[GroupKey]], Mapping[GroupKey, str]]


class _Named(BaseModel):
    model_config = ConfigDict(frozen=True)

    key: str
    label: str
    portal_id: int | None
    connector_id: str | None


class Group(Figures, _Named, PartlyTold):
    """The figures of one group of one portal; the key is HubSpot's internal value, `other` what was added up.

    For a client the key is the label, and there is no id of a portal or a connector.

    `compared_with`: the same group's in the earlier range, where one was asked for; of a month, the month that has its
    place there.
    """

    compared_with: RangeFigures | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCells:
    """One group that is shown: its name and what it adds up, `earlier` of the compared range.

    Attributes:
        place: among the groups; None for what was added up.
        outcomes: of the deals in it.
        groups: how many are in it.
    """

    key: str
    label: str
    portal: Portal
    cells: Sequence[Cell]
    earlier: Sequence[Cell] = ()
    days: Days = field(default_factory=Days)
    earlier_days: Days = field(default_factory=Days)
    place: GroupPlace | None = None
    outcomes: Sequence[Outcome] = OUTCOMES
    groups: int = 1

    @property
    def shown_key(self) -> str:
        """The key that readers see: where portals are the groups, the portal's id."""
        return self.key or str(self.portal.hub_id or self.portal.connector_id)

    @property
    def group_key(self) -> GroupKey:
        """The connector and the key, under which the store's other answers speak of the group."""
        return self.portal.connector_id, self.key

    @property
    def shown_group_key(self) -> GroupKey:
        """The same with the key that readers see, which the answer's id names the group by."""
        return self.portal.connector_id, self.shown_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Arranged:
    """The groups of one page, and the keys of those that earlier pages have."""

    groups: Sequence[GroupCells] = ()
    passed: Sequence[GroupKey] = ()


def arrange(
    cells: Iterable[Cell],
    *,
    portals: Sequence[Portal],
    labels: Mapping[str, Labels],
    group_by: GroupBy | None,
    groups_max: int,
    outcomes: Sequence[Outcome] = OUTCOMES,
    names_of: NamesOf = lambda _: {},
    earlier: Iterable[Cell] = (),
    after: GroupPlace | None = None,
    again: Collection[str] | None = None,
) -> Arranged:
    """Return the groups to show, by portal and then largest first (months in their order), the rest as `other`.

    The size of a group is what its won deals are worth in the company currency, then their number, then the number of
    all its deals; where won deals are left out, open or else lost deals count instead. Groups of losses are as large as
    they have lost deals. Months are all shown. Without `group_by`, each of several portals is a group, and one portal
    alone has none. A group of which only the earlier range has deals is one, too.

    Args:
        outcomes: those of the deals in the groups.
        names_of: returns what groups are called that no label tells of.
        after: only groups behind the one that has this place, or had it; of months, the earlier ones.
        again: of an answer that is made again, the groups that stand by themselves (`own_groups`).
    """
    before = _by_group(earlier)
    found: dict[GroupKey, list[Cell]] = {group: [] for group in before} | _by_group(cells)
    if group_by is None:
        return _by_portal(found, before, portals, after) if len(portals) > 1 else Arranged()
    sizes = {group: _size(group_by, outcomes, found[group]) for group in found}
    places = {group: _place(group_by, group, sizes[group]) for group in found}
    passed = [] if after is None else [group for group in found if places[group].sort_key >= after.sort_key]
    found = {group: found[group] for group in found if group not in set(passed)}
    ranked = sorted(found, key=lambda group: places[group].sort_key, reverse=True)
    kept = own_groups(ranked, most=len(ranked) if group_by is GroupBy.MONTH else groups_max, again=again)
    names = names_of(kept)
    arranged: list[GroupCells] = []
    for portal in portals:
        mine = [group for group in found if group[0] == portal.connector_id]
        shown = [
            GroupCells(
                key=group[1],
                label=names.get(group)
                or _label(group_by, group[1], found[group] or before[group], labels[portal.connector_id]),
                portal=portal,
                cells=found[group],
                earlier=before.get(group, ()),
                place=places[group],
                outcomes=outcomes,
            )
            for group in mine
            if group in kept
        ]
        shown.sort(key=lambda group: (*_order(group_by, group.key, sizes[group.group_key]), group.label, group.key))
        rest = [GroupCells(key=group[1], label="", portal=portal, cells=found[group], earlier=before.get(group, ()),
                           outcomes=outcomes)
                for group in mine if group not in kept]  # fmt: skip
        arranged += [*shown, added_up(rest)] if rest else shown
    return Arranged(groups=arranged, passed=passed)


def added_up(groups: Sequence[GroupCells]) -> GroupCells:
    """Return groups as one, which is called "Other (12)"."""
    number_of = sum(group.groups for group in groups)
    return GroupCells(
        key=OTHER,
        label=f"Other ({number_of})",
        portal=groups[0].portal,
        cells=[cell for group in groups for cell in group.cells],
        earlier=[cell for group in groups for cell in group.earlier],
        days=sum((group.days for group in groups), Days()),
        earlier_days=sum((group.earlier_days for group in groups), Days()),
        outcomes=groups[0].outcomes,
        groups=number_of,
    )


def group_of(cells: GroupCells, *, top_deals: Sequence[TopDeal], compared: bool) -> Group:
    """Return a group with its figures, and those of the earlier range where there is one."""
    figures = figures_of(cells.cells, days=cells.days, top_deals=top_deals, outcomes=cells.outcomes)
    earlier = range_figures_of(cells.earlier, days=cells.earlier_days, outcomes=cells.outcomes)
    return Group(
        key=cells.shown_key,
        label=cells.label,
        portal_id=cells.portal.hub_id,
        connector_id=cells.portal.connector_id,
        **dict(figures),
        compared_with=earlier if compared else None,
    )


def _by_group(cells: Iterable[Cell]) -> dict[GroupKey, list[Cell]]:
    found: defaultdict[GroupKey, list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.key is not None:
            found[cell.connector_id, cell.key].append(cell)
    return dict(found)


def _by_portal(
    found: Mapping[GroupKey, Sequence[Cell]],
    before: Mapping[GroupKey, Sequence[Cell]],
    portals: Sequence[Portal],
    after: GroupPlace | None,
) -> Arranged:
    keys = [(portal.connector_id, "") for portal in portals]
    places = [GroupPlace(size=(Decimal(-n),), connector_id=key[0], key="") for n, key in enumerate(keys)]
    groups = [
        GroupCells(key="", label=capitalized(portal.name), portal=portal, cells=found.get(key, ()),
                   earlier=before.get(key, ()), place=place)
        for key, portal, place in zip(keys, portals, places, strict=True)
        if after is None or place.sort_key < after.sort_key
    ]  # fmt: skip
    return Arranged(groups=groups, passed=keys[: len(keys) - len(groups)])


def _place(group_by: GroupBy, group: GroupKey, size: Sequence[Decimal | int]) -> GroupPlace:
    connector_id, key = group
    if group_by is GroupBy.MONTH:
        return GroupPlace(month=key, connector_id=connector_id, key=key)
    return GroupPlace(size=tuple(map(Decimal, size)), connector_id=connector_id, key=key)


def _size(group_by: GroupBy, outcomes: Sequence[Outcome], cells: Sequence[Cell]) -> tuple[Decimal | int, ...]:
    measure = next(measure for outcome, measure in _SIZED_BY.items() if outcome in outcomes)
    counted = [cell for cell in cells if cell.measure is measure]
    worth, deals = sum((cell.worth for cell in counted), Decimal()), sum(cell.deals for cell in counted)
    of_all = sum(cell.deals for cell in cells)
    return (deals, worth, of_all) if group_by.of_losses else (worth, deals, of_all)


_SIZED_BY: Mapping[Outcome, Measure] = {
    "won": Measure.CLOSED_WON,
    "open": Measure.OPEN,
    "lost": Measure.CLOSED_LOST,
}


def _order(group_by: GroupBy, key: str, size: Sequence[Decimal | int]) -> tuple[Decimal | str | int, ...]:
    # "none" sorts behind all digits.
    return (key,) if group_by is GroupBy.MONTH else tuple(-each for each in size)


def _label(group_by: GroupBy, key: str, cells: Sequence[Cell], labels: Labels) -> str:
    match group_by:
        case GroupBy.SOURCE:
            return labels.source(None if key == NO_SOURCE else key).as_heading
        case GroupBy.OWNER:
            return labels.owner(None if key == "none" else key).as_heading
        case GroupBy.PIPELINE:
            return labels.pipeline(None if key == "none" else key).as_heading
        case GroupBy.STAGE:
            return _stage_label(key, labels)
        case GroupBy.MONTH:
            return "No date" if key == "none" else month(date.fromisoformat(f"{key}-01"))
        case GroupBy.COUNTRY:
            return capitalized(_country(key, cells))
        case GroupBy.REGION:
            country = key.partition("/")[0]
            region = next((cell.region for cell in cells if cell.region), None) or "Unknown region"
            return capitalized(f"{region}, {_country(country, cells)}")
        case GroupBy.COMPANY:
            return "No company" if key == "none" else "A company without a name"
        case GroupBy.LOSS_THEME | GroupBy.LOSS_REASON:
            return NO_REASON_LABEL


def _stage_label(key: str, labels: Labels) -> str:
    pipeline, _, stage = key.partition("/")
    pipeline_id = None if pipeline == "none" else pipeline
    label = labels.stage(pipeline_id, None if stage == "none" else stage)
    of_pipeline = f" ({labels.pipeline(pipeline_id)})" if len(labels.pipelines) > 1 else ""
    return f"{label.as_heading}{of_pipeline}"


def _country(key: str, cells: Sequence[Cell]) -> str:
    if key == "unknown":
        return UNKNOWN_COUNTRY
    if key.startswith("unrecognized:"):
        return country_label(None, next((cell.text for cell in cells if cell.text), None))
    return country_label(key, None)
