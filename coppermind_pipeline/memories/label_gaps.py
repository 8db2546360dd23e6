"""Label gaps: records whose texts lack a label of the portal's, noted in the transaction that makes the texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Connection, text

from coppermind_pipeline.crm import Label
from coppermind_pipeline.store import copy_rows


@dataclass(frozen=True, slots=True)
class LabelGap:
    """What a text lacks a label of.

    Attributes:
        missing: it says so in words, as HubSpot has no label any more.
        internal: it shows the value as HubSpot stores it.
    """

    missing: tuple[str, ...] = ()
    internal: tuple[str, ...] = ()

    @classmethod
    def of(cls, labels: Mapping[str, Label]) -> Self:
        """Return what of these labels is lacking."""
        return cls(
            missing=tuple(what for what, label in labels.items() if not label.resolved),
            internal=tuple(what for what, label in labels.items() if label.internal),
        )


def note_label_gaps(connection: Connection, connector_id: str, gaps: Mapping[str, LabelGap]) -> None:
    """Note by source ref what the texts of a batch lack; of one that lacks nothing, or is not there, nothing stays."""
    connection.execute(_FORGET, {"refs": list(gaps)})
    lacking = [
        (ref, connector_id, list(gap.missing), list(gap.internal))
        for ref, gap in gaps.items()
        if gap.missing or gap.internal
    ]
    if lacking:
        columns = ("source_ref", "connector_id", "missing", "internal")
        copy_rows(connection, like="memory_label_gaps", columns=columns, rows=lacking)
        connection.execute(_NOTE)


_FORGET = text("DELETE FROM memory_label_gaps WHERE source_ref = ANY(:refs)")
_NOTE = text(
    """INSERT INTO memory_label_gaps (source_ref, mind_id, connector_id, missing, internal)
       SELECT source_ref, current_mind(), connector_id, missing, internal FROM incoming"""
)
