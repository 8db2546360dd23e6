"""The range that a report is compared with: the same figures, under the keys of the groups that they stand beside."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from coppermind_pipeline.reports.figures import deals
from coppermind_pipeline.reports.figures.deals import OTHER, GroupKey
from coppermind_pipeline.reports.figures.measures import OF_A_RANGE, Cell, Days
from coppermind_pipeline.reports.figures.selection import DealSelection
from coppermind_pipeline.reports.question.request import GroupBy


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierDeals:
    """The deals of the earlier range; its months stand beside those of the report that are `months_later`."""

    selection: DealSelection
    months_later: int

    def cells_and_days(self, connection: Connection) -> tuple[list[Cell], Mapping[GroupKey, Days]]:
        """Return the sums of what is dated in the range, and days to close, as `deals.cells_and_days` does."""
        cells, days = deals.cells_and_days(connection, self.selection, OF_A_RANGE)
        return (
            [
                cell if cell.key is None else replace(cell, key=self._shifted(cell.key, self.months_later))
                for cell in cells
            ],
            {(connector, self._shifted(key, self.months_later)): each for (connector, key), each in days.items()},
        )

    def key_then(self, key: str) -> str:
        """Return the key that a group of the report has in the earlier range: of a month, the one beside it."""
        return self._shifted(key, -self.months_later)

    def _shifted(self, key: str, months: int) -> str:
        if self.selection.group_by is not GroupBy.MONTH or not key[:1].isdigit():
            return key
        year, month = divmod(int(key[:4]) * 12 + int(key[5:]) - 1 + months, 12)
        return f"{year:04}-{month + 1:02}"


def days_of_kept(days: Mapping[GroupKey, Days], kept: Iterable[GroupKey]) -> Mapping[GroupKey, Days]:
    """Return days by group, those of groups that are not `kept` as `other`; of no group stays of none."""
    own = set(kept)
    found: defaultdict[GroupKey, Days] = defaultdict(Days)
    for (connector, key), each in days.items():
        found[connector, key if key is None or (connector, key) in own else OTHER] += each
    return found
