"""A figure of a CRM report: the deals that it is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.metrics import Metric
from coppermind_pipeline.reports.errors import ReportArgumentError
from coppermind_pipeline.reports.explain.answer_id import ReadBy
from coppermind_pipeline.reports.explain.places import Place, place_of
from coppermind_pipeline.reports.explain.rows import Members, figure_rows
from coppermind_pipeline.reports.explain.told import Page, Told, group_at, members_of, theme_at
from coppermind_pipeline.reports.figures.deals import OTHER
from coppermind_pipeline.reports.figures.losses import ReasonNames, reasons_of_theme
from coppermind_pipeline.reports.figures.rows import deal_rows
from coppermind_pipeline.reports.models import DealRow
from coppermind_pipeline.reports.question.frame import Frame
from coppermind_pipeline.reports.question.request import GroupBy, ReportRequest
from coppermind_pipeline.reports.report import Reporter
from coppermind_pipeline.reports.trust.portals import SyncedPortal

_BY_CONTACTS = {GroupBy.SOURCE, GroupBy.COUNTRY, GroupBy.REGION}


@dataclass(frozen=True, slots=True)
class DealFigure:
    """A figure of a CRM report, which is asked about in a transaction of its mind."""

    connection: Connection
    mind: Mind
    asked: ReportRequest
    place: Place
    portals: Sequence[SyncedPortal]
    now: datetime

    @classmethod
    def at(
        cls,
        path: str,
        asked: ReportRequest,
        *,
        connection: Connection,
        mind: Mind,
        portals: Sequence[SyncedPortal],
        now: datetime,
    ) -> Self:
        """Return the figure at a path; raises ReportArgumentError where none is there that can be explained."""
        place = place_of(path)
        if place.group is not None and asked.group_by is not None and asked.group_by.of_losses:
            raise ReportArgumentError(
                f"Figures of groups by {asked.group_by} can't be explained.",
                hint="Ask for those of a theme, such as losses.themes.0.deals.",
            )
        if place.group is not None and place.earlier and asked.group_by is GroupBy.MONTH:
            raise ReportArgumentError(
                "A month that stands beside another can't be explained from there.",
                hint="Ask for a report of the earlier range by month, and for the figure in that.",
            )
        return cls(connection=connection, mind=mind, asked=asked, place=place, portals=portals, now=now)

    @property
    def metric(self) -> Metric | None:
        """The catalogue's entry of it."""
        return self.place.metric

    @property
    def definition(self) -> str | None:
        """What it is, as the catalogue says."""
        return None if self.metric is None else self.metric.definition

    @property
    def is_of_contacts(self) -> bool:
        """Whether contacts lend these deals what they are grouped by."""
        return self.place.group is not None and self.asked.group_by in _BY_CONTACTS

    def told(self, frame: Frame, by: Mapping[str, ReadBy], group: Mapping[str, Any] | None, page: Page) -> Told:
        """Return the figure and its deals."""
        del by
        reporter = self._reporter(frame)
        report = reporter.report().model_dump(mode="json")
        groups = report["groups"]
        if self.place.group is not None:
            group = group_at(self.place.group, groups, group)
        selection = reporter.selection()
        if self.place.earlier:
            if frame.compared is None:
                raise ReportArgumentError("The answer compares with no earlier range.")
            selection = selection.between(frame.compared.start, frame.compared.end)
        if self.place.theme is None:
            members = members_of(group, groups, is_grouped=self.asked.group_by is not None, added_up=OTHER)
        else:
            themes = report["losses"]["themes"] if report["losses"] is not None else []
            group = theme_at(self.place.theme, themes, group)
            others = [each["theme"] for each in themes] if group["theme"] == OTHER else None
            names = ReasonNames.of(self.portals, reporter.labels())
            reasons = reasons_of_theme(self.connection, selection, names, group["theme"], others=others)
            members = Members(reasons=reasons)
        deals = figure_rows(
            self.connection, selection, self.place, members, read_until=frame.as_of, offset=page.offset,
            limit=page.limit,
        )  # fmt: skip
        return Told(self.place.value_in(report if group is None else group), group, deals)

    def rows(self, told: Told, frame: Frame) -> list[DealRow]:
        """Return the deals that are listed."""
        return deal_rows(
            told.records.rows,
            portals={portal.connector_id: portal for portal in self.portals},
            labels=self._reporter(frame).labels(),
            zone=frame.zone,
        )

    def _reporter(self, frame: Frame) -> Reporter:
        return Reporter(self.connection, self.mind, self.asked, self.portals, frame, self.now)
