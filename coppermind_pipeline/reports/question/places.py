"""Where the lists of reports go on: what their rows are sorted by."""

from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import AwareDatetime

from coppermind_pipeline.reports.sizing.cursors import Place


class DealPlace(Place):
    """Of a deal among the rows of a CRM report: won, lost, then open ones, each newest first."""

    part: ClassVar[str] = "deals"

    outcome: Literal["won", "lost", "open"]
    report_at: AwareDatetime | None
    connector_id: str
    deal_id: str


class GroupPlace(Place):
    """Of a group: the largest first, of months the latest; portals have their own order, in which `size` falls."""

    part: ClassVar[str] = "groups"

    month: str = ""
    size: tuple[Decimal, ...] = ()
    connector_id: str
    key: str

    @property
    def sort_key(self) -> tuple[str, tuple[Decimal, ...], str, str]:
        """What groups are sorted by, descending."""
        return self.month, self.size, self.connector_id, self.key
