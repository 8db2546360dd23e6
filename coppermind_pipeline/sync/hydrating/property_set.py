"""Which properties records are read with: all that the portal defines, without those that it refused of late."""

import hashlib
from dataclasses import dataclass
from itertools import accumulate

from sqlalchemy import Connection, text

from coppermind_pipeline import crm
from coppermind_pipeline.catalog import load_definitions, load_stages, property_names
from coppermind_pipeline.connectors import record_event
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.store import Scope
from coppermind_pipeline.sync.context import SyncContext
from coppermind_pipeline.sync.hydrating.required import required_properties

RETRY_FULL_AFTER_HOURS = 24

# HubSpot's guide limits a search to 3,000 characters, by one reading of it all of its body; the rest of that takes 500.
SEARCHED_NAMES_CHARACTERS_MAX = 2_500


@dataclass(frozen=True, slots=True)
class PropertySet:
    """The property names that records of a type are read with.

    Attributes:
        full: all that the portal defines.
        required: those that the product can't do without; search returns them, as far as they fit into its body.
        calculated: those that HubSpot computes and no figure reads: they make no new version of a record.
        refused: those of `full` that the portal refuses; all of them where it does not say which.
    """

    full: tuple[str, ...]
    required: tuple[str, ...]
    calculated: frozenset[str]
    refused: frozenset[str] = frozenset()

    @property
    def names(self) -> tuple[str, ...]:
        """What a batch read asks for; nothing where search has brought all that the portal lets us read."""
        if self.refused.issuperset(self.full):
            return ()
        return tuple(name for name in self.full if name not in self.refused)

    @property
    def searched(self) -> tuple[str, ...]:
        """Of `required`, what search returns: all but the dates of entry of a portal with dozens of pipelines."""
        ends = accumulate(len(name) + len('"",') for name in self.required)
        return tuple(n for n, end in zip(self.required, ends, strict=True) if end <= SEARCHED_NAMES_CHARACTERS_MAX)

    @property
    def left_out(self) -> frozenset[str]:
        """Of `full`, what records are read without because the portal refuses it."""
        return self.refused if self.names else self.refused.difference(self.searched)

    @property
    def digest(self) -> str:
        """A short name of `names`, stored with each record read."""
        return hashlib.blake2b("\0".join(self.names or self.searched).encode(), digest_size=8).hexdigest()


def load_property_set(connection: Connection, scope: Scope, object_type: ObjectType) -> PropertySet:
    """Return the names that a type is read with, by the stored definitions and what the portal refused of late."""
    calculated = property_names(connection, scope.connector_id, object_type)
    defined = frozenset(calculated)
    required = required_properties(
        object_type,
        defined=defined,
        of_stages=_dates_of_entry(connection, scope, object_type, defined),
    )
    refused = connection.execute(_REFUSED, scope.values(type=object_type)).scalar_one_or_none()
    full = tuple(sorted(defined | set(required)))
    return PropertySet(
        full=full,
        required=tuple(required),
        calculated=frozenset(name for name in defined if calculated[name]).difference(required),
        refused=frozenset() if refused is None else frozenset(refused) or frozenset(full),
    )


def _dates_of_entry(
    connection: Connection, scope: Scope, object_type: ObjectType, defined: frozenset[str]
) -> tuple[str, ...]:
    match object_type:
        case ObjectType.DEALS:
            return crm.won_stage_properties(load_stages(connection, scope.connector_id), defined)
        case ObjectType.CONTACTS:
            known = load_definitions(connection, scope.connector_id, names=("lifecyclestage",))
            lifecycle = known[ObjectType.CONTACTS].get("lifecyclestage")
            return crm.required_dates_of_entry(crm.lifecycle_stages(lifecycle), defined)
        case ObjectType.COMPANIES:
            return ()


_REFUSED = text(
    f"""SELECT refused FROM hubspot_hydrations WHERE connector_id = :connector AND object_type = :type
           AND tried_at > clock_timestamp() - interval '{RETRY_FULL_AFTER_HOURS} hours'"""
)


def note_refusal(
    connection: Connection, context: SyncContext, object_type: ObjectType, refused: frozenset[str], error: str
) -> None:
    """Note which names the portal refuses, or with none that it does not say which."""
    connection.execute(_KEEP_REFUSAL, context.scope.values(type=object_type, refused=sorted(refused), error=error))
    record_event(
        connection,
        context.connector,
        "warning",
        "hydration_degraded",
        f"HubSpot refuses the full list of {object_type.value} properties: {error}",
        {"object_type": object_type.value, "refused": sorted(refused)},
    )


_KEEP_REFUSAL = text(
    """INSERT INTO hubspot_hydrations AS stored (connector_id, mind_id, object_type, refused, error)
       VALUES (:connector, :mind, :type, :refused, :error)
       ON CONFLICT (connector_id, object_type) DO UPDATE
          SET refused = excluded.refused, error = excluded.error, tried_at = excluded.tried_at"""
)


def note_acceptance(connection: Connection, context: SyncContext, object_type: ObjectType) -> None:
    """Note that the portal takes all names, if it refused some before."""
    restored = connection.execute(
        text("DELETE FROM hubspot_hydrations WHERE connector_id = :connector AND object_type = :type"),
        context.scope.values(type=object_type),
    ).rowcount
    if restored:
        # What was read with fewer properties meanwhile is read again.
        connection.execute(_READ_AGAIN, context.scope.values(type=object_type))
        record_event(
            connection,
            context.connector,
            "info",
            "hydration_restored",
            f"HubSpot accepts the full list of {object_type.value} properties again.",
            {"object_type": object_type.value},
        )


_READ_AGAIN = text(
    """UPDATE hubspot_rereads SET definitions_hash = ''
        WHERE connector_id = :connector AND object_type = :type"""
)
