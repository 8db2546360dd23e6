"""Which records a figure is of: those of the whole answer, of one of its parts, or of all that is in none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coppermind_pipeline.reports.sizing.own_groups import GroupKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A group of an answer, or a theme of losses.

    Attributes:
        digest: by which it is found again (`group_digest`).
        figures: what the answer says of it.
        connector_id: of its records; None: of any.
        keys: what its records are grouped by in the store, each after its connector; None: it is what was added up.
    """

    digest: str
    figures: Mapping[str, Any]
    connector_id: str | None
    keys: Sequence[GroupKey] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """Which records belong to a part: of a connector, of these keys, or of none of the others; by default all.

    A record without a key is in no part.
    """

    connector_id: str | None = None
    keys: Sequence[GroupKey] | None = None
    other_keys: Sequence[GroupKey] | None = None

    @property
    def values(self) -> Mapping[str, Any]:
        """What `OF_MEMBERS` binds."""
        return {
            "connector": self.connector_id,
            "has_keys": self.keys is not None,
            "key_connectors": [connector for connector, _ in self.keys or ()],
            "keys": [key for _, key in self.keys or ()],
            "has_other_keys": self.other_keys is not None,
            "other_key_connectors": [connector for connector, _ in self.other_keys or ()],
            "other_keys": [key for _, key in self.other_keys or ()],
        }


# True of members, by their `connector_id` and `<its key>`.
OF_MEMBERS = """
           (CAST(:connector AS text) IS NULL OR connector_id = :connector)
       AND (NOT CAST(:has_keys AS boolean)
            OR (connector_id, <its key>) IN (SELECT * FROM unnest(CAST(:key_connectors AS text[]),
                                                                  CAST(:keys AS text[]))))
       AND (NOT CAST(:has_other_keys AS boolean)
            OR (<its key> IS NOT NULL
                AND (connector_id, <its key>) NOT IN (SELECT * FROM unnest(CAST(:other_key_connectors AS text[]),
                                                                           CAST(:other_keys AS text[])))))
"""


def figures_and_members(digest: str, parts: Sequence[Part]) -> tuple[Mapping[str, Any] | None, Members]:
    """Return what the answer says of the part that a digest names, and which records belong to it.

    Where the part is gone these are None, and no records.
    """
    part = next((part for part in parts if part.digest == digest), None)
    if part is None:
        return None, Members(keys=())
    if part.keys is not None:
        return part.figures, Members(keys=part.keys)
    others = [key for each in parts if each.keys is not None for key in each.keys]
    return part.figures, Members(connector_id=part.connector_id, other_keys=others)
