"""The walk over all deals of a portal that were open, came or went: their steps, added up as they pass by."""

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, text

from coppermind_pipeline.catalog import load_interpretation
from coppermind_pipeline.crm import NormalizedRecord
from coppermind_pipeline.reports.changes.bridge import BridgeSums, Tally
from coppermind_pipeline.reports.changes.steps import Beside, Step, View, steps_between
from coppermind_pipeline.reports.trust.portals import SyncedPortal
from coppermind_pipeline.sync import DealHistory, DealVersion, deal_histories


@dataclass(frozen=True, slots=True)
class DealStep:
    """One step of one deal, or a place beside the bridge, and the versions that it lies between.

    Not `in_own_currency` is what is a step in the company currency alone: a change of the exchange rate, or what a deal
    gained by changing its currency; `currency` and `amount` are None then.
    """

    connector_id: str
    hubspot_id: str
    before: DealVersion | None
    after: DealVersion
    step: Step | Beside
    currency: str | None
    amount: Decimal | None
    amount_home: Decimal | None
    in_own_currency: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedDeal:
    """A deal that was read in the range, or later: what it was at both ends, and the first that was ever read of it.

    `arrived` is None of a deal that was known before the range.
    """

    connector_id: str
    hubspot_id: str
    opening: DealVersion | None
    closing: DealVersion | None
    arrived: DealVersion | None


@dataclass(slots=True)
class Walk:
    """What is added up on the way.

    Attributes:
        pipelines: ids of those that count; None: all.
    """

    pipelines: Collection[str] | None
    by_currency: defaultdict[str | None, BridgeSums] = field(default_factory=lambda: defaultdict(BridgeSums))
    of_all: BridgeSums = field(default_factory=BridgeSums)
    steps: list[DealStep] = field(default_factory=list)
    changed: list[ChangedDeal] = field(default_factory=list)

    def over(self, connection: Connection, portal: SyncedPortal, start: datetime, end: datetime) -> None:
        """Add one portal's deals, those that did not change by sums of the store."""
        meaning = load_interpretation(connection, portal.connector_id, portal.config.of_records).meaning
        histories = deal_histories(connection, portal.connector_id, meaning, since=start, until=end)
        changed = [self._take(portal, history) for history in histories]
        values = {"connector": portal.connector_id, "changed": changed,
                  "pipelines": None if self.pipelines is None else list(self.pipelines)}  # fmt: skip
        for row in connection.execute(text(_UNCHANGED), values):
            for tally in (self.by_currency[row.currency].opening, self.by_currency[row.currency].closing):
                tally.add(row.amount, deals=row.deals, unpriced=row.unpriced)
            for tally in (self.of_all.opening, self.of_all.closing):
                tally.add(row.amount_home, deals=row.deals, unpriced=row.unpriced)
            self.of_all.lacking += row.lacking

    def fits(self, deal: NormalizedRecord) -> bool:
        """Say whether today's filters, and the pipelines that are asked for, let a deal count."""
        return deal.filtered_reason is None and (self.pipelines is None or deal.pipeline_id in self.pipelines)

    def holds(self, version: DealVersion | None) -> bool:
        """Say whether a deal was in the open pipeline at that version."""
        return self._view_of_all.holds(version)

    @property
    def _view_of_all(self) -> View:
        return View(self.fits, _in_company_currency, of_one_currency=False)

    def _view_of(self, currency: str | None) -> View:
        return View(lambda deal: deal.currency == currency and self.fits(deal), _own_amount, of_one_currency=True)

    def _take(self, portal: SyncedPortal, history: DealHistory) -> str:
        """Add one deal's opening, steps and closing, and return its id."""
        before = history.before
        self._add_level(before, BridgeSums.at_opening)
        for after in history.versions:
            self._add_steps(portal, history.hubspot_id, before, after)
            before = after
        self._add_level(before, BridgeSums.at_closing)
        self.changed.append(
            ChangedDeal(
                connector_id=portal.connector_id,
                hubspot_id=history.hubspot_id,
                opening=history.before,
                closing=before,
                arrived=history.versions[0] if history.before is None and history.versions else None,
            )
        )
        return history.hubspot_id

    def _add_level(self, version: DealVersion | None, at: Callable[[BridgeSums], Tally]) -> None:
        if version is None or not self.holds(version):
            return
        deal, unpriced = version.deal, int(version.deal.amount is None)
        at(self.by_currency[deal.currency]).add(deal.amount, unpriced=unpriced)
        at(self.of_all).add(_in_company_currency(deal), unpriced=unpriced)
        self.of_all.lacking += _lacks_home(deal)

    def _add_steps(self, portal: SyncedPortal, hubspot_id: str, before: DealVersion | None, after: DealVersion) -> None:
        is_new = _is_new(after.deal, portal)
        of_all = {taken.step: taken for taken in steps_between(before, after, self._view_of_all, is_new=is_new)}
        if before is not None and self.holds(before):
            self.of_all.lacking += _lacks_home(before.deal)
        if of_all:
            self.of_all.lacking += _lacks_home(after.deal)
        for taken in of_all.values():
            self.of_all.steps[taken.step].add(taken.amount, unpriced=int(taken.unpriced))
        for currency in dict.fromkeys(each.deal.currency for each in (before, after) if each is not None):
            for taken in steps_between(before, after, self._view_of(currency), is_new=is_new):
                self.by_currency[currency].steps[taken.step].add(taken.amount, unpriced=int(taken.unpriced))
                home = of_all.pop(taken.step, None)
                self.steps.append(DealStep(portal.connector_id, hubspot_id, before, after, taken.step, currency,
                                           taken.amount, None if home is None else home.amount))  # fmt: skip
        self.steps += [
            DealStep(
                portal.connector_id, hubspot_id, before, after, step, None, None, taken.amount, in_own_currency=False
            )
            for step, taken in of_all.items()
        ]


def _is_new(deal: NormalizedRecord, portal: SyncedPortal) -> bool:
    """Say whether a deal was created since its portal is followed; whatever the range, or ranges would not add up."""
    followed_since = portal.first_completed_at
    return deal.created_at is not None and followed_since is not None and deal.created_at > followed_since


def _own_amount(deal: NormalizedRecord) -> Decimal | None:
    return deal.amount


def _in_company_currency(deal: NormalizedRecord) -> Decimal | None:
    return None if deal.amount is None else deal.amount_home


def _lacks_home(deal: NormalizedRecord) -> int:
    return int(deal.amount is not None and deal.amount_home is None)


# Whatever else was read of them lies before the range.
_UNCHANGED = """
SELECT deal.currency, count(*) AS deals, sum(deal.amount) AS amount,
       sum(deal.amount_home) FILTER (WHERE deal.amount IS NOT NULL) AS amount_home,
       count(*) FILTER (WHERE deal.amount IS NULL) AS unpriced,
       count(*) FILTER (WHERE deal.amount IS NOT NULL AND deal.amount_home IS NULL) AS lacking
  FROM live_deals AS deal
 WHERE deal.connector_id = :connector AND deal.outcome = 'open' AND deal.filtered_reason IS NULL
   AND (CAST(:pipelines AS text[]) IS NULL OR deal.pipeline_id = ANY (CAST(:pipelines AS text[])))
   AND NOT EXISTS (SELECT FROM unnest(CAST(:changed AS text[])) AS changed (id) WHERE changed.id = deal.hubspot_id)
 GROUP BY deal.currency
"""
