"""The CRM report: figures of one mind's deals, and what they can be relied on for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.catalog import entered_stage_properties, load_labels
from coppermind_pipeline.crm import Labels, day_of, won_stage_properties
from coppermind_pipeline.reports.explain.answer_id import AnswerId
from coppermind_pipeline.reports.figures import deals
from coppermind_pipeline.reports.figures.compared import EarlierDeals, days_of_kept
from coppermind_pipeline.reports.figures.deals import LabelUse
from coppermind_pipeline.reports.figures.groups import Group, GroupCells, group_of
from coppermind_pipeline.reports.figures.headline import Setting, headline
from coppermind_pipeline.reports.figures.history import lay_out_history
from coppermind_pipeline.reports.figures.losses import Losses, ReasonNames, losses
from coppermind_pipeline.reports.figures.measures import (
    Cell,
    Days,
    TopDeal,
    figures_of,
    range_figures_of,
)
from coppermind_pipeline.reports.figures.naming import named_groups
from coppermind_pipeline.reports.figures.panorama import Viewpoint, panorama
from coppermind_pipeline.reports.figures.rows import deal_rows, detail_rows, place_of, top_deal
from coppermind_pipeline.reports.figures.selection import DealSelection, deal_selection
from coppermind_pipeline.reports.models import (
    Audit,
    ComparedPeriod,
    DealPage,
    PanoramicReport,
    PeriodBlock,
    PlacedReport,
    Summary,
)
from coppermind_pipeline.reports.question.frame import Frame, frame_of
from coppermind_pipeline.reports.question.places import DealPlace, GroupPlace
from coppermind_pipeline.reports.question.request import ENTERED_STAGE_PROPERTY, DateBasis, GroupBy, ReportRequest
from coppermind_pipeline.reports.question.withheld import only_some, withheld
from coppermind_pipeline.reports.sizing.cursors import GoesOn, has_list, list_after
from coppermind_pipeline.reports.trust.block import DATA_SOURCE, Range, last_successful_sync, trust_in
from coppermind_pipeline.reports.trust.caveats import Findings, caveats
from coppermind_pipeline.reports.trust.for_client import portals_for_client, report_for_client
from coppermind_pipeline.reports.trust.live_pull import NO_LIVE_PULL, LivePull
from coppermind_pipeline.reports.trust.plain_words import PlainFindings, in_plain_words
from coppermind_pipeline.reports.trust.portals import SyncedPortal, load_portals
from coppermind_pipeline.store import Database

TOP_DEALS = 5

HISTORY_SOURCE = "log of the HubSpot records that were read (hubspot_raw_records)"


def crm_report(
    database: Database,
    *,
    mind: Mind,
    request: ReportRequest,
    now: datetime,
    live_pull: LivePull = NO_LIVE_PULL,
    goes_on: GoesOn | None = None,
    panoramic: bool = False,
) -> PlacedReport:
    """Return the report of a mind's deals from the reporting store; nothing is pulled.

    Args:
        now: aware; what is open, overdue, stale and `this_quarter` is judged by.
        live_pull: what came of a live pull before; the answer says so.
        goes_on: of which list this is another page; the other lists, and losses, are left out then.
        panoramic: return a `PanoramicReport`, which has what a page draws.

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
            portals, live_pull = portals_for_client(portals), live_pull.for_client()
        frame = frame_of(request, portals, now=now)
        if frame.as_of is None:
            connection.execute(text(_FEW_GROUPS))
        else:
            lay_out_history(connection, portals, frame.as_of)
        reporter = Reporter(connection, mind, request, portals, frame, now, live_pull, goes_on)
        report = reporter.panoramic_report() if panoramic else reporter.report()
        return report_for_client(report, portals) if request.for_client else report


