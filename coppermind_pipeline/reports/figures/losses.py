"""Losses: why the deals of a range were lost, in themes.

The store adds up lost deals by their reason; only distinct reasons are looked at one by one, by the table of loss
reasons that texts and synthesis ask, too. A lost deal is without a reason where its interpretation found none.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, text

from coppermind_pipeline import crm
from coppermind_pipeline.catalog import Portal
from coppermind_pipeline.crm import Labels, day_of
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports.figures.deals import OTHER, GroupKey
from coppermind_pipeline.reports.figures.measures import Cell, DealSum, Measure, rate, sum_of
from coppermind_pipeline.reports.figures.selection import IN_RANGE, NO_REASON, DealSelection, Which, with_deals
from coppermind_pipeline.reports.sizing.own_groups import own_groups, theme_key
from coppermind_pipeline.reports.trust.portals import SyncedPortal
from coppermind_pipeline.wording import number, one_line

REASONS_MAX = 10
REASON_CHARS_MAX = 160

NO_REASON_LABEL = "No reason given"
UNLABELLED = crm.LossTheme(
    "unlabelled", "Reasons that HubSpot no longer has a label for", "objection", covers="options that were removed"
)
# What a client reads in the place of a theme that is the reason itself, word for word.
ANOTHER_REASON = crm.LossTheme("another_reason", "Another reason", "objection", covers="reasons of no known theme")

# When it was lost, connector, deal, and its name.
_Latest = tuple[datetime, str, str, str | None]


class LossReason(BaseModel):
    """A reason as a person reads it, and the lost deals that give it."""

    model_config = ConfigDict(frozen=True)

    reason: str
    deals: int


class MoreReasons(BaseModel):
    """The rarer reasons of a theme, which are not listed."""

    model_config = ConfigDict(frozen=True)

    reasons: int
    deals: int


class LossExample(BaseModel):
    """The latest lost deal of a theme."""

    model_config = ConfigDict(frozen=True)

    connector_id: str
    deal_id: str
    name: str | None
    reason: str
    report_date: date | None
    link: str | None


class _Named(BaseModel):
    model_config = ConfigDict(frozen=True)

    theme: str
    label: str


class LossTheme(DealSum, _Named):
    """Lost deals whose reasons are about one thing; `share` is of all lost deals, in four digits.

    `theme` is a word of the table of loss reasons; the reason in small letters where no phrase of the table knows it;
    `unlabelled` for options that HubSpot has no label for any more; `other` for what is rare.
    """

    share: str
    reasons: list[LossReason]
    more_reasons: MoreReasons | None
    example: LossExample | None


class Losses(BaseModel):
    """The lost deals of the range, and why they were lost; themes with most deals first, `other` last."""

    model_config = ConfigDict(frozen=True)

    deals: int
    with_reason: int
    without_reason: int
    themes: list[LossTheme]

    @property
    def beside_themes(self) -> list[tuple[str, int]]:
        """The lost deals of none of the themes that are listed, under what they are called."""
        left_out = self.with_reason - sum(theme.deals for theme in self.themes)
        named = (("Themes that did not fit", left_out), (NO_REASON_LABEL, self.without_reason))
        return [(label, deals) for label, deals in named if deals]


@dataclass(frozen=True, slots=True)
class ReasonNames:
    """What recorded reasons are called and are about, portal by portal; `for_client`: no theme quotes a reason."""

    labels: Mapping[str, Labels]
    properties: Mapping[str, str]
    for_client: bool = False

    @classmethod
    def of(cls, portals: Iterable[SyncedPortal], labels: Mapping[str, Labels], *, for_client: bool = False) -> Self:
        """Return those of the portals."""
        properties = {each.connector_id: each.config.hubspot_loss_reason_property for each in portals}
        return cls(labels, properties, for_client)

    def reason(self, connector_id: str, value: str) -> str:
        """Return a recorded reason as a person reads it, cut to one line."""
        label = self.labels[connector_id].option(ObjectType.DEALS, self.properties[connector_id], value)
        return one_line(label.text, REASON_CHARS_MAX)

    def theme(self, connector_id: str, value: str) -> crm.LossTheme:
        """Return what a recorded reason is about."""
        read = self.labels[connector_id].loss_reason(self.properties[connector_id], value)
        theme = crm.recorded_loss_theme(value, read) or UNLABELLED
        return ANOTHER_REASON if self.for_client and theme.covers is None else theme


def losses(
    connection: Connection,
    selection: DealSelection,
    names: ReasonNames,
    *,
    portals: Mapping[str, Portal],
    zone: ZoneInfo,
    themes_max: int,
    again: Collection[str] | None = None,
) -> Losses:
    """Return the losses of the selection's range; themes beyond `themes_max`, and rare reasons, are `other`.

    Args:
        again: of an answer that is made again, the themes that stand by themselves (`own_groups`).
    """
    without_reason = 0
    themes: dict[str, _Theme] = {}
    for row in connection.execute(text(with_deals(_LOSSES, selection, Which.CLOSED)), selection.values()).mappings():
        found = _Found.of(row)
        if found.reason is None:
            without_reason += found.cell.deals
            continue
        theme = names.theme(found.cell.connector_id, found.reason)
        reason = names.reason(found.cell.connector_id, found.reason)
        themes.setdefault(theme.key, _Theme(theme)).take(found, reason)
    with_reason = sum(theme.deals for theme in themes.values())
    total = with_reason + without_reason
    return Losses(
        deals=total,
        with_reason=with_reason,
        without_reason=without_reason,
        themes=[
            theme.shown(of=total, portals=portals, zone=zone) for theme in _shown(themes.values(), themes_max, again)
        ],
    )


def reasons_by_theme(
    connection: Connection, selection: DealSelection, names: ReasonNames
) -> Mapping[str, Sequence[GroupKey]]:
    """Return the reasons of the lost deals that the selection looks at by their theme, each after its connector."""
    found: defaultdict[str, list[GroupKey]] = defaultdict(list)
    statement = text(with_deals(_REASONS, selection, Which.CLOSED, Which.CREATED))
    for row in connection.execute(statement, selection.values()):
        found[names.theme(row.connector_id, row.loss_reason).key].append((row.connector_id, row.loss_reason))
    return found


def themed(cells: Iterable[Cell], names: ReasonNames, *, labels: dict[GroupKey, str]) -> list[Cell]:
    """Return cells that are grouped by reason as cells grouped by theme, and note in `labels` what these are called."""
    found: list[Cell] = []
    for cell in cells:
        if cell.key is None or cell.key == NO_REASON:
            found.append(cell)
            continue
        theme = names.theme(cell.connector_id, cell.key)
        labels[cell.connector_id, theme.key] = theme.label
        found.append(replace(cell, key=theme.key))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The lost deals of one portal, reason and currency, and the latest of them."""

    reason: str | None
    cell: Cell
    latest: _Latest

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> Self:
        values = dict(row)
        at, (_, deal_id, name) = values.pop("latest_at"), values.pop("latest")
        latest = (at, row["connector_id"], deal_id, name)
        return cls(reason=row["key"], cell=Cell(**values, measure=Measure.CLOSED_LOST, weighted=None), latest=latest)


