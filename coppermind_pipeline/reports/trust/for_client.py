"""What an answer stands on as a client may read it: without ids, without filters, without anybody's name."""

from dataclasses import dataclass, fields

from coppermind_pipeline.reports.trust.block import TrustBlock
from coppermind_pipeline.reports.trust.portals import SyncedPortal

_NAMELESS = "the HubSpot portal"


def trust_for_client(trust: TrustBlock) -> TrustBlock:
    """Return the trust block without ids and filters, which may name people's addresses."""
    return trust.model_copy(
        update={
            "portal_ids": [],
            "connector_ids": [],
            "mind_id": None,
            "customer_id": None,
            "configured_filters": {},
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _NamelessPortal(SyncedPortal):
    @property
    def name(self) -> str:
        return _NAMELESS


def portal_for_client(portal: SyncedPortal) -> SyncedPortal:
    """Return the portal as caveats may tell a client of it: nameless, and trouble without the words of an error."""
    told = {field.name: getattr(portal, field.name) for field in fields(portal)}
    told |= {
        "refusals": ("an authorization or a permission is missing",) if portal.refusals else (),
        "last_error": None if portal.last_error is None else "it is tried again",
        "config_problems": ("the settings are being looked at",) if portal.config_problems else (),
    }
    return _NamelessPortal(**told)
