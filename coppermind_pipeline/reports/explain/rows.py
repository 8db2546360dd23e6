"""The records that a figure is made of: how many, which, and a hash of what was read of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from coppermind_pipeline.object_types import ObjectType


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRows:
    """A page of the records; `total` and `hash` are of all."""

    total: int
    hash: str
    rows: Sequence[Mapping[Any, Any]]


@dataclass(frozen=True, slots=True)
class Named:
    """The record whose name is told with each: of a type, its id being the column `by`; `told_as` is the name's own."""

    object_type: ObjectType
    by: str
    told_as: str


def figure_rows(
    connection: Connection,
    statement: Callable[[str], str],
    values: Mapping[str, Any],
    *,
    object_type: ObjectType,
    named: Named,
) -> FigureRows:
    """Return a page of the records behind a figure, by id.

    Args:
        statement: returns one that asks of the table `member`, which holds these records.
        values: what it binds, with `offset` and `limit` of the page, and `read_until`, the time that the records are of
            (None: now).
    """
    known = connection.execute(text(statement(_KNOWN.format(type=object_type))), values).one()
    page = _PAGE.format(type=named.object_type, by=named.by, told_as=named.told_as)
    rows = connection.execute(text(statement(page)), values).mappings().all()
    return FigureRows(total=known.total, hash=known.hash, rows=rows)


_KNOWN = """
SELECT count(*) AS total,
       md5(coalesce(string_agg(member.hubspot_id || encode(version.content_hash, 'hex'), ','
                               ORDER BY member.connector_id, member.hubspot_id), '')) AS hash
  FROM member
  LEFT JOIN LATERAL newest_version(member.connector_id, '{type}', member.hubspot_id, :read_until) AS version ON true
"""

_PAGE = """
SELECT member.*, named.name AS {told_as}
  FROM (SELECT * FROM member
         ORDER BY connector_id, length(hubspot_id), hubspot_id OFFSET :offset LIMIT :limit) AS member
  LEFT JOIN hubspot_crm_objects AS named
    ON named.connector_id = member.connector_id AND named.object_type = '{type}'
   AND named.hubspot_id = member.{by}
 ORDER BY member.connector_id, length(member.hubspot_id), member.hubspot_id
"""
