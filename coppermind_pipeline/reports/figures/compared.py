"""The range that a report is compared with: the same figures, under the keys of the groups that they stand beside."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from coppermind_pipeline.reports.figures import deals
from coppermind_pipeline.reports.figures.deals import GroupKey
from coppermind_pipeline.reports.figures.measures import OF_A_RANGE, Cell, Days
from coppermind_pipeline.reports.figures.selection import DealSelection
from coppermind_pipeline.reports.question.request import GroupBy


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierDeals:
    """The deals of the earlier range; its months stand beside those of the report that are `months_later`."""

    selection: DealSelection
    months_later: int

    def cells(self, connection: Connection) -> list[Cell]:
        """Return the sums of what is dated in the range, as `deals.cells` does."""
        found = deals.cells(connection, self.selection, OF_A_RANGE)
        return [
            cell if cell.key is None else replace(cell, key=self._shifted(cell.key, self.months_later))
            for cell in found
        ]

    def days_to_close(self, connection: Connection, kept: Iterable[GroupKey]) -> tuple[Days, Mapping[GroupKey, Days]]:
        """Return the days to close of all won deals, and by group, as `deals.won_deals` does."""
        won = deals.won_deals(connection, self.selection, [(connector, self.key_then(key)) for connector, key in kept])
        return won.days, {
            (connector, self._shifted(key, self.months_later)): days
            for (connector, key), days in won.days_by_group.items()
        }

    def key_then(self, key: str) -> str:
        """Return the key that a group of the report has in the earlier range: of a month, the one beside it."""
        return self._shifted(key, -self.months_later)

    def _shifted(self, key: str, months: int) -> str:
        if self.selection.group_by is not GroupBy.MONTH or not key[:1].isdigit():
            return key
        year, month = divmod(int(key[:4]) * 12 + int(key[5:]) - 1 + months, 12)
        return f"{year:04}-{month + 1:02}"
