"""Stage cursors: up to which change a later stage of the sync has worked, and by which rules."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, text

Stage = Literal["associate", "reference", "normalize", "link", "attribute"]


@dataclass(frozen=True, slots=True)
class StageCursor:
    """All changes with a sequence number up to `seq` are done, by the rules of which `rules` is the digest."""

    seq: int = 0
    rules: str = ""


def stage_cursor(connection: Connection, ids: dict[str, Any], stage: Stage) -> StageCursor:
    """Return where the stage stands."""
    row = connection.execute(
        text("SELECT seq, rules FROM pipeline_stages WHERE connector_id = :connector AND stage = :stage"),
        {**ids, "stage": stage},
    ).one_or_none()
    return StageCursor(row.seq, row.rules) if row else StageCursor()


def move_stage_cursor(
    connection: Connection, ids: dict[str, Any], stage: Stage, seq: int, *, rules: str | None = None
) -> None:
    """Note that the stage is done up to `seq`, in the transaction that wrote what it did; `rules` None keeps them."""
    connection.execute(_MOVE, {**ids, "stage": stage, "seq": seq, "rules": rules})


_MOVE = text(
    """INSERT INTO pipeline_stages AS stored (connector_id, mind_id, stage, seq, rules, at)
       VALUES (:connector, :mind, :stage, :seq, coalesce(:rules, ''), clock_timestamp())
       ON CONFLICT (connector_id, stage) DO UPDATE
          SET seq = excluded.seq, rules = coalesce(:rules, stored.rules), at = excluded.at"""
)
