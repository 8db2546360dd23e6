"""Checkpoints: up to which change each stage behind the pull has worked, and by which rules (table `pipeline_stages`).

A stage moves its checkpoint in the transaction that writes what it did, so that one that is cut short anywhere goes on
from there. `current_mind()` is the mind of the transaction (`migrations/versions`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, text

Stage = Literal["associate", "reference", "normalize", "link", "attribute", "map", "map_deals", "map_days", "queue"]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All changes with a sequence number up to `seq` are done, by the rules of which `rules` is the digest."""

    seq: int = 0
    rules: str = ""


def load_checkpoint(connection: Connection, connector_id: str, stage: Stage) -> Checkpoint:
    """Return where the stage stands."""
    row = connection.execute(_LOAD, {"connector": connector_id, "stage": stage}).one_or_none()
    return Checkpoint(row.seq, row.rules) if row else Checkpoint()


_LOAD = text("SELECT seq, rules FROM pipeline_stages WHERE connector_id = :connector AND stage = :stage")


def move_checkpoint(
    connection: Connection, connector_id: str, stage: Stage, seq: int, *, rules: str | None = None
) -> None:
    """Note that the stage is done up to `seq`, by these rules; None leaves those of before."""
    connection.execute(_MOVE, {"connector": connector_id, "stage": stage, "seq": seq, "rules": rules})


_MOVE = text(
    """INSERT INTO pipeline_stages AS stored (connector_id, mind_id, stage, seq, rules, at)
       VALUES (:connector, current_mind(), :stage, :seq, coalesce(:rules, ''), clock_timestamp())
       ON CONFLICT (connector_id, stage) DO UPDATE
          SET seq = excluded.seq, rules = coalesce(:rules, stored.rules), at = excluded.at"""
)


def note_stage_at_work(connection: Connection, connector_id: str, stage: Stage) -> None:
    """Note that the stage did something now; how far it stands stays as it is."""
    connection.execute(_NOTE_AT_WORK, {"connector": connector_id, "stage": stage})


_NOTE_AT_WORK = text(
    """INSERT INTO pipeline_stages (connector_id, mind_id, stage, at)
       VALUES (:connector, current_mind(), :stage, clock_timestamp())
       ON CONFLICT (connector_id, stage) DO UPDATE SET at = excluded.at"""
)


def load_applied(connection: Connection, connector_id: str, stage: Stage) -> Mapping[str, Any]:
    """Return what all that the stage has stored was made with, as it noted it; nothing where it never did."""
    return connection.scalar(_LOAD_APPLIED, {"connector": connector_id, "stage": stage}) or {}


_LOAD_APPLIED = text("SELECT applied FROM pipeline_stages WHERE connector_id = :connector AND stage = :stage")


def note_applied(connection: Connection, connector_id: str, stage: Stage, applied: Mapping[str, Any]) -> None:
    """Note what all that the stage has stored was made with: for those who say so, or to compare with the next time."""
    connection.execute(
        _NOTE_APPLIED, {"connector": connector_id, "stage": stage, "applied": orjson.dumps(applied).decode()}
    )


_NOTE_APPLIED = text(
    """INSERT INTO pipeline_stages AS stored (connector_id, mind_id, stage, applied)
       VALUES (:connector, current_mind(), :stage, CAST(:applied AS jsonb))
       ON CONFLICT (connector_id, stage) DO UPDATE SET applied = excluded.applied
        WHERE stored.applied IS DISTINCT FROM excluded.applied"""
)
