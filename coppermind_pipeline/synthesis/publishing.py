"""Publishing: one synthesis per connector and period, from figures to queued texts, all in one transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from coppermind_pipeline.catalog import load_interpretation, load_labels
from coppermind_pipeline.connectors import (
    Cadence,
    ConnectorConfig,
    Period,
    PeriodKeyError,
    freshness,
    parse_period_key,
    period_key_for,
)
from coppermind_pipeline.crm import day_of, lead_stages_of
from coppermind_pipeline.errors import CoppermindError, HealsByItself
from coppermind_pipeline.memories import MemoryType, QueueEntry, Sensitivity, aggregate_ref, enqueue
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import rebuild_as_of
from coppermind_pipeline.synthesis.aggregates.aggregate import Aggregate
from coppermind_pipeline.synthesis.aggregates.lead_leaks import reason_properties
from coppermind_pipeline.synthesis.aggregates.population import (
    HISTORY,
    STORE,
    Population,
    Source,
    filtered_records,
)
from coppermind_pipeline.synthesis.aggregates.rates import THRESHOLDS
from coppermind_pipeline.synthesis.basis import Basis, load_basis
from coppermind_pipeline.synthesis.figures import Figures, compute_figures, read_figures
from coppermind_pipeline.synthesis.parts import Parts, parts_of
from coppermind_pipeline.synthesis.texts import (
    Coverage,
    Wording,
    channel_mix_text,
    geography_text,
    lead_leaks_text,
    loss_themes_text,
    strategy_text,
)

WAITING_FOR_BACKFILL = "The historical backfill has not finished yet."


class SynthesisFailed(HealsByItself):
    """The synthesis could not be computed; the next run tries it again."""

    code = "synthesis_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthesized:
    """What a run of synthesis did.

    Attributes:
        queued: texts that were queued as memories.
        skipped: aggregates without a text, and why; of an already published period, those of its publication.
        already_published: the period was published before, and nothing was done.
        parts: what it counts; of an already published period, as it was published.
    """

    period_key: str
    queued: int = 0
    skipped: Mapping[Aggregate, str] = field(default_factory=dict)
    already_published: bool = False
    parts: Parts = field(default_factory=dict)


def synthesize(
    database: Database,
    *,
    connector_id: str,
    mind_id: UUID,
    cadence: Cadence,
    config: ConnectorConfig,
    now: datetime,
    period_key: str | None = None,
    refresh: bool = False,
) -> Synthesized:
    """Compute a connector's aggregates for one period and queue their texts as memories, once per period.

    Figures and queued texts commit together. A period that was published is left as it is unless `refresh`; a past one
    is worked out as of its end, from what had been read by then.

    Args:
        cadence: of the current period; a given `period_key` tells its own.
        now: aware.
        period_key: the current period where None.
        refresh: publish the period again; the current one with the records of now.

    Raises:
        PeriodKeyError: the key names no period, or a later one than the current.
        SynthesisFailed: it could not be computed; the error is stored with the period, and nothing else changed.
    """
    with database.mind(mind_id) as connection:
        basis = load_basis(connection, connector_id, config)
    period = parse_period_key(period_key or period_key_for(now, cadence, basis.zone))
    if period.start(basis.zone) > now:
        raise PeriodKeyError(f"The period {period.key} has not begun yet.")
    if basis.portal.first_completed_at is None:
        return Synthesized(period_key=period.key, skipped=dict.fromkeys(Aggregate, WAITING_FOR_BACKFILL))
    run = _Run(connector_id=connector_id, period=period, basis=basis, config=config, now=now)
    try:
        with database.mind(mind_id) as connection:
            return _publish(connection, run, refresh=refresh)
    except CoppermindError:
        raise
    except Exception as error:
        _note_failure(database, mind_id, run, error)
        raise SynthesisFailed(f"The synthesis of {period.key} failed: {_named(error)}.") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One run's arguments and what follows from them."""

    connector_id: str
    period: Period
    basis: Basis
    config: ConnectorConfig
    now: datetime

    @property
    def as_of(self) -> datetime:
        return min(self.now, self.period.end(self.basis.zone))

    @property
    def is_retrospective(self) -> bool:
        return self.as_of < self.now

    @property
    def is_estimated(self) -> bool:
        """Whether it is of a time before the portal's history begins, and of what is known now."""
        history_since = self.basis.portal.history_since
        return self.is_retrospective and (history_since is None or self.as_of < history_since)

    @property
    def source(self) -> Source:
        return HISTORY if self.is_retrospective and not self.is_estimated else STORE

    @property
    def key(self) -> dict[str, Any]:
        return {"connector": self.connector_id, "period": self.period.key, "cadence": self.period.cadence}


