"""A figure of a CRM report: the deals that it is made of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.metrics import Metric
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports.errors import ReportArgumentError
from coppermind_pipeline.reports.explain.answer_id import AnswerId, ReadBy
from coppermind_pipeline.reports.explain.members import OF_MEMBERS, Members, Part, figures_and_members
from coppermind_pipeline.reports.explain.places import Place, place_of
from coppermind_pipeline.reports.explain.rows import FigureRows, Named, figure_rows
from coppermind_pipeline.reports.explain.told import Page, Told
from coppermind_pipeline.reports.figures.deals import DATED, OTHER
from coppermind_pipeline.reports.figures.losses import ReasonNames, reasons_by_theme
from coppermind_pipeline.reports.figures.rows import deal_rows
from coppermind_pipeline.reports.figures.selection import NO_REASON, DealSelection, Which, with_deals
from coppermind_pipeline.reports.models import DealRow, PlacedReport
from coppermind_pipeline.reports.question.frame import Frame
from coppermind_pipeline.reports.question.request import GroupBy, ReportRequest
from coppermind_pipeline.reports.report import Reporter
from coppermind_pipeline.reports.sizing.own_groups import GroupKey, group_digest, theme_key
from coppermind_pipeline.reports.trust.portals import SyncedPortal

_BY_CONTACTS = {GroupBy.SOURCE, GroupBy.COUNTRY, GroupBy.REGION}


@dataclass(frozen=True, slots=True)
class DealFigure:
    """A figure of a CRM report, which is asked about in a transaction of its mind.

    `part`: the digest of the group or the theme of losses that it is of.
    """

    connection: Connection
    mind: Mind
    answer: AnswerId
    asked: ReportRequest
    place: Place
    part: str | None
    portals: Sequence[SyncedPortal]
    now: datetime

    @classmethod
    def at(
        cls,
        path: str,
        answer: AnswerId,
        asked: ReportRequest,
        *,
        connection: Connection,
        mind: Mind,
        portals: Sequence[SyncedPortal],
        now: datetime,
    ) -> Self:
        """Return the figure at a path; raises ReportArgumentError where none is there that can be explained."""
        place = place_of(path)
        part = None
        if place.group is not None:
            part = answer.group_at(place.group)
        elif place.theme is not None:
            part = answer.theme_at(place.theme)
        return cls(connection, mind, answer, asked, place, part, portals, now)

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

    def told(self, frame: Frame, by: Mapping[str, ReadBy], page: Page) -> Told:
        """Return the figure and its deals."""
        del by
        reporter = self._reporter(frame)
        report, selection = reporter.report(), reporter.selection()
        key_then: Callable[[str], str] = str
        if self.place.earlier:
            earlier = reporter.earlier(selection)
            if earlier is None:
                raise ReportArgumentError("The answer compares with no earlier range.")
            selection, key_then = earlier.selection, earlier.key_then
        if self.place.theme is not None:
            selection = replace(selection, group_by=GroupBy.LOSS_REASON)
        figures: Mapping[str, Any] | None = report.model_dump(mode="json")
        members = Members()
        if self.part is not None:
            parts = self._parts(report, self._reasons(reporter, selection), key_then)
            figures, members = figures_and_members(self.part, parts)
        deals = self._deals(selection, members, read_until=frame.as_of, page=page)
        return Told(value=self.place.value_in(figures), records=deals, is_gone=figures is None)

    def rows(self, told: Told, frame: Frame) -> list[DealRow]:
        """Return the deals that are listed."""
        return deal_rows(
            told.records.rows,
            portals={portal.connector_id: portal for portal in self.portals},
            labels=self._reporter(frame).labels(),
            zone=frame.zone,
        )

    def _deals(
        self, selection: DealSelection, members: Members, *, read_until: datetime | None, page: Page
    ) -> FigureRows:
        of_new = self.place.figure.startswith("pipeline_created")
        its_key = "coalesce(key_of_new, key)" if of_new else "key"
        member = _MEMBERS.replace("<condition>", self.place.condition).replace("<its key>", its_key)
        return figure_rows(
            self.connection,
            lambda asked: with_deals(member + asked, selection, Which.CLOSED, Which.OPEN, Which.CREATED),
            selection.values(read_until=read_until, offset=page.offset, limit=page.limit, **members.values),
            object_type=ObjectType.DEALS,
            named=Named(ObjectType.COMPANIES, by="primary_company_id", told_as="company"),
        )

    def _parts(
        self, report: PlacedReport, reasons: Mapping[str, Sequence[GroupKey]], key_then: Callable[[str], str]
    ) -> list[Part]:
        if self.place.theme is not None:
            return [
                Part(
                    digest=group_digest(*theme_key(theme.theme)),
                    figures=theme.model_dump(mode="json"),
                    connector_id=None,
                    keys=None if theme.theme == OTHER else reasons.get(theme.theme, ()),
                )
                for theme in (report.losses.themes if report.losses is not None else ())
            ]
        return [
            Part(
                digest=group_digest(*cells.shown_group_key),
                figures=group.model_dump(mode="json"),
                connector_id=cells.portal.connector_id,
                keys=None if cells.place is None else self._keys(cells.group_key, reasons, key_then),
            )
            for group, cells in zip(report.groups, report.group_cells, strict=True)
        ]

    def _keys(
        self, group: GroupKey, reasons: Mapping[str, Sequence[GroupKey]], key_then: Callable[[str], str]
    ) -> Sequence[GroupKey]:
        connector_id, key = group
        if self.asked.group_by is GroupBy.LOSS_THEME and key != NO_REASON:
            return [reason for reason in reasons.get(key, ()) if reason[0] == connector_id]
        return [(connector_id, key_then(key))]

    def _reasons(self, reporter: Reporter, selection: DealSelection) -> Mapping[str, Sequence[GroupKey]]:
        if self.place.theme is None and self.asked.group_by is not GroupBy.LOSS_THEME:
            return {}
        return reasons_by_theme(self.connection, selection, ReasonNames.of(self.portals, reporter.labels()))

    def _reporter(self, frame: Frame) -> Reporter:
        return Reporter(self.connection, self.mind, self.asked, self.portals, frame, self.now, again=self.answer)


_MEMBERS = f"""{DATED}
, keyed AS (
    SELECT dated.*, <key> AS key, <key of new> AS key_of_new FROM dated WHERE <condition>
), member AS (
    SELECT keyed.* FROM keyed WHERE {OF_MEMBERS}
)
"""
