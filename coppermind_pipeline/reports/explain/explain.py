"""Where a number comes from: the answer made once more as of then, and the deals behind one figure of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.reports.errors import ReportArgumentError
from coppermind_pipeline.reports.explain.answer_id import AnswerId, ReadBy, read_by
from coppermind_pipeline.reports.explain.models import Cause, Explanation
from coppermind_pipeline.reports.explain.places import Place, place_of
from coppermind_pipeline.reports.explain.request import ExplainRequest
from coppermind_pipeline.reports.explain.rows import FigureRows, Members, figure_rows
from coppermind_pipeline.reports.figures.deals import OTHER
from coppermind_pipeline.reports.figures.history import lay_out_history
from coppermind_pipeline.reports.figures.measures import Figures
from coppermind_pipeline.reports.figures.rows import deal_rows
from coppermind_pipeline.reports.question.frame import Frame, frame_of
from coppermind_pipeline.reports.question.request import GroupBy, ReportRequest
from coppermind_pipeline.reports.report import Reporter
from coppermind_pipeline.reports.trust.block import trust_in
from coppermind_pipeline.reports.trust.portals import SyncedPortal, load_portals
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import erased_since, read_after


def explain(database: Database, *, mind: Mind, request: ExplainRequest, now: datetime) -> Explanation:
    """Return what a figure of an earlier answer is made of, as the answer had it, and whether it is the same today.

    Raises:
        ReportArgumentError: it is no figure, of another mind's answer, or of none that can be explained.
        ConnectorNotFound: the answer was of a connector that the mind no longer has.
        BeforeHistory: something was read since, and what the portal held then can't be told.
    """
    answer_text, _, path = request.figure.partition("#")
    answer, place = AnswerId.read(answer_text), place_of(path)
    if answer.mind_id != mind.id:
        raise ReportArgumentError("This figure is of another mind's answer.", hint="Name that mind.")
    asked = ReportRequest.from_arguments(answer.arguments)
    if place.group is not None and asked.group_by is not None and asked.group_by.of_losses:
        raise ReportArgumentError(
            f"Figures of groups by {asked.group_by} can't be explained.", hint="Ask for losses.deals."
        )
    if place.group is not None and place.earlier and asked.group_by is GroupBy.MONTH:
        raise ReportArgumentError(
            "A month that stands beside another can't be explained from there.",
            hint="Ask for a report of the earlier range by month, and for the figure in that.",
        )
    with database.mind(mind.id) as connection:
        wanted = None if asked.connector_id is None else [asked.connector_id]
        portals = load_portals(connection, connector_ids=wanted)
        return _Explainer(connection, mind, request, answer, asked, place, portals, now).explanation()


@dataclass(frozen=True, slots=True)
class _Told:
    """A figure as one state of the store tells it; `group` is the one that it is of, by its place in the report."""

    value: Any
    group: Mapping[str, Any] | None
    deals: FigureRows

    def equals(self, other: "_Told") -> bool:
        return (self.value, self.deals.hash) == (other.value, other.deals.hash)


@dataclass(frozen=True, slots=True)
class _Explainer:
    """One explanation in the making: what every part of it asks for."""

    connection: Connection
    mind: Mind
    request: ExplainRequest
    answer: AnswerId
    asked: ReportRequest
    place: Place
    portals: Sequence[SyncedPortal]
    now: datetime

    def explanation(self) -> Explanation:
        frame = frame_of(self.asked, self.portals, now=self.answer.at)
        as_of = self._as_of(frame)
        current = {portal.connector_id: read_by(self.connection, portal) for portal in self.portals}
        rules = self.answer.differs(current)
        if not rules and {each: by.seq for each, by in current.items()} == self._seqs and self.asked.as_of is None:
            then = today = self._told(replace(frame, as_of=None), None)
            read_again = then
        else:
            then = self._told_of_history(frame, as_of, self.answer.read_by)
            read_again = self._told_of_history(frame, as_of, current, then.group) if rules else then
            today = read_again if self.asked.as_of is not None else self._told(replace(frame, as_of=None), then.group)
        erased = self._erased
        same = then.equals(today) and not erased
        data = not read_again.equals(today)
        named: dict[Cause, bool] = {"data": data, "rules": rules, "erasure": erased}
        metric, first = self.place.metric, int(self.request.cursor or 0)
        following = first + len(then.deals.rows)
        return Explanation(
            trust=trust_in(self.connection, self.portals, mind=self.mind, now=self.now),
            figure=self.request.figure,
            metric=metric,
            definition=None if metric is None else metric.definition,
            arguments=self.answer.arguments,
            filters={connector: by.settings for connector, by in self.answer.read_by.items()},
            value=then.value,
            total=then.deals.total,
            rows=deal_rows(
                then.deals.rows,
                portals={portal.connector_id: portal for portal in self.portals},
                labels=self._reporter(frame).labels(),
                zone=frame.zone,
            ),
            next_cursor=str(following) if following < then.deals.total else None,
            as_of=as_of,
            hash=then.deals.hash,
            same_today=same,
            value_today=today.value,
            changed=[] if same else [cause for cause, is_one in named.items() if is_one],
            caveats=list(_caveats(rules=rules, erased=erased)),
        )

    @property
    def _seqs(self) -> dict[str, int]:
        return {connector: by.seq for connector, by in self.answer.read_by.items()}

    def _as_of(self, frame: Frame) -> datetime:
        """Return until when what was read is in the answer: what waited to be interpreted is not."""
        waited = [read_after(self.connection, connector, seq) for connector, seq in self._seqs.items()]
        waiting = [moment - _INSTANT for moment in waited if moment is not None]
        return min([frame.as_of or self.answer.at, *waiting])

    def _told_of_history(
        self,
        frame: Frame,
        as_of: datetime,
        by: Mapping[str, ReadBy],
        group: Mapping[str, Any] | None = None,
    ) -> _Told:
        settings = {connector: each.settings for connector, each in by.items() if each.settings is not None}
        as_read = self.asked.as_of is None
        lay_out_history(self.connection, self.portals, as_of, settings=settings, as_read=as_read)
        return self._told(replace(frame, as_of=as_of), group)

    def _told(self, frame: Frame, group: Mapping[str, Any] | None) -> _Told:
        """Return the figure and its deals; of that group, wherever it is, or of the one at the figure's place."""
        reporter = self._reporter(frame)
        report = reporter.report().model_dump(mode="json")
        groups = report["groups"]
        if self.place.group is not None:
            at_place = groups[self.place.group] if self.place.group < len(groups) else None
            group = at_place if group is None else _found_again(group, groups)
            if group is None:
                raise ReportArgumentError(f"The answer has no group {self.place.group}.")
        selection = reporter.selection()
        if self.place.earlier:
            if frame.compared is None:
                raise ReportArgumentError("The answer compares with no earlier range.")
            selection = selection.between(frame.compared.start, frame.compared.end)
        deals = figure_rows(
            self.connection, selection, self.place, self._members(group, groups), read_until=frame.as_of,
            offset=int(self.request.cursor or 0), limit=self.request.rows,
        )  # fmt: skip
        return _Told(self.place.value_in(report if group is None else group), group, deals)

    def _members(self, group: Mapping[str, Any] | None, groups: Sequence[Mapping[str, Any]]) -> Members:
        if group is None:
            return Members()
        connector = group["connector_id"]
        if self.asked.group_by is None:
            return Members(connector_id=connector)
        if group["key"] != OTHER:
            return Members(connector_id=connector, key=group["key"])
        kept = [each["key"] for each in groups if each["connector_id"] == connector and each["key"] != OTHER]
        return Members(connector_id=connector, other_keys=kept)

    def _reporter(self, frame: Frame) -> Reporter:
        return Reporter(self.connection, self.mind, self.asked, self.portals, frame, self.now)

    @property
    def _erased(self) -> bool:
        """Whether what the figure was told by may be gone: contacts lend deals their source and place."""
        if self.place.group is None or self.asked.group_by not in _BY_CONTACTS:
            return False
        return any(erased_since(self.connection, connector, self.answer.at) for connector in self._seqs)


_INSTANT = timedelta(microseconds=1)
_BY_CONTACTS = {GroupBy.SOURCE, GroupBy.COUNTRY, GroupBy.REGION}
_GONE: Mapping[str, None] = dict.fromkeys(Figures.model_fields)


def _found_again(group: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the same group of another report; without figures where that has none such."""
    same = (each for each in groups if (each["connector_id"], each["key"]) == (group["connector_id"], group["key"]))
    return next(same, {**group, **_GONE})


def _caveats(*, rules: bool, erased: bool) -> Iterator[str]:
    yield "Labels, stages and pipelines are those of today."
    if rules:
        yield "Filters, settings, definitions or the rules by which figures are counted have changed since."
    if erased:
        yield (
            "Contacts were erased for privacy since; what deals had their source or place from them can't be told "
            "again, so that this figure may have been another."
        )