@dataclass(slots=True)
class _Theme:
    """The lost deals of one theme, as they are found."""

    theme: crm.LossTheme
    cells: list[Cell] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    latest: tuple[_Latest, str] | None = None

    @property
    def deals(self) -> int:
        return self.reasons.total()

    def take(self, found: _Found, reason: str) -> None:
        self.cells.append(found.cell)
        self.reasons[reason] += found.cell.deals
        if self.latest is None or found.latest[:3] > self.latest[0][:3]:
            self.latest = found.latest, reason

    def shown(self, *, of: int, portals: Mapping[str, Portal], zone: ZoneInfo) -> LossTheme:
        ranked = sorted(self.reasons.items(), key=lambda each: (-each[1], each[0]))
        listed, more = ranked[:REASONS_MAX], ranked[REASONS_MAX:]
        return LossTheme(
            theme=self.theme.key,
            label=self.theme.label,
            **dict(sum_of(self.cells)),
            share=rate(self.deals, of),
            reasons=[LossReason(reason=reason, deals=deals) for reason, deals in listed],
            more_reasons=MoreReasons(reasons=len(more), deals=sum(deals for _, deals in more)) if more else None,
            example=None if self.latest is None else _example(*self.latest, portals=portals, zone=zone),
        )


def _shown(themes: Iterable[_Theme], themes_max: int, again: Collection[str] | None) -> list[_Theme]:
    """Return the themes that are shown by themselves, most deals first, and what all the others add up to."""
    ranked = sorted(themes, key=lambda theme: (-theme.deals, theme.theme.key))
    own = [theme for theme in ranked if theme.theme.covers is None]
    rare = {theme.theme.key for theme in own[crm.OWN_LOSS_THEMES_MAX :]} if again is None else set()
    frequent = [theme_key(theme.theme.key) for theme in ranked if theme.theme.key not in rare]
    kept = own_groups(frequent, most=themes_max, again=again)
    rest = [theme for theme in ranked if theme_key(theme.theme.key) not in kept]
    return [*(theme for theme in ranked if theme_key(theme.theme.key) in kept), *([_other(rest)] if rest else [])]


def _other(themes: Sequence[_Theme]) -> _Theme:
    label = f"Other ({number(len(themes))})"
    other = _Theme(crm.LossTheme(OTHER, label, "objection"))
    for theme in themes:
        other.cells += theme.cells
        other.reasons += theme.reasons
    other.latest = max((theme.latest for theme in themes if theme.latest is not None), key=lambda each: each[0][:3])
    return other


def _example(latest: _Latest, reason: str, *, portals: Mapping[str, Portal], zone: ZoneInfo) -> LossExample:
    at, connector_id, deal_id, name = latest
    return LossExample(
        connector_id=connector_id,
        deal_id=deal_id,
        name=name,
        reason=reason,
        report_date=day_of(at, zone),
        link=portals[connector_id].record_url(ObjectType.DEALS, deal_id),
    )


_LOSSES = f"""
SELECT connector_id, CASE WHEN NOT lacks_reason(outcome, loss_reason) THEN loss_reason END AS key, currency,
       company_currency AS home_currency,
       count(*) AS deals, count(amount) AS with_amount, sum(amount) AS amount,
       sum(amount_home) FILTER (WHERE amount IS NOT NULL) AS amount_home,
       count(*) FILTER (WHERE amount IS NOT NULL AND amount_home IS NULL) AS without_home,
       coalesce(sum(worth), 0) AS worth, max(report_at) AS latest_at,
       -- As one value, so that no deal has to be sorted for it.
       max(ARRAY[to_char(report_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS'), hubspot_id, name]) AS latest
  FROM deal
 WHERE outcome = 'lost' AND {IN_RANGE}
 GROUP BY connector_id, 2, currency, company_currency
"""

_REASONS = """
SELECT DISTINCT connector_id, loss_reason
  FROM deal
 WHERE outcome = 'lost' AND NOT lacks_reason(outcome, loss_reason)
 ORDER BY connector_id, loss_reason
"""
