"""What generated records of all kinds have alike."""

from typing import NamedTuple

from coppermind_pipeline.sandbox.portal.object_kinds import ObjectKind
from coppermind_pipeline.sandbox.portal.record_store import StoredRecord, stored
from coppermind_pipeline.sandbox.timestamps import iso

Values = dict[str, str | None]


class Frame(NamedTuple):
    """A record's id, dates and owner, from which much of the rest follows."""

    kind: ObjectKind
    record_id: int
    created_ms: int
    modified_ms: int
    owner: str | None
    archived_ms: int | None

    def record(self, values: Values) -> StoredRecord:
        """Return the record with these values, those that are None left out."""
        created = iso(self.created_ms)
        if self.owner:
            values["hubspot_owner_id"] = values["hs_all_owner_ids"] = self.owner
            values["hubspot_owner_assigneddate"] = created
        values["createdate"] = values["hs_createdate"] = created
        values[self.kind.modified_property] = iso(self.modified_ms)
        values["hs_object_id"] = str(self.record_id)
        return stored(
            self.record_id,
            {name: value for name, value in values.items() if value is not None},
            created_ms=self.created_ms,
            modified_ms=self.modified_ms,
            archived_ms=self.archived_ms,
        )


def erp_number(record_id: int) -> str:
    """Return the number under which another system knows a record."""
    return f"ERP-{record_id % 1_000_003:07}"


def entered_stage(stage: str, at_ms: int) -> Values:
    """Return what HubSpot notes when a contact or company enters a lifecycle stage."""
    moment = iso(at_ms)
    return {
        "hs_v2_date_entered_current_stage": moment,
        f"hs_v2_date_entered_{stage}": moment,
        "hs_v2_time_in_current_stage": moment,
    }
