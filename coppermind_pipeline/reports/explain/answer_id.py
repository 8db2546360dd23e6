"""The id of an answer: all that is needed to make it again, written into the id itself, so that nothing is stored.

It is a question asked once more, no permission: whoever gives it back sees what his own mind holds, and the id of an
answer of another mind is refused.
"""

import base64
import binascii
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Connection

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.metrics import METRICS
from coppermind_pipeline.reports.errors import ReportArgumentError
from coppermind_pipeline.reports.leads.request import LeadRequest
from coppermind_pipeline.reports.question.request import RangeRequest, ReportRequest
from coppermind_pipeline.reports.trust.portals import SyncedPortal
from coppermind_pipeline.store import load_checkpoint

# What an answer says, its rows and how it was made ready, is none of its figures.
_NOT_FIGURES = {"detail", "page", "page_rows", "live_fallback", "audience"}
_DIGEST_CHARS = 12
_GROUP_DIGEST_CHARS = 8
_JSON_BYTES_MAX = 100_000


class ReadBy(BaseModel):
    """By what a connector's records had been interpreted: up to which change, by which rules and which settings.

    `disqualified`: of a lead report, the lead statuses that it counts as such.
    """

    model_config = ConfigDict(frozen=True)

    seq: int
    rules: str
    settings: dict[str, Any] | None = None
    disqualified: list[str] | None = None


class AnswerId(BaseModel):
    """What an answer was made of, and when; `groups`: of a lead report, the digest of each."""

    model_config = ConfigDict(frozen=True)

    mind_id: UUID
    action: Literal["crm_report", "lead_report"]
    arguments: dict[str, Any]
    at: datetime
    catalogue: str
    read_by: dict[str, ReadBy]
    groups: list[str] = []

    @classmethod
    def of(
        cls, connection: Connection, mind: Mind, request: ReportRequest, portals: Sequence[SyncedPortal], at: datetime
    ) -> Self:
        """Return the id of a CRM report that is made in this transaction."""
        by = {portal.connector_id: read_by(connection, portal) for portal in portals}
        return cls._of("crm_report", mind, request, by, at)

    @classmethod
    def of_leads(
        cls,
        connection: Connection,
        mind: Mind,
        request: LeadRequest,
        portals: Sequence[SyncedPortal],
        at: datetime,
        *,
        keys: Sequence[tuple[str, str]],
    ) -> Self:
        """Return the id of a lead report that is made in this transaction, with groups of these connectors and keys."""
        by = {portal.connector_id: leads_read_by(connection, portal) for portal in portals}
        made = cls._of("lead_report", mind, request, by, at)
        return made.model_copy(update={"groups": [group_digest(*key) for key in keys]})

    @classmethod
    def _of(
        cls,
        action: Literal["crm_report", "lead_report"],
        mind: Mind,
        request: RangeRequest,
        by: dict[str, ReadBy],
        at: datetime,
    ) -> Self:
        return cls(
            mind_id=mind.id,
            action=action,
            arguments=request.model_dump(mode="json", exclude_defaults=True, exclude=_NOT_FIGURES),
            at=at,
            catalogue=catalogue_version(),
            read_by=by,
        )

    def with_groups(self, most: int) -> Self:
        """Return the id of the same answer with so many groups at most, the others being added up."""
        return self.model_copy(update={"arguments": self.arguments | {"groups_max": most}})

    @property
    def text(self) -> str:
        """The id as answers carry it: letters, digits, `-` and `_`."""
        packed = zlib.compress(self.model_dump_json(exclude_none=True, exclude_defaults=True).encode(), level=9)
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Self:
        """Return what an id says; raises ReportArgumentError where it is none."""
        try:
            packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            return cls.model_validate_json(zlib.decompressobj().decompress(packed, _JSON_BYTES_MAX))
        except (binascii.Error, zlib.error, ValidationError, ValueError) as error:
            raise ReportArgumentError(
                "This is no figure of an answer.",
                hint="A figure is an answer's audit.answer_id, then # and the figure's place in it, such as "
                "#summary.closed_won.deals.",
            ) from error

    def differs(self, current: Mapping[str, ReadBy]) -> bool:
        """Say whether figures are counted by other rules, settings or definitions now."""
        then, now = (
            {connector: (each.rules, each.settings, each.disqualified) for connector, each in by.items()}
            for by in (self.read_by, current)
        )
        return self.catalogue != catalogue_version() or then != now


def read_by(connection: Connection, portal: SyncedPortal) -> ReadBy:
    """Return by what a portal's records are interpreted at present."""
    checkpoint = load_checkpoint(connection, portal.connector_id, "normalize")
    settings = None if portal.applied_settings is None else dict(portal.applied_settings)
    return ReadBy(seq=checkpoint.seq, rules=checkpoint.rules[:_DIGEST_CHARS], settings=settings)


def leads_read_by(connection: Connection, portal: SyncedPortal) -> ReadBy:
    """Return the same for a lead report."""
    statuses = list(portal.config.hubspot_disqualified_statuses)
    return read_by(connection, portal).model_copy(update={"disqualified": statuses})


def group_digest(connector_id: str, key: str) -> str:
    """Return a short name of a group, by which it is found again wherever it stands."""
    return hashlib.sha256(f"{connector_id}/{key}".encode()).hexdigest()[:_GROUP_DIGEST_CHARS]


def catalogue_version() -> str:
    """Return a short name of how all figures are counted."""
    told = "".join(metric.model_dump_json() for metric in METRICS.values())
    return hashlib.sha256(told.encode()).hexdigest()[:_DIGEST_CHARS]