@dataclass(frozen=True, slots=True)
class Reporter:
    """One report in the making: what every part of it asks for; `again`: the answer that it is made again for."""

    connection: Connection
    mind: Mind
    request: ReportRequest
    portals: Sequence[SyncedPortal]
    frame: Frame
    now: datetime
    live_pull: LivePull = NO_LIVE_PULL
    goes_on: GoesOn | None = None
    again: AnswerId | None = None

    def panoramic_report(self) -> PanoramicReport:
        """Return the report with what its page draws."""
        local = self.frame.range.local
        viewpoint = Viewpoint(
            first_day=local.first_day,
            last_day=local.last_day,
            today=day_of(self.frame.clock, self.frame.zone),
            zone=self.frame.zone,
            portals=self.portals,
            labels=self.labels(),
        )
        seen = panorama(self.connection, self.selection(), viewpoint)
        report, findings = self._report()
        found = PlainFindings(report=findings, losses=report.losses, unfinished=self._unfinished)
        return PanoramicReport(**dict(report), panorama=seen, in_plain_words=in_plain_words(found))

    def report(self) -> PlacedReport:
        """Return the report."""
        report, _ = self._report()
        return report

    @property
    def _unfinished(self) -> bool:
        return self.frame.range.start <= self.frame.clock < self.frame.range.end

    def _report(self) -> tuple[PlacedReport, Findings]:
        selection, labels = self.selection(), self.labels()
        cells, label_uses = deals.cells_and_label_uses(self.connection, selection, owners=self._shows_owners)
        groups, group_cells, summary = self._figures(selection, cells, labels)
        page, deal_places = self._page(selection, summary, labels)
        findings = self._findings(selection, cells, labels, label_uses)
        lost = self._losses(selection, labels)
        synced = any(portal.last_pull_at is not None for portal in self.portals)
        report = PlacedReport(
            trust=trust_in(
                self.connection,
                self.portals,
                mind=self.mind,
                now=self.now,
                report_range=Range(start=self.frame.range.start, end=self.frame.range.end),
                date_basis=self.request.date_basis,
                data_source=DATA_SOURCE if self.frame.as_of is None else HISTORY_SOURCE,
                live_fallback_used=self.live_pull.done,
            ),
            period=self._period(labels),
            audit=Audit(
                caveats=caveats(findings),
                group_by=self.request.group_by,
                outcome=None if self.request.outcome is None else list(self.request.outcome),
                withheld=withheld(self.request),
                audience=self.request.audience,
                include_filtered=self.request.include_filtered,
                answer_id=self._answer_id(group_cells, lost),
                generated_at=self.now,
            ),
            headline=self._headline(summary, groups if self.goes_on is None else []) if synced else [],
            summary=summary,
            groups=groups,
            losses=lost,
            deals=page,
            group_cells=group_cells,
            group_places=[cells.place for cells in group_cells],
            deal_places=deal_places,
        )
        return report, findings

    def _answer_id(self, groups: Sequence[GroupCells], lost: Losses | None) -> str | None:
        # Groups of a page that goes on have other places than in the whole.
        if self.request.for_client or self.goes_on is not None:
            return None
        made = AnswerId.of(
            self.connection, self.mind, self.request, self.portals, self.now,
            groups=[group.shown_group_key for group in groups],
            themes=[] if lost is None else [theme.theme for theme in lost.themes],
        )  # fmt: skip
        return made.text

    def labels(self) -> Mapping[str, Labels]:
        """Return the portals' labels, by connector."""
        return {
            portal.connector_id: load_labels(
                self.connection,
                portal.connector_id,
                properties=("hs_analytics_source", portal.config.hubspot_loss_reason_property),
            )
            for portal in self.portals
        }

    def selection(self) -> DealSelection:
        """Return the deals that the report is about."""
        return deal_selection(self.request, self.portals, self.frame)

    def _figures(
        self, selection: DealSelection, cells: Sequence[Cell], labels: Mapping[str, Labels]
    ) -> tuple[list[Group], list[GroupCells], Summary]:
        earlier = self.earlier(selection)
        earlier_cells, earlier_days = ([], {}) if earlier is None else earlier.cells_and_days(self.connection)
        found = named_groups(
            self.connection,
            self.request,
            cells,
            earlier_cells,
            portals=self.portals,
            labels=labels,
            after=list_after(GroupPlace, self.goes_on),
            again=None if self.again is None else self.again.groups,
        )
        arranged = found.groups if has_list(GroupPlace, self.goes_on) else []
        # What earlier pages have is no part of what is added up as `other`.
        kept = [*(group.group_key for group in arranged if group.key != deals.OTHER), *found.passed]
        won = deals.won_deals(self.connection, selection, kept, most=TOP_DEALS)
        days_then = days_of_kept(earlier_days, kept)
        timed = [
            replace(
                group,
                days=won.days_by_group.get(group.group_key, Days()),
                earlier_days=days_then.get(group.group_key, Days()),
            )
            for group in arranged
        ]
        compared = earlier is not None
        groups = [
            group_of(each, top_deals=self._told(won.largest_by_group.get(each.group_key, ())), compared=compared)
            for each in timed
        ]
        summary = figures_of(cells, days=won.days, top_deals=self._told(won.largest), outcomes=self.request.outcomes)
        before = range_figures_of(earlier_cells, days=sum(days_then.values(), Days()), outcomes=self.request.outcomes)
        return groups, timed, Summary(**dict(summary), compared_with=before if compared else None)

    def earlier(self, selection: DealSelection) -> EarlierDeals | None:
        """Return the deals of the range that the report compares with."""
        compared, now = self.frame.compared, self.frame.range.local.first_day
        if compared is None:
            return None
        then = compared.local.first_day
        return EarlierDeals(
            selection=selection.between(compared.start, compared.end),
            months_later=12 * (now.year - then.year) + now.month - then.month,
        )

    def _losses(self, selection: DealSelection, labels: Mapping[str, Labels]) -> Losses | None:
        if "lost" not in self.request.outcomes or self.goes_on is not None:
            return None
        return losses(
            self.connection,
            selection,
            ReasonNames.of(self.portals, labels, for_client=self.request.for_client),
            again=None if self.again is None else self.again.themes,
            portals={portal.connector_id: portal for portal in self.portals},
            zone=self.frame.zone,
            themes_max=self.request.groups_max,
        )

    def _told(self, rows: Sequence[Mapping[Any, Any]]) -> list[TopDeal]:
        portals = {portal.connector_id: portal for portal in self.portals}
        return [top_deal(row, portal=portals[row["connector_id"]], zone=self.frame.zone) for row in rows]

    @property
    def _shows_owners(self) -> bool:
        return self.request.detail or self.request.group_by is GroupBy.OWNER

    def _findings(
        self,
        selection: DealSelection,
        cells: Sequence[Cell],
        labels: Mapping[str, Labels],
        label_uses: Sequence[LabelUse],
    ) -> Findings:
        currencies = {cell.currency for cell in cells if cell.amount is not None}
        return Findings(
            portals=self.portals,
            labels=labels,
            now=self.now,
            zone=self.frame.zone,
            zone_assumed=self.frame.zone_assumed,
            earliest=self.frame.earliest,
            date_basis=self.request.date_basis,
            as_of=self.frame.as_of,
            include_filtered=self.request.include_filtered,
            only_some=only_some(self.request),
            live_failure=self.live_pull.failure,
            currencies=sorted(currencies, key=lambda code: (code is None, code or "")),
            quality=deals.quality(self.connection, selection, cells),
            bare_days=deals.bare_days(self.connection, selection),
            label_uses=label_uses,
        )

    def _headline(self, summary: Summary, groups: Sequence[Group]) -> list[str]:
        local, compared = self.frame.range.local, self.frame.compared
        return headline(
            summary,
            setting=Setting(
                date_basis=self.request.date_basis,
                first_day=local.first_day,
                last_day=local.last_day,
                zone=self.frame.zone,
                synced_at=last_successful_sync(self.portals),
                as_of=self.frame.as_of,
                unfinished=self._unfinished,
                outcomes=self.request.outcomes,
                compared_days=None if compared is None else (compared.local.first_day, compared.local.last_day),
            ),
            compared_with=summary.compared_with,
            groups=groups,
            group_by=self.request.group_by,
        )

    def _period(self, labels: Mapping[str, Labels]) -> PeriodBlock:
        basis, local = self.request.date_basis, self.frame.range.local
        names = (
            self._entered_won_properties(labels) if basis is DateBasis.ENTERED_CLOSED_WON else [basis.hubspot_property]
        )
        return PeriodBlock(
            name=self.frame.period_name,
            start=self.frame.range.start,
            end=self.frame.range.end,
            first_day=local.first_day,
            last_day=local.last_day,
            timezone=self.frame.zone.key,
            date_basis=basis,
            date_basis_label=basis.label,
            hubspot_property=names[0] if len(names) == 1 else ENTERED_STAGE_PROPERTY,
            hubspot_properties=names,
            as_of=self.frame.as_of,
            compared_with=ComparedPeriod.of(self.frame),
        )

    def _entered_won_properties(self, labels: Mapping[str, Labels]) -> list[str]:
        stages = [stage for known in labels.values() for stage in known.stages.values()]
        defined = entered_stage_properties(self.connection, [portal.connector_id for portal in self.portals])
        # While a portal's definitions have not been read, the names are those that HubSpot documents.
        return list(won_stage_properties(stages, defined) or won_stage_properties(stages))

    def _page(
        self, selection: DealSelection, summary: Summary, labels: Mapping[str, Labels]
    ) -> tuple[DealPage | None, list[DealPlace]]:
        if not self.request.detail or not has_list(DealPlace, self.goes_on):
            return None, []
        page, page_rows = self.request.page, self.request.page_rows
        open_ones = "open" in (self.request.outcome or ())
        total = summary.closed_won.deals + summary.closed_lost.deals + (summary.open.deals if open_ones else 0)
        # One more than is shown tells whether there are more.
        found = detail_rows(
            self.connection,
            selection,
            open_ones=open_ones,
            offset=(page - 1) * page_rows,
            limit=page_rows + 1,
            after=list_after(DealPlace, self.goes_on),
        )
        rows = found[:page_rows]
        shown = DealPage(
            total=total,
            page=page,
            page_rows=page_rows,
            next_page=page + 1 if len(found) > len(rows) else None,
            rows=deal_rows(
                rows,
                portals={portal.connector_id: portal for portal in self.portals},
                labels=labels,
                zone=self.frame.zone,
            ),
        )
        return shown, [place_of(row) for row in rows]


_IN_MEMORY = "SET LOCAL work_mem = '32MB'; SET LOCAL hash_mem_multiplier = 8"

# Sums by group are made without sorting the deals first, and by several processes that tell each other sums, though the
# planner can't tell that groups will be few.
_FEW_GROUPS = "SET LOCAL enable_sort = off; SET LOCAL parallel_tuple_cost = 0.001"
