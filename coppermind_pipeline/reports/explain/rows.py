"""The deals that a figure is made of: how many, which, and a hash of what was read of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from coppermind_pipeline.reports.explain.members import OF_MEMBERS, Members
from coppermind_pipeline.reports.explain.places import Place
from coppermind_pipeline.reports.figures.deals import DATED
from coppermind_pipeline.reports.figures.selection import DealSelection, Which, with_deals


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRows:
    """A page of the deals; `total` and `hash` are of all."""

    total: int
    hash: str
    rows: Sequence[Mapping[Any, Any]]


def figure_rows(
    connection: Connection,
    selection: DealSelection,
    place: Place,
    members: Members,
    *,
    read_until: datetime | None,
    offset: int,
    limit: int,
) -> FigureRows:
    """Return the deals behind a figure, by id.

    Args:
        read_until: the time of the selection's source, for the hash; None: now.
    """
    statement = _MEMBERS.replace("<condition>", place.condition)
    is_of_new = place.figure.startswith("pipeline_created")
    statement = statement.replace("<its key>", "coalesce(key_of_new, key)" if is_of_new else "key")
    values = selection.values(read_until=read_until, offset=offset, limit=limit, **members.values)
    which = (Which.CLOSED, Which.OPEN, Which.CREATED)
    known = connection.execute(text(with_deals(statement + _KNOWN, selection, *which)), values).one()
    rows = connection.execute(text(with_deals(statement + _PAGE, selection, *which)), values).mappings().all()
    return FigureRows(total=known.total, hash=known.hash, rows=rows)


_MEMBERS = (
    DATED
    + f"""
, keyed AS (
    SELECT dated.*, <key> AS key, <key of new> AS key_of_new FROM dated WHERE <condition>
), member AS (
    SELECT keyed.* FROM keyed WHERE {OF_MEMBERS}
)
"""
)

_KNOWN = """
SELECT count(*) AS total,
       md5(coalesce(string_agg(member.hubspot_id || encode(version.content_hash, 'hex'), ','
                               ORDER BY member.connector_id, member.hubspot_id), '')) AS hash
  FROM member
  LEFT JOIN LATERAL newest_version(member.connector_id, 'deals', member.hubspot_id, :read_until) AS version ON true
"""

_PAGE = """
SELECT member.*, company.name AS company
  FROM (SELECT * FROM member
         ORDER BY connector_id, length(hubspot_id), hubspot_id OFFSET :offset LIMIT :limit) AS member
  LEFT JOIN hubspot_crm_objects AS company
    ON company.connector_id = member.connector_id AND company.object_type = 'companies'
   AND company.hubspot_id = member.primary_company_id
 ORDER BY member.connector_id, length(member.hubspot_id), member.hubspot_id
"""
