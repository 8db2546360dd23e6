"""The lead report: figures of one mind's contacts, and what they can be relied on for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.catalog import load_labels
from coppermind_pipeline.crm import FUNNEL_STAGES, Labels, lead_stages_of, lifecycle_stages
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.reports.explain.answer_id import AnswerId
from coppermind_pipeline.reports.figures.history import lay_out_history
from coppermind_pipeline.reports.leads import contacts
from coppermind_pipeline.reports.leads.caveats import NOTES, LeadFindings, lead_caveats
from coppermind_pipeline.reports.leads.contacts import Created, EnteredCell, LeadRules, LeadSelection
from coppermind_pipeline.reports.leads.groups import OTHER, GroupCells, arrange, group_of
from coppermind_pipeline.reports.leads.headline import HeadlineSetting, lead_headline
from coppermind_pipeline.reports.leads.measures import (
    LeadFigures,
    LeadRangeFigures,
    Setting,
    figures_of,
    range_figures_of,
    unknown_dates,
)
from coppermind_pipeline.reports.leads.models import LeadAudit, LeadPeriod, LeadSummary, PlacedLeadReport
from coppermind_pipeline.reports.leads.request import LeadGroupBy, LeadRequest
from coppermind_pipeline.reports.models import ComparedPeriod
from coppermind_pipeline.reports.question.frame import Frame, frame_of
from coppermind_pipeline.reports.question.places import GroupPlace
from coppermind_pipeline.reports.report import HISTORY_SOURCE
from coppermind_pipeline.reports.sizing.cursors import GoesOn, list_after
from coppermind_pipeline.reports.trust.block import DATA_SOURCE, Range, last_successful_sync, trust_in
from coppermind_pipeline.reports.trust.for_client import lead_report_for_client, portals_for_client
from coppermind_pipeline.reports.trust.portals import SyncedPortal, load_portals
from coppermind_pipeline.store import Database

_PROPERTIES = [
    "createdate",
    "hs_v2_date_entered_{stage}",
    "hs_lifecyclestage_{stage}_date",
    "lifecyclestage",
]


def lead_report(
    database: Database, *, mind: Mind, request: LeadRequest, now: datetime, goes_on: GoesOn | None = None
) -> PlacedLeadReport:
    """Return the report of a mind's contacts from the reporting store; nothing is pulled.

    Args:
        now: aware; what ages, stuck leads and `this_quarter` are judged by.
        goes_on: where it is another page of the groups, where that begins.

    Raises:
        ReportArgumentError: the range is empty, `as_of` lies ahead, or fiscal years differ.
        ConnectorNotFound: the mind has no such connector.
        BeforeHistory: `as_of` lies before the first complete backfill.
    """
    with database.mind(mind.id) as connection:
        connection.execute(text(_IN_MEMORY))
        wanted = None if request.connector_id is None else [request.connector_id]
        portals = load_portals(connection, connector_ids=wanted)
        if request.for_client:
            portals = portals_for_client(portals)
        frame = frame_of(request, portals, now=now)
        if frame.as_of is not None:
            lay_out_history(connection, portals, frame.as_of)
        report = LeadReporter(connection, mind, request, portals, frame, now, goes_on).report()
        return lead_report_for_client(report, portals) if request.for_client else report


# Sums by group are made without sorting the contacts first, though the planner can't tell that groups will be few; and
# no contact's stages are kept for another's, which are hardly ever the same. Several processes add up whatever is much.
_IN_MEMORY = """
SET LOCAL work_mem = '32MB'; SET LOCAL hash_mem_multiplier = 8; SET LOCAL enable_memoize = off;
SET LOCAL parallel_setup_cost = 0
"""


@dataclass(frozen=True, slots=True)
class _Counted:
    """What the store says of one range."""

    created: Created
    entered: Sequence[EnteredCell]


@dataclass(frozen=True, slots=True)
class LeadReporter:
    """One report in the making: what every part of it asks for.

    Attributes:
        disqualified: by connector, the statuses that disqualify, where these are not the ones configured now.
        again: the answer that it is made again for.
    """

    connection: Connection
    mind: Mind
    request: LeadRequest
    portals: Sequence[SyncedPortal]
    frame: Frame
    now: datetime
    goes_on: GoesOn | None = None
    disqualified: Mapping[str, Sequence[str]] = field(default_factory=dict)
    again: AnswerId | None = None

    def report(self) -> PlacedLeadReport:
        """Return the report, for whoever works with it."""
        labels = self.labels()
        selection = self.selection(labels)
        counted = _Counted(contacts.created(self.connection, selection), contacts.entered(self.connection, selection))
        found = arrange(counted.created.cells, counted.entered, portals=self.portals, labels=labels,
                        group_by=self.request.group_by, groups_max=self.request.groups_max,
                        after=list_after(GroupPlace, self.goes_on),
                        again=None if self.again is None else self.again.groups)  # fmt: skip
        # What earlier pages have is no part of what is added up as `other`.
        own = [group for group in found.groups if group.key != OTHER]
        kept = {stored: group.group_key for group in own for stored in group.stored_keys}
        kept |= {stored: stored for stored in found.passed}
        steps, steps_by_group = contacts.days_between_stages(self.connection, selection, kept, other=OTHER)
        arranged = [replace(group, steps=steps_by_group.get(group.group_key, {})) for group in found.groups]
        named = arranged if self.goes_on is None else []
        setting = Setting(clock=self.frame.clock, zone=self.frame.zone, stages=_stages(labels))
        figures = figures_of(counted.created.cells, counted.entered, steps, setting)
        earlier = self._earlier(selection, setting)
        stage_labels = _stage_labels(labels, figures, counted.entered, earlier)
        synced = any(portal.last_pull_at is not None for portal in self.portals)
        return PlacedLeadReport(
            trust=trust_in(
                self.connection,
                self.portals,
                mind=self.mind,
                now=self.now,
                report_range=Range(start=self.frame.range.start, end=self.frame.range.end),
                date_basis="createdate",
                data_source=DATA_SOURCE if self.frame.as_of is None else HISTORY_SOURCE,
            ),
            period=self._period(),
            audit=LeadAudit(
                caveats=lead_caveats(
                    self._findings(
                        selection, counted, figures=figures, earlier=earlier, labels=labels, stage_labels=stage_labels
                    )
                ),
                notes=list(NOTES),
                group_by=self.request.group_by,
                audience=self.request.audience,
                include_filtered=self.request.include_filtered,
                answer_id=self._answer_id(arranged),
                generated_at=self.now,
            ),
            headline=self._headline(figures, earlier, named, stage_labels) if synced else [],
            summary=LeadSummary(
                **dict(figures),
                entered_unknown=unknown_dates(counted.entered),
                stage_labels=stage_labels,
                compared_with=earlier,
            ),
            groups=[group_of(group, setting) for group in arranged],
            setting=setting,
            group_cells=arranged,
            group_places=[group.place for group in arranged],
        )

    def _answer_id(self, groups: Sequence[GroupCells]) -> str | None:
        # Groups of a page that goes on have other places than in the whole.
        if self.request.for_client or self.goes_on is not None:
            return None
        made = AnswerId.of(
            self.connection, self.mind, self.request, self.portals, self.now,
            groups=[group.shown_group_key for group in groups],
        )  # fmt: skip
        return made.text

    def labels(self) -> Mapping[str, Labels]:
        """Return the portals' labels, by connector."""
        return {
            portal.connector_id: load_labels(
                self.connection, portal.connector_id, properties=("hs_analytics_source", "lifecyclestage")
            )
            for portal in self.portals
        }

    def selection(self, labels: Mapping[str, Labels]) -> LeadSelection:
        """Return which contacts the report is about."""
        rules = [
            LeadRules(
                connector_id=portal.connector_id,
                lead_stages=lead_stages_of(
                    labels[portal.connector_id].definitions.get(ObjectType.CONTACTS, {}).get("lifecyclestage")
                ),
                disqualified=self.disqualified.get(portal.connector_id, portal.config.hubspot_disqualified_statuses),
            )
            for portal in self.portals
        ]
        return LeadSelection(
            rules=rules,
            start=self.frame.range.start,
            end=self.frame.range.end,
            clock=self.frame.clock,
            zone=self.frame.zone.key,
            include_filtered=self.request.include_filtered,
            group_by=self.request.group_by,
            as_of=self.frame.as_of,
        )

    def earlier_selection(self, selection: LeadSelection) -> LeadSelection | None:
        """Return those of the earlier range, whose cohort is followed until it was as old as the later one is.

        No group stands beside another range, so that they are in none.
        """
        compared = self.frame.compared
        if compared is None:
            return None
        earlier = replace(selection.between(compared.start, compared.end), group_by=None)
        youngest, later = (contacts.youngest(self.connection, each) for each in (earlier, selection))
        # An empty cohort has no age; then the ranges' own are compared.
        age = self.frame.clock - (later or min(self.frame.range.end, self.frame.clock))
        until = (youngest or compared.end) + max(age, timedelta())
        return earlier.until(min(until, self.frame.clock))

    def _earlier(self, selection: LeadSelection, setting: Setting) -> LeadRangeFigures | None:
        earlier = self.earlier_selection(selection)
        if earlier is None:
            return None
        steps, _ = contacts.days_between_stages(self.connection, earlier, {}, other=OTHER)
        return range_figures_of(
            contacts.created(self.connection, earlier).cells,
            contacts.entered(self.connection, earlier),
            steps,
            Setting(
                clock=setting.clock, zone=setting.zone, stages=setting.stages, followed_until=earlier.followed_until
            ),
        )

    def _findings(
        self,
        selection: LeadSelection,
        counted: _Counted,
        *,
        figures: LeadFigures,
        earlier: LeadRangeFigures | None,
        labels: Mapping[str, Labels],
        stage_labels: Mapping[str, str],
    ) -> LeadFindings:
        return LeadFindings(
            portals=self.portals,
            now=self.now,
            zone=self.frame.zone,
            zone_assumed=self.frame.zone_assumed,
            earliest=self.frame.earliest,
            as_of=self.frame.as_of,
            labels=labels,
            include_filtered=self.request.include_filtered,
            figures=figures,
            earlier=earlier,
            unknown_dates=_by_label(unknown_dates(counted.entered), stage_labels),
            seen=sum(cell.seen for cell in counted.entered),
            undated=contacts.undated(self.connection, selection),
            label_uses=counted.created.label_uses,
            shows_owners=self.request.group_by is LeadGroupBy.OWNER,
        )

    def _headline(
        self,
        figures: LeadFigures,
        earlier: LeadRangeFigures | None,
        groups: Sequence[GroupCells],
        stage_labels: Mapping[str, str],
    ) -> list[str]:
        local, compared = self.frame.range.local, self.frame.compared
        return lead_headline(
            figures,
            HeadlineSetting(
                days=(local.first_day, local.last_day),
                unfinished=self.frame.range.start <= self.frame.clock < self.frame.range.end,
                compared_days=None if compared is None else (compared.local.first_day, compared.local.last_day),
                zone=self.frame.zone,
                synced_at=last_successful_sync(self.portals),
                stage_labels=stage_labels,
            ),
            compared_with=earlier,
            groups=groups,
            group_by=self.request.group_by,
        )

    def _period(self) -> LeadPeriod:
        local = self.frame.range.local
        return LeadPeriod(
            name=self.frame.period_name,
            start=self.frame.range.start,
            end=self.frame.range.end,
            first_day=local.first_day,
            last_day=local.last_day,
            timezone=self.frame.zone.key,
            date_basis="createdate",
            date_basis_label="create date of the contact",
            hubspot_property="createdate",
            hubspot_properties=_PROPERTIES,
            as_of=self.frame.as_of,
            compared_with=ComparedPeriod.of(self.frame),
        )


