"""Links between records: typed, readable from both ends, hidden while either end is not live."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from coppermind_pipeline.sandbox.portal.object_kinds import COMPANIES, CONTACTS, DEALS, ObjectKind
from coppermind_pipeline.sandbox.portal.record_store import RecordStore

PRIMARY = "Primary"
_SQL_PARAMETERS_MAX = 900


@dataclass(frozen=True, slots=True)
class AssociationType:
    """One type of link, with the id and label that each end sees.

    Source: HubSpot, "Associate records", table of association type ids.
    """

    owner: ObjectKind
    other: ObjectKind
    type_id: int
    inverse_id: int
    label: str | None = None
    inverse_label: str | None = None
    category: str = "HUBSPOT_DEFINED"


DEAL_TO_CONTACT = AssociationType(DEALS, CONTACTS, 3, 4)
DEAL_TO_COMPANY = AssociationType(DEALS, COMPANIES, 341, 342)
DEAL_TO_PRIMARY_COMPANY = AssociationType(DEALS, COMPANIES, 5, 6, PRIMARY, PRIMARY)
CONTACT_TO_COMPANY = AssociationType(CONTACTS, COMPANIES, 279, 280)
CONTACT_TO_PRIMARY_COMPANY = AssociationType(CONTACTS, COMPANIES, 1, 2, PRIMARY, PRIMARY)
HUBSPOT_TYPES = (
    DEAL_TO_CONTACT,
    DEAL_TO_COMPANY,
    DEAL_TO_PRIMARY_COMPANY,
    CONTACT_TO_COMPANY,
    CONTACT_TO_PRIMARY_COMPANY,
)
_PAIRS = ((DEALS, CONTACTS), (DEALS, COMPANIES), (CONTACTS, COMPANIES))


class Link(NamedTuple):
    """One typed link as one end sees it: `type_id` is that end's."""

    from_id: int
    to_id: int
    type_id: int


