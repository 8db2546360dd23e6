"""The id of an answer: all that is needed to make it again, written into the id itself, so that nothing is stored.

It is a question asked once more, no permission: whoever gives it back sees what his own mind holds, and the id of an
answer of another mind is refused.
"""

import base64
import binascii
import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Connection

from coppermind_pipeline.accounts import Mind
from coppermind_pipeline.metrics import METRICS
from coppermind_pipeline.reports.errors import ReportArgumentError
from coppermind_pipeline.reports.leads.request import LeadRequest
from coppermind_pipeline.reports.question.request import ReportRequest
from coppermind_pipeline.reports.sizing.own_groups import GroupKey, group_digest, theme_key
from coppermind_pipeline.reports.trust.portals import SyncedPortal
from coppermind_pipeline.store import load_checkpoint

# What an answer says, its rows and how it was made ready, is none of its figures.
_NOT_FIGURES = {"detail", "page", "page_rows", "live_fallback", "audience"}
_DIGEST_CHARS = 12
_JSON_BYTES_MAX = 100_000

_Action = Literal["crm_report", "lead_report"]


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
    """What an answer was made of, and when; `groups`, `themes`: the digest of each, in the answer's order.

    These are None where an earlier version made the answer, or where such an answer has none.
    """

    model_config = ConfigDict(frozen=True)

    mind_id: UUID
    action: _Action
    arguments: dict[str, Any]
    at: datetime
    catalogue: str
    read_by: dict[str, ReadBy]
    groups: list[str] | None = None
    themes: list[str] | None = None

    @classmethod
    def of(
        cls,
        connection: Connection,
        mind: Mind,
        request: ReportRequest | LeadRequest,
        portals: Sequence[SyncedPortal],
        at: datetime,
        *,
        groups: Iterable[GroupKey],
        themes: Iterable[str] | None = None,
    ) -> Self:
        """Return the id of a report that is made in this transaction, with these groups and themes of losses."""
        action: _Action = "lead_report" if isinstance(request, LeadRequest) else "crm_report"
        return cls(
            mind_id=mind.id,
            action=action,
            arguments=request.model_dump(mode="json", exclude_defaults=True, exclude=_NOT_FIGURES),
            at=at,
            catalogue=catalogue_version(),
            read_by=_read_by(action, connection, portals),
            groups=[group_digest(*group) for group in groups],
            themes=None if themes is None else [group_digest(*theme_key(theme)) for theme in themes],
        )

    def with_groups(self, groups: Iterable[GroupKey]) -> Self:
        """Return the id of the same answer with these groups, the others being added up."""
        return self.model_copy(update={"groups": [group_digest(*group) for group in groups]})

    def group_at(self, place: int) -> str:
        """Return the digest of the group at a place; raises ReportArgumentError where none is known there."""
        return _at(place, self.groups, "group")

    def theme_at(self, place: int) -> str:
        """Return the digest of the theme of losses at a place; raises ReportArgumentError where none is known there."""
        return _at(place, self.themes, "theme")

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

    def read_by_now(self, connection: Connection, portals: Sequence[SyncedPortal]) -> dict[str, ReadBy]:
        """Return by what the portals' records are interpreted at present, as far as it matters to such an answer."""
        return _read_by(self.action, connection, portals)

    def differs(self, current: Mapping[str, ReadBy]) -> bool:
        """Say whether figures are counted by other rules, settings or definitions now."""
        then, now = (
            {connector: (each.rules, each.settings, each.disqualified) for connector, each in by.items()}
            for by in (self.read_by, current)
        )
        return self.catalogue != catalogue_version() or then != now


def _read_by(action: _Action, connection: Connection, portals: Sequence[SyncedPortal]) -> dict[str, ReadBy]:
    return {portal.connector_id: _read_by_now(action, connection, portal) for portal in portals}


def _read_by_now(action: _Action, connection: Connection, portal: SyncedPortal) -> ReadBy:
    checkpoint = load_checkpoint(connection, portal.connector_id, "normalize")
    return ReadBy(
        seq=checkpoint.seq,
        rules=checkpoint.rules[:_DIGEST_CHARS],
        settings=None if portal.applied_settings is None else dict(portal.applied_settings),
        disqualified=list(portal.config.hubspot_disqualified_statuses) if action == "lead_report" else None,
    )


def _at(place: int, digests: Sequence[str] | None, noun: str) -> str:
    if digests is None:
        raise ReportArgumentError(
            f"This answer does not say what its {noun}s were: an earlier version made it, or it has none.",
            hint="Ask for the report again, and then for the figure of that answer.",
        )
    if place >= len(digests):
        raise ReportArgumentError(f"The answer has no {noun} {place}.")
    return digests[place]


def catalogue_version() -> str:
    """Return a short name of how all figures are counted."""
    told = "".join(metric.model_dump_json() for metric in METRICS.values())
    return hashlib.sha256(told.encode()).hexdigest()[:_DIGEST_CHARS]
