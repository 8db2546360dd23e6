"""How many rows of a connector are stored, where that is quickly counted."""

from sqlalchemy import Connection, text

from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import count_if_few


def rows_stored(connection: Connection, connector_id: str, asset: str) -> int | None:
    """Return the rows of an asset of this room, in the open mind; None where it has no table, or too many rows."""
    return count_if_few(connection, _ROWS[asset], connector_id) if asset in _ROWS else None


_RAW = "hubspot_raw_records WHERE connector_id = :connector AND object_type ="
_OF_ASSETS = {
    **{f"raw_{object_type}": f"{_RAW} '{object_type}'" for object_type in ObjectType},
    "raw_deal_associations": "hubspot_raw_associations WHERE connector_id = :connector",
    "hubspot_crm_objects": "hubspot_crm_objects WHERE connector_id = :connector",
    "hubspot_associations": "hubspot_associations WHERE connector_id = :connector",
}
_ROWS = {
    asset: text(f"SELECT count(*) FROM (SELECT FROM {rows} LIMIT :most) AS few") for asset, rows in _OF_ASSETS.items()
}