class AssociationStore:
    """The links of one portal, beside its records."""

    def __init__(self, records: RecordStore) -> None:
        self._records = records
        self.types: list[AssociationType] = list(HUBSPOT_TYPES)
        for owner, other in _PAIRS:
            records.connection.executescript(_CREATE.format(table=_table(owner, other)))

    def index_all(self) -> None:
        """Build the indexes for reading from the other end; called once after a bulk load."""
        for owner, other in _PAIRS:
            table = _table(owner, other)
            self._records.connection.execute(
                f"CREATE INDEX IF NOT EXISTS {table}_back ON {table} (other_id, owner_id, type_id)"
            )

    def known_types(self, from_kind: ObjectKind, to_kind: ObjectKind) -> list[AssociationType]:
        """Return the types that link two kinds, whichever end owns them."""
        return [t for t in self.types if {t.owner, t.other} == {from_kind, to_kind}]

    def labels(self, from_kind: ObjectKind, to_kind: ObjectKind) -> dict[int, tuple[str, str | None]]:
        """Map the type ids that `from_kind` sees to category and label."""
        return {
            (t.type_id if t.owner is from_kind else t.inverse_id): (
                t.category,
                t.label if t.owner is from_kind else t.inverse_label,
            )
            for t in self.known_types(from_kind, to_kind)
        }

    def insert_many(self, owner: ObjectKind, other: ObjectKind, links: Iterable[tuple[int, int, int]]) -> None:
        """Add links (owner id, other id, owner's type id) in bulk; links that exist are left as they are."""
        self._records.connection.execute("BEGIN")
        self._records.connection.executemany(
            f"INSERT OR IGNORE INTO {_table(owner, other)} VALUES (?, ?, ?)",
            links,
        )
        self._records.connection.execute("COMMIT")
        self._records.version += 1

    def remove(self, kind: AssociationType | None, pair: tuple[ObjectKind, ObjectKind], ids: tuple[int, int]) -> int:
        """Remove one link of a type, or all links of two records (type None); returns how many went."""
        owner, other, owner_id, other_id = _oriented(pair, ids)
        narrowed, more = ("", ()) if kind is None else (" AND type_id = ?", (kind.type_id,))
        gone = self._records.connection.execute(
            f"DELETE FROM {_table(owner, other)} WHERE owner_id = ? AND other_id = ?{narrowed}",
            (owner_id, other_id, *more),
        )
        self._records.version += 1
        return gone.rowcount

    def add(self, kind: AssociationType, owner_id: int, other_id: int) -> None:
        """Add one link; a second one of the same type and ends changes nothing, a new primary one replaces the old."""
        if kind.label == PRIMARY:
            self._records.connection.execute(
                f"DELETE FROM {_table(kind.owner, kind.other)} WHERE owner_id = ? AND type_id = ?",
                (owner_id, kind.type_id),
            )
        self.insert_many(kind.owner, kind.other, [(owner_id, other_id, kind.type_id)])

    def move(self, kind: ObjectKind, old_id: int, new_id: int) -> None:
        """Hand all links of a merged record to its survivor, which keeps its own primary company if it has one."""
        for each in self.types:
            if each.owner is kind and each.label == PRIMARY:
                table = _table(each.owner, each.other)
                self._records.connection.execute(_GIVE_UP_PRIMARY.format(table=table), (old_id, new_id, each.type_id))
        for owner, other in _PAIRS:
            for end, column in ((owner, "owner_id"), (other, "other_id")):
                if end is kind:
                    table = _table(owner, other)
                    self._records.connection.execute(
                        f"UPDATE OR REPLACE {table} SET {column} = ? WHERE {column} = ?",
                        (new_id, old_id),
                    )
        self._records.version += 1

    def forget(self, kind: ObjectKind, record_id: int) -> None:
        """Remove all links of a record that is gone for good."""
        for owner, other in _PAIRS:
            for end, column in ((owner, "owner_id"), (other, "other_id")):
                if end is kind:
                    self._records.connection.execute(
                        f"DELETE FROM {_table(owner, other)} WHERE {column} = ?",
                        (record_id,),
                    )
        self._records.version += 1

    def of(self, from_kind: ObjectKind, to_kind: ObjectKind, ids: Sequence[int]) -> dict[int, list[Link]]:
        """Return the links of live records with live records, by from-id, ascending by to-id."""
        found: dict[int, list[Link]] = {}
        seen = {
            t.type_id: t.type_id if t.owner is from_kind else t.inverse_id for t in self.known_types(from_kind, to_kind)
        }
        for start in range(0, len(ids), _SQL_PARAMETERS_MAX):
            some = ids[start : start + _SQL_PARAMETERS_MAX]
            rows = self._records.connection.execute(self._select(from_kind, to_kind, len(some)), some)
            for from_id, to_id, type_id in rows:
                found.setdefault(from_id, []).append(Link(from_id, to_id, seen[type_id]))
        return found

    def everything(self, owner: ObjectKind, other: ObjectKind) -> Iterable[tuple[int, int, int]]:
        """Yield all links of a pair as stored, those of records that are not live too."""
        yield from self._records.connection.execute(
            f"SELECT owner_id, other_id, type_id FROM {_table(owner, other)} ORDER BY owner_id, other_id, type_id"
        )

    def pairs(self) -> tuple[tuple[ObjectKind, ObjectKind], ...]:
        """Return the pairs of kinds (owner, other) that may be linked."""
        return _PAIRS

    def ids_linked_with(self, from_kind: ObjectKind, to_kind: ObjectKind) -> str:
        """Return SQL that selects the ids of `from_kind` linked with one id of `to_kind`, a parameter."""
        owner, other = _orientation(from_kind, to_kind)
        mine, theirs = ("owner_id", "other_id") if owner is from_kind else ("other_id", "owner_id")
        return f"SELECT {mine} FROM {_table(owner, other)} WHERE {theirs} = ?"

    def _select(self, from_kind: ObjectKind, to_kind: ObjectKind, count: int) -> str:
        owner, other = _orientation(from_kind, to_kind)
        mine, theirs = ("owner_id", "other_id") if owner is from_kind else ("other_id", "owner_id")
        return _LINKS.format(
            table=_table(owner, other), mine=mine, theirs=theirs, from_kind=from_kind.name, to_kind=to_kind.name,
            ids=",".join("?" * count),
        )  # fmt: skip


def _orientation(a: ObjectKind, b: ObjectKind) -> tuple[ObjectKind, ObjectKind]:
    return (a, b) if (a, b) in _PAIRS else (b, a)


def _oriented(pair: tuple[ObjectKind, ObjectKind], ids: tuple[int, int]) -> tuple[ObjectKind, ObjectKind, int, int]:
    return (*pair, *ids) if pair in _PAIRS else (pair[1], pair[0], ids[1], ids[0])


def _table(owner: ObjectKind, other: ObjectKind) -> str:
    return f"{owner.name}_{other.name}"


_CREATE = """
CREATE TABLE {table} (
    owner_id INTEGER, other_id INTEGER, type_id INTEGER, PRIMARY KEY (owner_id, other_id, type_id)
) WITHOUT ROWID;
"""

# Of a merged record that has a primary company, where its survivor has one of its own.
_GIVE_UP_PRIMARY = """
DELETE FROM {table} WHERE owner_id = ?1 AND type_id = ?3
   AND EXISTS (SELECT 1 FROM {table} WHERE owner_id = ?2 AND type_id = ?3)
"""

_LINKS = """
SELECT link.{mine}, link.{theirs}, link.type_id
  FROM {table} AS link
  JOIN {from_kind} AS mine ON mine.id = link.{mine} AND mine.archived_ms IS NULL
  JOIN {to_kind} AS theirs ON theirs.id = link.{theirs} AND theirs.archived_ms IS NULL
 WHERE link.{mine} IN ({ids}) ORDER BY link.{mine}, link.{theirs}, link.type_id
"""