def _stages(labels: Mapping[str, Labels]) -> list[str]:
    found = [
        stage
        for known in labels.values()
        for stage in lifecycle_stages(known.definitions.get(ObjectType.CONTACTS, {}).get("lifecyclestage"))
    ]
    return list(dict.fromkeys(found))


def _by_label(contacts_by_stage: Mapping[str, int], labels: Mapping[str, str]) -> Mapping[str, int]:
    """Return how many contacts each label stands for: several stages may share one."""
    found: Counter[str] = Counter()
    for stage, of_stage in contacts_by_stage.items():
        found[labels.get(stage, stage)] += of_stage
    return found


def _stage_labels(
    labels: Mapping[str, Labels],
    figures: LeadFigures,
    entered: Sequence[EnteredCell],
    earlier: LeadRangeFigures | None,
) -> dict[str, str]:
    """Return what people call the stages that the answer names; the first portal that has a label decides."""
    named = dict.fromkeys((*FUNNEL_STAGES, *figures.entered, *(cell.stage for cell in entered)))
    named |= dict.fromkeys(earlier.entered if earlier is not None else ())
    found: dict[str, str] = {}
    for stage in named:
        known = (each.lifecycle_stage(ObjectType.CONTACTS, stage) for each in labels.values())
        label = next((each.text for each in known if each.resolved), None)
        found[stage] = label or _DEFAULT_LABELS.get(stage, "A lifecycle stage no longer in HubSpot")
    return found


# HubSpot's own, for a portal whose definitions have not been read yet.
_DEFAULT_LABELS = {
    "lead": "Lead",
    "marketingqualifiedlead": "Marketing Qualified Lead",
    "salesqualifiedlead": "Sales Qualified Lead",
    "opportunity": "Opportunity",
    "customer": "Customer",
}
