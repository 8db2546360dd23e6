"""Channel mix: what each source brought, from contacts to closed-won revenue."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, text

from coppermind_pipeline.synthesis.aggregates.rates import Comparison, Rate, rates_by_source
from coppermind_pipeline.synthesis.aggregates.sums import MoneyTotal, add_up

Business = Literal["new", "existing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WonDeals:
    """Won deals and what they brought in.

    `revenue_home`: in the portal's company currency; None where a deal with an amount has none in it.
    """

    deals: int
    revenue: tuple[MoneyTotal, ...]
    revenue_home: Decimal | None

    @property
    def without_amount(self) -> int:
        """Won deals that have no amount, which is not an amount of zero."""
        return self.deals - sum(total.deals for total in self.revenue)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One source, or all of them together.

    Attributes:
        source: HubSpot's internal value; None is the unknown source (and the total).
        contacts: those of the window whose own source it is.
        deals: those attributed to it; `won`, `lost` and `open` are parts of it.
        new, existing: the won deals that say which kind of business they are.
        median_days_to_close: from creation to close date, over the won deals that did not close before their creation,
            which `closed_before_created` counts.
    """

    source: str | None
    contacts: int
    deals: int
    won: WonDeals
    lost: int
    open: int
    new: WonDeals
    existing: WonDeals
    median_days_to_close: Decimal | None
    closed_before_created: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionSteps:
    """How many deals got their source from which record; `unknown`: from none."""

    deal: int
    contact: int
    company: int
    unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelMix:
    """All sources, most won deals first, then most deals and contacts; and how deals came by theirs.

    `win_rates`: which of them stand out, once they are compared with all rates of the synthesis.
    """

    total: Channel
    channels: tuple[Channel, ...]
    steps: AttributionSteps
    win_rates: Comparison = field(default_factory=Comparison)

    @property
    def says_business(self) -> bool:
        """Whether at least half of the won deals say if they are new or existing business."""
        said = self.total.new.deals + self.total.existing.deals
        return 0 < self.total.won.deals <= 2 * said

    def rates_to_compare(self) -> list[Rate]:
        """Return the win rates of the sources."""
        return rates_by_source("won", {each.source: (each.won.deals, each.won.deals + each.lost)
                                       for each in self.channels})  # fmt: skip


def channel_mix(connection: Connection) -> ChannelMix:
    """Compute the channel mix of the population that is laid out."""
    contacts = {row.source: row.contacts for row in connection.execute(text(_CONTACTS))}
    deals = [dict(row) for row in connection.execute(text(_DEALS)).mappings()]
    revenue = [_Cell(**row) for row in connection.execute(text(_REVENUE)).mappings()]
    cells: defaultdict[str | None, list[_Cell]] = defaultdict(list)
    for cell in revenue:
        cells[cell.source].append(cell)
    total = next(row for row in deals if row["is_total"])
    by_source = {row["source"]: row for row in deals if not row["is_total"]}
    channels = [
        _channel(source, contacts.get(source, 0), by_source.get(source, _NO_DEALS), cells[source])
        for source in {*contacts, *by_source}
    ]
    return ChannelMix(
        total=_channel(None, sum(contacts.values()), total, revenue),
        channels=tuple(sorted(channels, key=_order)),
        steps=AttributionSteps(
            deal=total["by_deal"], contact=total["by_contact"], company=total["by_company"], unknown=total["by_none"]
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """The won deals of one source, kind of business and currency."""

    source: str | None
    business: Business | None
    currency: str | None
    won: int
    priced: int
    amount: Decimal
    amount_home: Decimal
    without_home: int


def _channel(source: str | None, contacts: int, deals: Mapping[str, Any], cells: list[_Cell]) -> Channel:
    return Channel(
        source=source,
        contacts=contacts,
        deals=deals["deals"],
        won=_won(cells),
        lost=deals["lost"],
        open=deals["open"],
        new=_won(cell for cell in cells if cell.business == "new"),
        existing=_won(cell for cell in cells if cell.business == "existing"),
        median_days_to_close=None if deals["median_days"] is None else Decimal(str(deals["median_days"])),
        closed_before_created=deals["closed_before_created"],
    )


def _won(cells: Iterable[_Cell]) -> WonDeals:
    cells = list(cells)
    home = None if any(cell.without_home for cell in cells) else sum((c.amount_home for c in cells), Decimal(0))
    return WonDeals(
        deals=sum(cell.won for cell in cells),
        revenue=add_up(MoneyTotal(currency=c.currency, deals=c.priced, amount=c.amount) for c in cells),
        revenue_home=home,
    )


def _order(channel: Channel) -> tuple[int, int, int, str]:
    return (-channel.won.deals, -channel.deals, -channel.contacts, channel.source or "")


_NO_DEALS = {"deals": 0, "lost": 0, "open": 0, "median_days": None, "closed_before_created": 0}

_CONTACTS = "SELECT source, count(*) AS contacts FROM counted_contacts GROUP BY source"

_DEALS = """
SELECT grouping(source) = 1 AS is_total, source, count(*) AS deals,
       count(*) FILTER (WHERE outcome = 'lost') AS lost,
       count(*) FILTER (WHERE outcome = 'open') AS open,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY days_to_close)
           FILTER (WHERE outcome = 'won' AND days_to_close >= 0) AS median_days,
       count(*) FILTER (WHERE outcome = 'won' AND days_to_close < 0) AS closed_before_created,
       count(*) FILTER (WHERE attribution_step = 'deal') AS by_deal,
       count(*) FILTER (WHERE attribution_step = 'contact') AS by_contact,
       count(*) FILTER (WHERE attribution_step = 'company') AS by_company,
       count(*) FILTER (WHERE attribution_step IS NULL) AS by_none
  FROM counted_deals GROUP BY GROUPING SETS ((source), ())
"""

_REVENUE = """
SELECT source,
       CASE deal_type WHEN 'newbusiness' THEN 'new' WHEN 'existingbusiness' THEN 'existing' END AS business,
       currency, count(*) AS won, count(amount) AS priced, coalesce(sum(amount), 0) AS amount,
       coalesce(sum(amount_home), 0) AS amount_home, count(amount) - count(amount_home) AS without_home
  FROM counted_deals WHERE outcome = 'won' GROUP BY 1, 2, 3
"""
