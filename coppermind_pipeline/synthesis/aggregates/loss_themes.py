"""Loss themes: why deals were lost, grouped by the table of rules."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from coppermind_pipeline.synthesis.aggregates.loss_rules import Theme, theme_of
from coppermind_pipeline.synthesis.aggregates.scopes import RECORDS_MIN
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
    """The lost deals of one theme."""

    theme: Theme
    lost: LostDeals
    example: Example | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LossThemes:
    """All lost deals: each in one theme, most deals first and other reasons last, or without a reason."""

    total: LostDeals
    themes: tuple[LossTheme, ...]
    without_reason: LostDeals

    @property
    def top(self) -> tuple[LossTheme, ...]:
        """The theme with most deals, and those level with it; none where that is fewer than 5 deals.

        Other reasons are no theme.
        """
        named = [each for each in self.themes if each.theme is not Theme.OTHER]
        most = max((each.lost.deals for each in named), default=0)
        return tuple(each for each in named if each.lost.deals == most) if most >= RECORDS_MIN else ()


def loss_themes(connection: Connection, *, label_of: Callable[[str], str | None]) -> LossThemes:
    """Compute the loss themes of the population that is laid out.

    Args:
        label_of: returns a stored reason as a person reads it; None where HubSpot has no label for it any more, so that
            its theme can't be told.
    """
    sums: dict[Theme | None, _Sum] = {}
    # Free text may be different for each lost deal.
    rows = connection.execute(text(_REASONS), execution_options={"yield_per": _ROWS_AT_ONCE})
    for row in rows:
        reason = None if row.loss_reason is None else label_of(row.loss_reason)
        theme = None if row.loss_reason is None else Theme.OTHER if reason is None else theme_of(reason)
        found = sums.setdefault(theme, _Sum())
        found.deals += row.deals
        found.value = add_up((*found.value, MoneyTotal(currency=row.currency, deals=row.priced, amount=row.amount)))
        found.offer(row.closed_at or _LONG_AGO, reason, row.name)
    themes = [
        LossTheme(theme=theme, lost=found.lost(), example=found.example())
        for theme, found in sums.items()
        if theme is not None
    ]
    order = list(Theme)
    return LossThemes(
        total=LostDeals(
            deals=sum(found.deals for found in sums.values()),
            value=add_up(total for found in sums.values() for total in found.value),
        ),
        themes=tuple(sorted(themes, key=lambda t: (t.theme is Theme.OTHER, -t.lost.deals, order.index(t.theme)))),
        without_reason=sums.get(None, _Sum()).lost(),
    )


@dataclass(slots=True)
class _Sum:
    deals: int = 0
    value: tuple[MoneyTotal, ...] = ()
    latest: tuple[datetime, str, str | None] | None = field(default=None)

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
SELECT loss_reason, currency, count(*) AS deals, count(amount) AS priced, coalesce(sum(amount), 0) AS amount,
       max(close_at) AS closed_at,
       (array_agg(name ORDER BY close_at DESC NULLS LAST, hubspot_id))[1] AS name
  FROM counted_deals WHERE outcome = 'lost'
 GROUP BY loss_reason, currency
 ORDER BY loss_reason, currency
"""
