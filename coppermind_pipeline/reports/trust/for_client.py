"""What of an answer a client may read. Here alone it is decided, of the computed answer, before anything is rendered.

Totals, rates, sources, themes and companies' names stay. People, single deals' names, quoted reasons, ids and links go,
and so do the words of an error. Texts that name a portal or a theme on the way are made of what `portals_for_client`
and `ReasonNames` call them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from coppermind_pipeline.reports.changes.models import Changes
from coppermind_pipeline.reports.figures.groups import Group
from coppermind_pipeline.reports.figures.losses import Losses
from coppermind_pipeline.reports.leads.groups import LeadGroup
from coppermind_pipeline.reports.leads.models import LeadReport
from coppermind_pipeline.reports.models import CrmReport, DealPage, PeriodBlock
from coppermind_pipeline.reports.question.request import ENTERED_STAGE_PROPERTY, DateBasis
from coppermind_pipeline.reports.trust.block import TrustBlock
from coppermind_pipeline.reports.trust.portals import SyncedPortal

FOR_CLIENT = "Written for a client: people, single records' names, quoted reasons, ids and links are left out."

# Of a single deal; all that has no place in a client's row.
NOT_IN_ROWS = ("deal_id", "connector_id", "name", "owner", "link")

CrmReportT = TypeVar("CrmReportT", bound=CrmReport)
LeadReportT = TypeVar("LeadReportT", bound=LeadReport)

_NAMELESS = "the HubSpot portal"
_NOTABLE = "Single deals are not for a client."


def report_for_client(report: CrmReportT, portals: Sequence[SyncedPortal]) -> CrmReportT:
    """Return a CRM report as a client may read it; `portals` are those that it was made of, as a client knows them."""
    return report.model_copy(
        update={
            "trust": trust_for_client(report.trust),
            "period": _period(report.period),
            "audit": report.audit.model_copy(
                update={
                    "caveats": [*report.audit.caveats, FOR_CLIENT],
                    "withheld": report.audit.withheld | {"top_deals": _NOTABLE},
                }
            ),
            "summary": report.summary.model_copy(update={"top_deals": []}),
            "groups": [
                group.model_copy(update=_nameless(group, portals, split=report.audit.group_by is not None) | {
                    "top_deals": []
                })
                for group in report.groups
            ],
            "losses": None if report.losses is None else _losses(report.losses),
            "deals": None if report.deals is None else _deals(report.deals),
        }
    )  # fmt: skip


def lead_report_for_client(report: LeadReportT, portals: Sequence[SyncedPortal]) -> LeadReportT:
    """Return a lead report as a client may read it."""
    split = report.audit.group_by is not None
    return report.model_copy(
        update={
            "trust": trust_for_client(report.trust),
            "audit": report.audit.model_copy(update={"caveats": [*report.audit.caveats, FOR_CLIENT]}),
            "groups": [group.model_copy(update=_nameless(group, portals, split=split)) for group in report.groups],
        }
    )


def changes_for_client(changes: Changes) -> Changes:
    """Return the changes as a client may read them."""
    rows = [row.model_copy(update=dict.fromkeys(NOT_IN_ROWS)) for row in changes.deals.rows]
    return changes.model_copy(
        update={
            "trust": trust_for_client(changes.trust),
            "audit": changes.audit.model_copy(update={"caveats": [*changes.audit.caveats, FOR_CLIENT]}),
            "deals": changes.deals.model_copy(update={"rows": rows}),
        }
    )


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


def portals_for_client(portals: Sequence[SyncedPortal]) -> Sequence[SyncedPortal]:
    """Return portals as a client may be told of them; several are numbered."""
    if len(portals) == 1:
        return tuple(map(portal_for_client, portals))
    return tuple(portal_for_client(portal, f"HubSpot portal {place}") for place, portal in enumerate(portals, start=1))


def portal_for_client(portal: SyncedPortal, name: str = _NAMELESS) -> SyncedPortal:
    """Return the portal as caveats may tell a client of it: nameless, and trouble without the words of an error."""
    told = {field.name: getattr(portal, field.name) for field in fields(portal)}
    told |= {
        "refusals": ("an authorization or a permission is missing",) if portal.refusals else (),
        "last_error": None if portal.last_error is None else "it is tried again",
        "config_problems": ("the settings are being looked at",) if portal.config_problems else (),
    }
    return _NamelessPortal(**told, told_as=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _NamelessPortal(SyncedPortal):
    told_as: str

    @property
    def name(self) -> str:
        return self.told_as


def _nameless(group: Group | LeadGroup, portals: Sequence[SyncedPortal], *, split: bool) -> dict[str, Any]:
    """Return what a group is called: a label that also tells several portals apart where each is `split` further."""
    of = next(portal.name for portal in portals if portal.connector_id == group.connector_id)
    label = f"{group.label} ({of})" if split and len(portals) > 1 else group.label
    key = group.key if group.key == "other" else label
    return {"key": key, "label": label, "portal_id": None, "connector_id": None}


def _period(period: PeriodBlock) -> PeriodBlock:
    """Return the period without ids of stages, which properties that HubSpot makes for each stage are named after."""
    if period.date_basis is not DateBasis.ENTERED_CLOSED_WON:
        return period
    return period.model_copy(
        update={"hubspot_property": ENTERED_STAGE_PROPERTY, "hubspot_properties": [ENTERED_STAGE_PROPERTY]}
    )


def _losses(losses: Losses) -> Losses:
    quotes = {"reasons": [], "more_reasons": None, "example": None}
    return losses.model_copy(update={"themes": [theme.model_copy(update=quotes) for theme in losses.themes]})


def _deals(page: DealPage) -> DealPage:
    return page.model_copy(update={"rows": [row.model_copy(update=dict.fromkeys(NOT_IN_ROWS)) for row in page.rows]})