def _publish(connection: Connection, run: _Run, *, refresh: bool) -> Synthesized:
    # Takes the period's row, so that of two runs at once the second finds it published.
    row = connection.execute(text(_CLAIM), run.key).one()
    if row.published_at is not None and not refresh:
        skipped = {Aggregate(aggregate): reason for aggregate, reason in row.skipped.items()}
        parts = parts_of(read_figures(connection.scalar(text(_FIGURES), run.key) or {}))
        return Synthesized(period_key=run.period.key, skipped=skipped, already_published=True, parts=parts)
    labels = load_labels(connection, run.connector_id, properties=_labelled_properties(run))
    contact_definitions = labels.definitions.get(ObjectType.CONTACTS, {})
    if run.source is HISTORY:
        meaning = load_interpretation(connection, run.connector_id, run.config.of_records).meaning
        rebuild_as_of(connection, {run.connector_id: meaning}, as_of=run.as_of, whole=ObjectType)
    population = Population(
        connector_id=run.connector_id,
        source=run.source,
        as_of=run.as_of,
        estimated=run.is_estimated,
        zone=run.basis.zone,
        company_currency=run.basis.portal.company_currency,
        disqualified_statuses=run.config.hubspot_disqualified_statuses,
        lead_stages=lead_stages_of(contact_definitions.get("lifecyclestage")),
    )
    figures = compute_figures(
        connection,
        population,
        labels=labels,
        filters=run.basis.filters,
        loss_reason_property=run.config.hubspot_loss_reason_property,
    )
    previous_as_of, previous = _previous(connection, run)
    wording = Wording(labels=labels, coverage=_coverage(connection, run, previous_as_of))
    texts = _compose_texts(figures, previous, wording, disqualified_statuses=run.config.hubspot_disqualified_statuses)
    queued = enqueue(connection, [_entry(run, aggregate, content) for aggregate, content in texts.items()])
    connection.execute(
        text(_STORE),
        {
            **run.key,
            "now": run.now,
            "figures": orjson.dumps(figures.as_json()).decode(),
            "skipped": orjson.dumps(
                {aggregate.value: reason for aggregate, reason in figures.skipped.items()}
            ).decode(),
        },
    )
    return Synthesized(
        period_key=run.period.key, queued=queued.publish, skipped=figures.skipped, parts=parts_of(figures)
    )


def _compose_texts(
    figures: Figures, previous: Figures, wording: Wording, *, disqualified_statuses: tuple[str, ...]
) -> dict[Aggregate, str]:
    """Return the text of each aggregate that has figures; `previous` holds those that it is compared with."""
    texts: dict[Aggregate, str] = {}
    if figures.channel_mix is not None:
        texts[Aggregate.CHANNEL_MIX] = channel_mix_text(figures.channel_mix, previous.channel_mix, wording)
    if figures.geography is not None:
        texts[Aggregate.GEOGRAPHY] = geography_text(figures.geography, previous.geography, wording)
    if figures.lead_leaks is not None:
        texts[Aggregate.LEAD_LEAKS] = lead_leaks_text(
            figures.lead_leaks, previous.lead_leaks, wording, disqualified_statuses=disqualified_statuses
        )
    if figures.loss_themes is not None:
        texts[Aggregate.LOSS_THEMES] = loss_themes_text(figures.loss_themes, previous.loss_themes, wording)
    if figures.strategy is not None:
        texts[Aggregate.STRATEGY] = strategy_text(figures.strategy, previous.strategy, wording, skipped=figures.skipped)
    return texts


