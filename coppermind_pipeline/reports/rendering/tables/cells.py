"""What tables are made of: columns, and cells of lines."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

from coppermind_pipeline.wording import listed

NOTHING = "\N{EN DASH}"

TableName = Literal[
    "figures",
    "rates",
    "earlier-figures",
    "earlier-rates",
    "groups",
    "further-of-groups",
    "losses",
    "top-deals",
    "deals",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column's heading; numbers stand at its right edge, days on one line. A page folds away what is `minor`."""

    heading: str
    numeric: bool = False
    days: bool = False
    minor: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A figure in words, and how it differs from the earlier range's."""

    text: str
    change: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.change})" if self.change else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell's lines, one for each currency, and where they lead."""

    lines: tuple[Line, ...]
    link: str | None = None

    @property
    def text(self) -> str:
        """The lines as one."""
        return listed([str(line) for line in self.lines])


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table; each row has a cell for each column. The name tells it from the report's others.

    A page folds away a whole table that is `minor`.
    """

    name: TableName
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    minor: bool = False

    def major_part(self) -> Self:
        """Return the table without its minor columns."""
        return self._of([n for n, column in enumerate(self.columns) if not column.minor])

    def minor_part(self) -> Self | None:
        """Return the minor columns beside the first one, which names the rows; None where there are none."""
        minor = [n for n, column in enumerate(self.columns) if column.minor]
        return self._of([0, *minor]) if minor else None

    def without(self, *headings: str) -> Self:
        """Return the table without the columns of these headings."""
        return self._of([n for n, column in enumerate(self.columns) if column.heading not in headings])

    def _of(self, places: Sequence[int]) -> Self:
        rows = [[row[place] for place in places] for row in self.rows]
        return replace(self, columns=[self.columns[place] for place in places], rows=rows)
