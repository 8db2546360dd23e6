"""Where a number comes from: the answer made once more as of then, and the deals behind one figure of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.reports.errors import ReportArgumentError
from coppermind_pipeline.reports.explain.answer_id import AnswerId, ReadBy
from coppermind_pipeline.reports.explain.deal_figure import DealFigure
from coppermind_pipeline.reports.explain.lead_figure import LeadFigure
from coppermind_pipeline.reports.explain.models import Cause, Explanation
from coppermind_pipeline.reports.explain.request import ExplainRequest
from coppermind_pipeline.reports.explain.told import Figure, Page, Told
from coppermind_pipeline.reports.figures.history import lay_out_history
from coppermind_pipeline.reports.leads.request import LeadRequest
from coppermind_pipeline.reports.question.frame import Frame, frame_of
from coppermind_pipeline.reports.question.request import ReportRequest
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
    answer = AnswerId.read(answer_text)
    if answer.mind_id != mind.id:
        raise ReportArgumentError("This figure is of another mind's answer.", hint="Name that mind.")
    asked = _REQUESTS[answer.action].from_arguments(answer.arguments)
    with database.mind(mind.id) as connection:
        wanted = None if asked.connector_id is None else [asked.connector_id]
        portals = load_portals(connection, connector_ids=wanted)
        if isinstance(asked, LeadRequest):
            figure: Figure = LeadFigure.at(
                path, answer, asked, connection=connection, mind=mind, portals=portals, now=now
            )
        else:
            figure = DealFigure.at(path, answer, asked, connection=connection, mind=mind, portals=portals, now=now)
        return _Explainer(connection, mind, request, answer, figure, portals, now).explanation()


_REQUESTS: Mapping[str, type[ReportRequest] | type[LeadRequest]] = {
    "crm_report": ReportRequest,
    "lead_report": LeadRequest,
}


@dataclass(frozen=True, slots=True)
class _Explainer:
    """One explanation in the making: what every part of it asks for."""

    connection: Connection
    mind: Mind
    request: ExplainRequest
    answer: AnswerId
    figure: Figure
    portals: Sequence[SyncedPortal]
    now: datetime

    def explanation(self) -> Explanation:
        asked = self.figure.asked
        frame = frame_of(asked, self.portals, now=self.answer.at)
        as_of = self._as_of(frame)
        current = self.answer.read_by_now(self.connection, self.portals)
        rules = self.answer.differs(current)
        if not rules and {each: by.seq for each, by in current.items()} == self._seqs and asked.as_of is None:
            then = today = self._told(replace(frame, as_of=None), current)
            read_again = then
        else:
            then = self._told_of_history(frame, as_of, self.answer.read_by)
            read_again = self._told_of_history(frame, as_of, current) if rules else then
            today = read_again if asked.as_of is not None else self._told(replace(frame, as_of=None), current)
        erased = self._erased
        same = then.equals(today) and not erased and not then.is_gone
        # What is gone, and was erased with nobody, goes by another name: labels are those of today.
        renamed = then.is_gone and not erased
        data = not read_again.equals(today)
        named: dict[Cause, bool] = {"data": data, "rules": rules or renamed, "erasure": erased}
        following = self._page.offset + len(then.records.rows)
        return Explanation(
            trust=trust_in(self.connection, self.portals, mind=self.mind, now=self.now),
            figure=self.request.figure,
            metric=self.figure.metric,
            definition=self.figure.definition,
            arguments=self.answer.arguments,
            filters={connector: by.settings for connector, by in self.answer.read_by.items()},
            value=then.value,
            total=then.records.total,
            rows=self.figure.rows(then, frame),
            next_cursor=str(following) if following < then.records.total else None,
            as_of=as_of,
            hash=then.records.hash,
            same_today=same,
            value_today=today.value,
            changed=[] if same else [cause for cause, is_one in named.items() if is_one],
            caveats=list(_caveats(gone=then.is_gone, rules=rules, erased=erased)),
        )

    @property
    def _page(self) -> Page:
        return Page(offset=int(self.request.cursor or 0), limit=self.request.rows)

    @property
    def _seqs(self) -> dict[str, int]:
        return {connector: by.seq for connector, by in self.answer.read_by.items()}

    def _as_of(self, frame: Frame) -> datetime:
        """Return until when what was read is in the answer: what waited to be interpreted is not."""
        waited = [read_after(self.connection, connector, seq) for connector, seq in self._seqs.items()]
        waiting = [moment - _INSTANT for moment in waited if moment is not None]
        return min([frame.as_of or self.answer.at, *waiting])

    def _told_of_history(self, frame: Frame, as_of: datetime, by: Mapping[str, ReadBy]) -> Told:
        settings = {connector: each.settings for connector, each in by.items() if each.settings is not None}
        as_read = self.figure.asked.as_of is None
        lay_out_history(self.connection, self.portals, as_of, settings=settings, as_read=as_read)
        return self._told(replace(frame, as_of=as_of), by)

    def _told(self, frame: Frame, by: Mapping[str, ReadBy]) -> Told:
        return self.figure.told(frame, by, self._page)

    @property
    def _erased(self) -> bool:
        """Whether somebody was erased whom the figure, or what it is grouped by, may have come from."""
        return self.figure.is_of_contacts and any(
            erased_since(self.connection, connector, self.answer.at) for connector in self._seqs
        )


_INSTANT = timedelta(microseconds=1)


def _caveats(*, gone: bool, rules: bool, erased: bool) -> Iterator[str]:
    if gone:
        yield (
            "The group or theme that this figure is of is gone: all that was in it was erased, or goes by another name "
            "today."
        )
    yield "Labels, stages and pipelines are those of today."
    if rules:
        yield "Filters, settings, definitions or the rules by which figures are counted have changed since."
    if erased:
        yield (
            "Contacts were erased for privacy since; neither they nor what deals had of them as their source or place "
            "can be told again, so that this figure may have been another."
        )
