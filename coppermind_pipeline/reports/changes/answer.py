"""What changed in one mind's open pipeline: the bridge, what stands beside it, and the deals behind both."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, text

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.catalog import load_labels
from coppermind_pipeline.crm import Labels, day_of, start_of
from coppermind_pipeline.reports.changes.beside import closed_on_arrival, moved_across, worth_of_versions
from coppermind_pipeline.reports.changes.caveats import NOTES, ChangesFindings, changes_caveats
from coppermind_pipeline.reports.changes.headline import ChangesSetting, changes_headline
from coppermind_pipeline.reports.changes.listing import entries, listed_deals
from coppermind_pipeline.reports.changes.models import Bridge, Changes, ChangesAudit, ChangesPeriod
from coppermind_pipeline.reports.changes.request import ChangesFrame, ChangesRequest, frame_of
from coppermind_pipeline.reports.changes.steps import Beside, Step
from coppermind_pipeline.reports.changes.walk import ChangedDeal, Walk
from coppermind_pipeline.reports.changes.won import won_compared
from coppermind_pipeline.reports.errors import ReportArgumentError
from coppermind_pipeline.reports.figures.measures import DealSum
from coppermind_pipeline.reports.figures.selection import DealSelection
from coppermind_pipeline.reports.question.request import DateBasis
from coppermind_pipeline.reports.report import HISTORY_SOURCE
from coppermind_pipeline.reports.trust.block import Range, last_successful_sync, trust_in
from coppermind_pipeline.reports.trust.for_client import changes_for_client, portals_for_client
from coppermind_pipeline.reports.trust.portals import SyncedPortal, load_portals
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import any_deal_changed
from coppermind_pipeline.wording import did_you_mean


def changes(database: Database, *, mind: Mind, request: ChangesRequest, now: datetime) -> Changes:
    """Return what changed in a mind's open pipeline, by the versions of deals that were read; nothing is pulled.

    Args:
        now: aware; the end of the range by default.

    Raises:
        ReportArgumentError: the range is empty, one of its ends is no time, or there is no such pipeline.
        ConnectorNotFound: the mind has no such connector.
        BeforeHistory: it starts before a portal had been read completely for the first time.
    """
    with database.mind(mind.id) as connection:
        connection.execute(text(_IN_MEMORY))
        wanted = None if request.connector_id is None else [request.connector_id]
        portals = load_portals(connection, connector_ids=wanted)
        if request.for_client:
            portals = portals_for_client(portals)
        frame = frame_of(request, portals, now=now)
        labels = {
            portal.connector_id: load_labels(connection, portal.connector_id, properties=()) for portal in portals
        }
        walk = Walk(_pipelines(request.pipeline, labels.values()))
        for portal in portals:
            walk.over(connection, portal, frame.start, frame.end)
        told = _Teller(connection, mind, request, portals, frame, now, labels, walk).changes()
        return changes_for_client(told) if request.for_client else told


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineChange:
    """What changed in the open pipeline, in sums alone; `period_end` is the day that deals were pushed out across."""

    bridges: Sequence[Bridge]
    pushed_out: DealSum | None
    period_end: date | None


def pipeline_change(
    connection: Connection, portals: Sequence[SyncedPortal], request: ChangesRequest, *, now: datetime
) -> PipelineChange | None:
    """Return the sums of `changes` without what stands beside them; None where no deal was read since.

    Args:
        connection: a transaction of the portals' mind.

    Raises:
        ReportArgumentError, BeforeHistory: as `changes` does.
    """
    frame = frame_of(request, portals, now=now)
    if not any(any_deal_changed(connection, portal.connector_id, since=frame.start) for portal in portals):
        return None
    walk = Walk(pipelines=None)
    for portal in portals:
        walk.over(connection, portal, frame.start, frame.end)
    pushed = None
    if frame.period_end is not None:
        pushed = moved_across(walk, frame.period_end, frame.zone)[Beside.PUSHED_OUT]
    home = _common_currency(portals)
    return PipelineChange(
        bridges=_bridges(walk),
        pushed_out=None if pushed is None else worth_of_versions((d.closing for d in pushed), home_currency=home),
        period_end=frame.period_end,
    )


@dataclass(frozen=True, slots=True)
class _Teller:
    """One answer in the making: what every part of it asks for."""

    connection: Connection
    mind: Mind
    request: ChangesRequest
    portals: Sequence[SyncedPortal]
    frame: ChangesFrame
    now: datetime
    labels: Mapping[str, Labels]
    walk: Walk

    def changes(self) -> Changes:
        frame, period_end = self.frame, self.frame.period_end
        bridges = _bridges(self.walk)
        beside = {} if period_end is None else {**moved_across(self.walk, period_end, frame.zone)}
        arrived = closed_on_arrival(self.walk)
        pushed_out, pulled_in = (
            None if kind not in beside else self._worth(beside[kind]) for kind in (Beside.PUSHED_OUT, Beside.PULLED_IN)
        )
        synced = any(portal.last_pull_at is not None for portal in self.portals)
        setting = ChangesSetting(start=frame.start, end=frame.end, zone=frame.zone, period_end=period_end,
                                 synced_at=last_successful_sync(self.portals))  # fmt: skip
        return Changes(
            trust=trust_in(
                self.connection,
                self.portals,
                mind=self.mind,
                now=self.now,
                report_range=Range(start=frame.start, end=frame.end),
                data_source=HISTORY_SOURCE,
            ),
            period=ChangesPeriod(start=frame.start, end=frame.end, timezone=frame.zone.key, period_end=period_end),
            audit=ChangesAudit(
                caveats=changes_caveats(self._findings(bridges)),
                notes=list(NOTES),
                pipeline=self.request.pipeline,
                audience=self.request.audience,
                generated_at=self.now,
            ),
            headline=changes_headline(bridges, setting, pushed_out=pushed_out) if synced else [],
            bridges=bridges,
            in_company_currency=self.walk.of_all.shown(self._home_currency, tellable=self._home_currency is not None),
            won=won_compared(self.connection, self.walk, self._won(), home_currency=self._home_currency),
            pushed_out=pushed_out,
            pulled_in=pulled_in,
            closed_on_arrival={
                outcome: worth_of_versions(
                    (deal.arrived for deal in arrived if deal.arrived and deal.arrived.deal.outcome == outcome),
                    home_currency=self._home_currency,
                )
                for outcome in ("won", "lost")
            },
            deals=listed_deals(
                entries(self.walk.steps, {**beside, Beside.CLOSED_ON_ARRIVAL: arrived}),
                self.request,
                portals={portal.connector_id: portal for portal in self.portals},
                labels=self.labels,
                zone=frame.zone,
            ),
        )

    @property
    def _home_currency(self) -> str | None:
        return _common_currency(self.portals)

    def _worth(self, deals: Sequence[ChangedDeal]) -> DealSum:
        return worth_of_versions((deal.closing for deal in deals), home_currency=self._home_currency)

    def _won(self) -> DealSelection:
        start, end = self.frame.start, self.frame.end
        return DealSelection(
            connector_ids=tuple(portal.connector_id for portal in self.portals),
            start=start,
            end=end,
            today=start_of(day_of(self.now, self.frame.zone), self.frame.zone),
            zone=self.frame.zone.key,
            shown=((start, end),),
            date_basis=DateBasis.CLOSEDATE,
            include_filtered=False,
            outcomes=("won",),
        )

    def _findings(self, bridges: Sequence[Bridge]) -> ChangesFindings:
        return ChangesFindings(
            portals=self.portals,
            now=self.now,
            zone=self.frame.zone,
            zone_assumed=self.frame.zone_assumed,
            earliest=self.frame.start,
            as_of=None,
            followed_since=self.frame.start if self.frame.shortened else None,
            bridges=bridges,
            created_before=sum(
                step.step is Step.CREATED
                and step.after.deal.created_at is not None
                and step.after.deal.created_at < self.frame.start
                for step in self.walk.steps
            ),
            lacking=self.walk.of_all.lacking,
            period_end_known=self.frame.period_end is not None,
        )


def _common_currency(portals: Sequence[SyncedPortal]) -> str | None:
    """Return the company currency of all portals; portals with different ones have none in common."""
    currencies = {portal.company_currency for portal in portals}
    return currencies.pop() if len(currencies) == 1 else None


def _bridges(walk: Walk) -> list[Bridge]:
    found = walk.by_currency
    largest = sorted(found, key=lambda code: (-found[code].closing.deals, -found[code].opening.deals, code or "~"))
    return [found[currency].shown(currency) for currency in largest]


# Open deals are told from those that changed without sorting either.
_IN_MEMORY = "SET LOCAL work_mem = '32MB'"


def _pipelines(asked: str | None, labels: Collection[Labels]) -> frozenset[str] | None:
    """Return the ids of the pipelines of that id or name; None: all."""
    if asked is None:
        return None
    known = {pipeline_id: name or pipeline_id for each in labels for pipeline_id, name in each.pipelines.items()}
    said = asked.strip().casefold()
    found = {pipeline_id for pipeline_id, name in known.items() if said in {pipeline_id.casefold(), name.casefold()}}
    if not found:
        raise ReportArgumentError(
            f"There is no pipeline {asked!r}.",
            hint=did_you_mean(
                asked, list(known.values()), otherwise=f"There are {', '.join(known.values())}.", quoted=True
            ),
        )
    return frozenset(found)
