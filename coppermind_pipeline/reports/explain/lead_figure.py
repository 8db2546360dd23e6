"""A figure of a lead report: the contacts that it is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Connection, text

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.crm import country_label, day_of
from coppermind_pipeline.metrics import Metric
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports.errors import ReportArgumentError
from coppermind_pipeline.reports.explain.answer_id import ReadBy, group_digest
from coppermind_pipeline.reports.explain.lead_places import LeadPlace, lead_place_of
from coppermind_pipeline.reports.explain.models import LeadRow
from coppermind_pipeline.reports.explain.rows import FigureRows, Members
from coppermind_pipeline.reports.explain.told import Page, Told, members_of
from coppermind_pipeline.reports.leads.contacts import LeadSelection
from coppermind_pipeline.reports.leads.groups import OTHER
from coppermind_pipeline.reports.leads.report import LeadReporter
from coppermind_pipeline.reports.leads.request import LeadGroupBy, LeadRequest
from coppermind_pipeline.reports.question.frame import Frame
from coppermind_pipeline.reports.trust.portals import SyncedPortal

_EVERY_GROUP = 1_000_000


@dataclass(frozen=True, slots=True)
class LeadFigure:
    """A figure of a lead report, which is asked about in a transaction of its mind.

    `group`: the digest of the one that it is of, which may have another place once somebody was erased.
    """

    connection: Connection
    mind: Mind
    asked: LeadRequest
    place: LeadPlace
    group: str | None
    portals: Sequence[SyncedPortal]
    now: datetime

    @classmethod
    def at(
        cls,
        path: str,
        asked: LeadRequest,
        *,
        connection: Connection,
        mind: Mind,
        portals: Sequence[SyncedPortal],
        now: datetime,
        groups: Sequence[str],
    ) -> Self:
        """Return the figure at a path of an answer with these groups (`group_digest`).

        Raises:
            ReportArgumentError: none is there that can be explained.
        """
        place = lead_place_of(path)
        if place.group is not None and place.group >= len(groups):
            raise ReportArgumentError(f"The answer has no group {place.group}.")
        group = None if place.group is None else groups[place.group]
        return cls(connection=connection, mind=mind, asked=asked, place=place, group=group, portals=portals, now=now)

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

    def told(self, frame: Frame, by: Mapping[str, ReadBy], group: Mapping[str, Any] | None, page: Page) -> Told:
        """Return the figure and its contacts."""
        reporter = self._reporter(frame, by)
        report = reporter.report().model_dump(mode="json")
        groups = report["groups"]
        if self.group is not None:
            group = self._same(groups)
        if self.group is not None and group is None:
            # Too small to stand by itself, now that somebody of it was erased.
            every = self._reporter(frame, by, groups_max=_EVERY_GROUP).report().model_dump(mode="json")["groups"]
            group = self._same(every)
        selection = reporter.selection(reporter.labels())
        if self.place.earlier:
            earlier = reporter.earlier_selection(selection)
            if earlier is None:
                raise ReportArgumentError("The answer compares with no earlier range.")
            selection = earlier
        # A lifecycle stage may be called "other" itself.
        added_up = OTHER if self.asked.group_by is LeadGroupBy.LIFECYCLE_STAGE else "other"
        if self.group is not None and group is None:
            members = Members(key=self.group)  # nobody's: a digest is no key
        else:
            members = members_of(group, groups, is_grouped=self.asked.group_by is not None, added_up=added_up)
        contacts = self._contacts(selection, members, read_until=frame.as_of, page=page)
        value = self.place.value_in(report if self.group is None else group)
        return Told(value, group, contacts)

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
        statement = place.contacts + _MEMBERS.format(rows=place.rows, condition=place.condition)
        values = selection.values(
            connector=members.connector_id, key=members.key, read_until=read_until, offset=page.offset,
            limit=page.limit, other_keys=None if members.other_keys is None else list(members.other_keys),
            figure_stage=place.stage, figure_place=place.step,
        )  # fmt: skip
        known = self.connection.execute(text(selection.statement(statement + _KNOWN)), values).one()
        rows = self.connection.execute(text(selection.statement(statement + _PAGE)), values).mappings().all()
        return FigureRows(total=known.total, hash=known.hash, rows=rows)

    def _same(self, groups: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        return next((each for each in groups if group_digest(each["connector_id"], each["key"]) == self.group), None)

    def _reporter(self, frame: Frame, by: Mapping[str, ReadBy], *, groups_max: int | None = None) -> LeadReporter:
        then = {connector: each.disqualified for connector, each in by.items() if each.disqualified is not None}
        asked = self.asked if groups_max is None else self.asked.model_copy(update={"groups_max": groups_max})
        return LeadReporter(self.connection, self.mind, asked, self.portals, frame, self.now, disqualified=then)


_MEMBERS = """
, member AS (
    SELECT connector_id, hubspot_id, created_at, source, owner_id, lifecycle_stage, country_code, country_text
      FROM {rows}
     WHERE ({condition})
       AND (CAST(:connector AS text) IS NULL OR connector_id = :connector)
       AND (CAST(:key AS text) IS NULL OR key = :key)
       AND (CAST(:other_keys AS text[]) IS NULL OR key <> ALL (CAST(:other_keys AS text[])))
)
"""

_KNOWN = """
SELECT count(*) AS total,
       md5(coalesce(string_agg(member.hubspot_id || encode(version.content_hash, 'hex'), ','
                               ORDER BY member.connector_id, member.hubspot_id), '')) AS hash
  FROM member
  LEFT JOIN LATERAL newest_version(member.connector_id, 'contacts', member.hubspot_id, :read_until) AS version ON true
"""

_PAGE = """
SELECT member.*, record.name
  FROM (SELECT * FROM member
         ORDER BY connector_id, length(hubspot_id), hubspot_id OFFSET :offset LIMIT :limit) AS member
  LEFT JOIN hubspot_crm_objects AS record
    ON record.connector_id = member.connector_id AND record.object_type = 'contacts'
   AND record.hubspot_id = member.hubspot_id
 ORDER BY member.connector_id, length(member.hubspot_id), member.hubspot_id
"""
