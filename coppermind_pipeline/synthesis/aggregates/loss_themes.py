"""Loss themes: why deals were lost, grouped by the table of loss reasons."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from coppermind_pipeline import crm
from coppermind_pipeline.synthesis.aggregates.aggregate import RECORDS_MIN
from coppermind_pipeline.synthesis.aggregates.sums import MoneyTotal, add_up

EXAMPLE_CHARS_MAX = 160
_ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LostDeals:
    """Lost deals and the value that was lost with those that have an amount."""

    deals: int
    value: tuple[MoneyTotal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """The latest lost deal of a theme; `deal_name` None where it has no name."""

    reason: str
    deal_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LossTheme:
    """The lost deals of one theme; of a reason that the table doesn't know, its own."""

    theme: crm.LossTheme
    lost: LostDeals
    example: Example | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LossThemes:
    """All lost deals: each in one theme, among the other reasons, or without a reason.

    Attributes:
        themes: most deals first; of reasons that the table doesn't know the most frequent ones.
        other: rarer reasons that the table doesn't know, and those that have no label in HubSpot any more.
    """

    total: LostDeals
    themes: tuple[LossTheme, ...]
    other: LostDeals
    without_reason: LostDeals

    @property
    def top(self) -> tuple[LossTheme, ...]:
        """The theme with most deals, and those level with it; none where that is fewer than 5 deals."""
        most = max((each.lost.deals for each in self.themes), default=0)
        return tuple(each for each in self.themes if each.lost.deals == most) if most >= RECORDS_MIN else ()


def loss_themes(connection: Connection, *, label_of: Callable[[str], str | None]) -> LossThemes:
    """Compute the loss themes of the population that is laid out.

    Args:
        label_of: returns a stored reason as a person reads it; None where HubSpot has no label for it any more.
    """
    sums: dict[str, _Sum] = {}
    themes: dict[str, crm.LossTheme] = {}
    other, without_reason, total = _Sum(), _Sum(), _Sum()
    # Free text may be different for each lost deal.
    rows = connection.execute(text(_REASONS), execution_options={"yield_per": _ROWS_AT_ONCE})
    for row in rows:
        found = _Sum(deals=row.deals, value=(MoneyTotal(currency=row.currency, deals=row.priced, amount=row.amount),))
        total.take(found)
        if row.lacks_reason:
            without_reason.take(found)
            continue
        reason = label_of(row.loss_reason)
        if (theme := crm.recorded_loss_theme(row.loss_reason, reason)) is not None:
            themes.setdefault(theme.key, theme)
            sums.setdefault(theme.key, _Sum()).take(found)
            sums[theme.key].offer(row.closed_at or _LONG_AGO, reason, row.name)
        else:
            other.take(found)
    ranked = sorted(sums, key=lambda key: (-sums[key].deals, key))
    rare = [key for key in ranked if themes[key].covers is None][crm.OWN_LOSS_THEMES_MAX :]
    for key in rare:
        other.take(sums.pop(key))
    return LossThemes(
        total=total.lost(),
        themes=tuple(
            LossTheme(theme=themes[key], lost=sums[key].lost(), example=sums[key].example())
            for key in ranked
            if key in sums
        ),
        other=other.lost(),
        without_reason=without_reason.lost(),
    )


@dataclass(slots=True)
class _Sum:
    deals: int = 0
    value: tuple[MoneyTotal, ...] = ()
    latest: tuple[datetime, str, str | None] | None = field(default=None)

    def take(self, other: "_Sum") -> None:
        """Add the deals and the value of another one."""
        self.deals += other.deals
        self.value = add_up((*self.value, *other.value))

    def offer(self, closed_at: datetime, reason: str | None, deal_name: str | None) -> None:
        """Take the deal as the example where it closed later than the one so far."""
        if reason is not None and (self.latest is None or (closed_at, reason) > self.latest[:2]):
            self.latest = (closed_at, reason, deal_name)

    def lost(self) -> LostDeals:
        return LostDeals(deals=self.deals, value=self.value)

    def example(self) -> Example | None:
        if self.latest is None:
            return None
        _, reason, deal_name = self.latest
        return Example(reason=reason[:EXAMPLE_CHARS_MAX], deal_name=deal_name)


_LONG_AGO = datetime.min.replace(tzinfo=UTC)

_REASONS = """
SELECT loss_reason, lacks_reason('lost', loss_reason) AS lacks_reason, currency, count(*) AS deals,
       count(amount) AS priced, coalesce(sum(amount), 0) AS amount, max(close_at) AS closed_at,
       (array_agg(name ORDER BY close_at DESC NULLS LAST, hubspot_id))[1] AS name
  FROM counted_deals WHERE outcome = 'lost'
 GROUP BY loss_reason, currency
 ORDER BY loss_reason, currency
"""
