"""A figure of a lead report: the contacts that it is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.crm import country_label, day_of
from coppermind_pipeline.metrics import Metric
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports.errors import ReportArgumentError
from coppermind_pipeline.reports.explain.answer_id import AnswerId, ReadBy
from coppermind_pipeline.reports.explain.lead_places import LeadPlace, lead_place_of
from coppermind_pipeline.reports.explain.members import OF_MEMBERS, Members, Part, figures_and_members
from coppermind_pipeline.reports.explain.models import LeadRow
from coppermind_pipeline.reports.explain.rows import FigureRows, Named, figure_rows
from coppermind_pipeline.reports.explain.told import Page, Told
from coppermind_pipeline.reports.leads.contacts import LeadSelection
from coppermind_pipeline.reports.leads.models import PlacedLeadReport
from coppermind_pipeline.reports.leads.report import LeadReporter
from coppermind_pipeline.reports.leads.request import LeadRequest
from coppermind_pipeline.reports.question.frame import Frame
from coppermind_pipeline.reports.sizing.own_groups import group_digest
from coppermind_pipeline.reports.trust.portals import SyncedPortal


@dataclass(frozen=True, slots=True)
class LeadFigure:
    """A figure of a lead report, which is asked about in a transaction of its mind.

    `group`: the digest of the one that it is of.
    """

    connection: Connection
    mind: Mind
    answer: AnswerId
    asked: LeadRequest
    place: LeadPlace
    group: str | None
    portals: Sequence[SyncedPortal]
    now: datetime

    @classmethod
    def at(
        cls,
        path: str,
        answer: AnswerId,
        asked: LeadRequest,
        *,
        connection: Connection,
        mind: Mind,
        portals: Sequence[SyncedPortal],
        now: datetime,
    ) -> Self:
        """Return the figure at a path; raises ReportArgumentError where none is there that can be explained."""
        place = lead_place_of(path)
        group = None if place.group is None else answer.group_at(place.group)
        return cls(connection, mind, answer, asked, place, group, portals, now)

    @property
    def metric(self) -> Metric | None:
        """None: a lead report says itself how it counts."""
        return None

    @property
    def definition(self) -> str | None:
        """What it is."""
        return self.place.definition

    @property
    def is_of_contacts(self) -> bool:
        """It always is."""
        return True

    def told(self, frame: Frame, by: Mapping[str, ReadBy], page: Page) -> Told:
        """Return the figure and its contacts."""
        reporter = self._reporter(frame, by)
        report = reporter.report()
        selection = reporter.selection(reporter.labels())
        if self.place.earlier:
            earlier = reporter.earlier_selection(selection)
            if earlier is None:
                raise ReportArgumentError("The answer compares with no earlier range.")
            selection = earlier
        figures: Mapping[str, Any] | None = report.model_dump(mode="json")
        members = Members()
        if self.group is not None:
            figures, members = figures_and_members(self.group, _parts(report))
        contacts = self._contacts(selection, members, read_until=frame.as_of, page=page)
        return Told(value=self.place.value_in(figures), records=contacts, is_gone=figures is None)

    def rows(self, told: Told, frame: Frame) -> list[LeadRow]:
        """Return the contacts that are listed."""
        portals = {portal.connector_id: portal for portal in self.portals}
        labels = self._reporter(frame, {}).labels()
        return [
            LeadRow(
                contact_id=row["hubspot_id"],
                connector_id=row["connector_id"],
                name=row["name"],
                lifecycle_stage=known.lifecycle_stage(ObjectType.CONTACTS, row["lifecycle_stage"]).text,
                source=known.source(row["source"]).text,
                owner=known.owner(row["owner_id"]).text,
                country=country_label(row["country_code"], row["country_text"]),
                create_date=None if row["created_at"] is None else day_of(row["created_at"], frame.zone),
                link=portals[row["connector_id"]].record_url(ObjectType.CONTACTS, row["hubspot_id"]),
            )
            for row in told.records.rows
            for known in [labels[row["connector_id"]]]
        ]

    def _contacts(
        self, selection: LeadSelection, members: Members, *, read_until: datetime | None, page: Page
    ) -> FigureRows:
        place = self.place
        member = place.contacts + _MEMBERS.format(rows=place.rows, condition=place.condition)
        values = selection.values(
            read_until=read_until, offset=page.offset, limit=page.limit, figure_stage=place.stage,
            figure_place=place.step, **members.values,
        )  # fmt: skip
        return figure_rows(
            self.connection,
            lambda asked: selection.statement(member + asked),
            values,
            object_type=ObjectType.CONTACTS,
            named=Named(ObjectType.CONTACTS, by="hubspot_id", told_as="name"),
        )

    def _reporter(self, frame: Frame, by: Mapping[str, ReadBy]) -> LeadReporter:
        then = {connector: each.disqualified for connector, each in by.items() if each.disqualified is not None}
        return LeadReporter(
            self.connection, self.mind, self.asked, self.portals, frame, self.now, disqualified=then, again=self.answer
        )


def _parts(report: PlacedLeadReport) -> list[Part]:
    return [
        Part(
            digest=group_digest(*cells.shown_group_key),
            figures=group.model_dump(mode="json"),
            connector_id=cells.portal.connector_id,
            keys=None if cells.place is None else cells.stored_keys,
        )
        for group, cells in zip(report.groups, report.group_cells, strict=True)
    ]


_MEMBERS = f"""
, member AS (
    SELECT connector_id, hubspot_id, created_at, source, owner_id, lifecycle_stage, country_code, country_text
      FROM {{rows}}
     WHERE ({{condition}}) AND {OF_MEMBERS.replace("<its key>", "key")}
)
"""