def _labelled_properties(run: _Run) -> list[str]:
    return [
        "hs_analytics_source",
        "lifecyclestage",
        "hs_lead_status",
        run.config.hubspot_loss_reason_property,
        *reason_properties(run.basis.definitions.get(ObjectType.CONTACTS, {})),
    ]


def _previous(connection: Connection, run: _Run) -> tuple[datetime | None, Figures]:
    """Return the figures of the published period that covers most before this one, whatever its cadence."""
    zone = run.basis.zone
    published = (
        (min(row.published_at, parse_period_key(row.period_key).end(zone)), row.period_key)
        for row in connection.execute(text(_PUBLISHED), run.key)
    )
    earlier = max((each for each in published if each[0] < run.as_of), default=None)
    if earlier is None:
        return None, Figures(skipped={})
    as_of, key = earlier
    stored = connection.scalar(text(_FIGURES), {**run.key, "period": key})
    return as_of, read_figures(stored or {})


def _coverage(connection: Connection, run: _Run, previous_as_of: datetime | None) -> Coverage:
    basis = run.basis
    since = basis.portal.since

    def covered(as_of: datetime) -> datetime:
        # A period's end is the first moment of the day after its last one.
        return as_of - timedelta(microseconds=1)

    return Coverage(
        through=day_of(covered(run.as_of), basis.zone),
        since=day_of(since, basis.zone) if since is not None else None,
        freshness=freshness(
            last_pull_at=basis.last_pull_at, poll_interval_minutes=run.config.poll_interval_minutes, now=run.as_of
        ),
        last_pull=day_of(basis.last_pull_at, basis.zone) if basis.last_pull_at is not None else None,
        worked_out=day_of(run.now, basis.zone) if run.is_retrospective else None,
        is_estimated=run.is_estimated,
        filtered=filtered_records(connection, run.connector_id, run.source),
        previous=day_of(covered(previous_as_of), basis.zone) if previous_as_of is not None else None,
    )


def _entry(run: _Run, aggregate: Aggregate, content: str) -> QueueEntry:
    return QueueEntry(
        source_ref=aggregate_ref(run.connector_id, run.period.key, aggregate),
        connector_id=run.connector_id,
        operation="publish",
        type=MemoryType.FACT,
        sensitivity=Sensitivity.SENSITIVE,
        content=content,
        aggregate_period_key=run.period.key,
        aggregate_scope=aggregate,
        aggregate_thresholds=orjson.dumps({name: value for name, (value, _) in THRESHOLDS.items()}).decode(),
        as_of=run.as_of,
    )


def _note_failure(database: Database, mind_id: UUID, run: _Run, error: Exception) -> None:
    try:
        with database.mind(mind_id) as connection:
            connection.execute(text(_NOTE_FAILURE), {**run.key, "error": _named(error)})
    except SQLAlchemyError:
        # The database that failed the synthesis can't take the note either; the caller gets the first error.
        return


def _named(error: Exception) -> str:
    """Return what went wrong without what it went wrong with: messages of the database quote rows."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return type(error).__name__ + (f" (SQLSTATE {state})" if state else "")


_CLAIM = """
INSERT INTO syntheses (connector_id, mind_id, period_key, cadence)
VALUES (:connector, current_mind(), :period, :cadence)
ON CONFLICT (connector_id, period_key) DO UPDATE SET cadence = excluded.cadence
RETURNING published_at, skipped
"""

_PUBLISHED = """
SELECT period_key, published_at FROM syntheses
 WHERE connector_id = :connector AND period_key <> :period AND published_at IS NOT NULL
"""

_FIGURES = "SELECT figures FROM syntheses WHERE connector_id = :connector AND period_key = :period"

_STORE = """
UPDATE syntheses
   SET published_at = :now, figures = CAST(:figures AS jsonb), skipped = CAST(:skipped AS jsonb), error = NULL
 WHERE connector_id = :connector AND period_key = :period
"""

_NOTE_FAILURE = """
INSERT INTO syntheses (connector_id, mind_id, period_key, cadence, error)
VALUES (:connector, current_mind(), :period, :cadence, :error)
ON CONFLICT (connector_id, period_key) DO UPDATE SET error = excluded.error
"""
