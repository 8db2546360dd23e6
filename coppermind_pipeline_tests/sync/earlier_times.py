"""The CRM of an earlier time, laid over today's store, is the one that the raw log alone gives."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from coppermind_pipeline.catalog import load_interpretation
from coppermind_pipeline.connectors import load_connector
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Database
from coppermind_pipeline.sync import CONTACTS_AS_OF, DEALS_AS_OF, RECORDS_AS_OF, lay_over_store, rebuild_as_of


def assert_earlier_times_agree(database: Database, connector_id: str, times: Iterable[datetime]) -> None:
    connector = load_connector(database, connector_id)
    for as_of in times:
        with database.mind(connector.mind_id) as connection:
            interpretation = load_interpretation(connection, connector_id, connector.config.of_records)
            lay_over_store(connection, {connector_id: interpretation}, as_of=as_of)
            laid_over = _rows(connection, DEALS_AS_OF), _rows(connection, CONTACTS_AS_OF)
            whole = (ObjectType.DEALS, ObjectType.CONTACTS)
            rebuild_as_of(connection, {connector_id: interpretation.meaning}, as_of=as_of, whole=whole)
            assert laid_over == (_rebuilt(connection, "deals"), _rebuilt(connection, "contacts")), as_of


def _rebuilt(connection: Connection, object_type: str) -> list[dict[str, Any]]:
    return _rows(
        connection,
        f"""(SELECT narrow.*, record.object_type FROM {RECORDS_AS_OF} AS record
              CROSS JOIN contact_stages(lifecycle_stage, stages_entered, stages_entered_at, stages_seen, stages_seen_at)
                         AS told
              CROSS JOIN LATERAL jsonb_populate_record(CAST(NULL AS hubspot_{object_type}),
                                                       to_jsonb(record) || to_jsonb(told)) AS narrow
              WHERE record.object_type = '{object_type}')""",
    )


def _rows(connection: Connection, source: str) -> list[dict[str, Any]]:
    rows = connection.execute(text(f"SELECT * FROM {source} AS record ORDER BY hubspot_id")).mappings()
    return [{name: value for name, value in row.items() if name != "mind_id"} for row in rows]
