"""The portal profile: one look at how far a CRM can be trusted, and what is worth asking about it next."""

from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from pydantic import Field
from sqlalchemy import Connection, text

from coppermind_pipeline.catalog import load_portal, store_profile
from coppermind_pipeline.connectors import Connector, Instant, Response
from coppermind_pipeline.crm import PUBLIC_MAIL_DOMAINS, day_of, start_of
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline.wording import number

QUESTIONS = 3
SUGGESTIONS_MAX = 5


class Share(Response):
    """How many of how many; `share` has four digits and is null of none."""

    count: int
    of: int
    share: str | None


class PipelineProfile(Response):
    """A pipeline and its live deals."""

    label: str
    stages: int
    deals: int


class SuggestedExclusion(Response):
    """An e-mail domain that looks like the client's own people rather than customers."""

    domain: str
    contacts: int
    reason: str


class PortalProfile(Response):
    """How far the portal's records can be trusted."""

    profiled_at: Instant
    pipelines: tuple[PipelineProfile, ...]
    currencies: dict[str, int] = Field(description="deals by currency")
    won_deals_without_amount: Share
    lost_deals_without_reason: Share
    contacts_without_source: Share
    overdue_open_deals: Share = Field(description="open deals whose close date has passed, of all open deals")
    filtered: dict[ObjectType, Share] = Field(description="records that the configured filters remove")
    suggested_exclusions: tuple[SuggestedExclusion, ...]
    questions: tuple[str, ...] = Field(description="three questions worth asking next")


def profile_portal(connection: Connection, connector: Connector, *, now: datetime) -> PortalProfile:
    """Look at all of the connector's stored records, store what is found, and return it.

    To be called when a backfill is complete, when records have changed, and daily; it reads the connector's records
    once.
    """
    zone = load_portal(connection, connector.id).report_zone(connector.config.report_timezone) or ZoneInfo("UTC")
    values = {"connector": connector.id, "zone": zone.key, "today": start_of(day_of(now, zone), zone)}
    row = connection.execute(text(_FIGURES), values).one()
    profile = PortalProfile(
        profiled_at=now,
        pipelines=tuple(PipelineProfile(**each) for each in connection.execute(text(_PIPELINES), values).mappings()),
        currencies={each.currency: each.deals for each in connection.execute(text(_CURRENCIES), values)},
        won_deals_without_amount=_share(row.won_without_amount, row.won),
        lost_deals_without_reason=_share(row.lost_without_reason, row.lost),
        contacts_without_source=_share(row.contacts_without_source, row.contacts),
        overdue_open_deals=_share(row.overdue, row.open),
        filtered={
            ObjectType(each.object_type): _share(each.filtered, each.records)
            for each in connection.execute(text(_FILTERED), values)
        },
        suggested_exclusions=tuple(
            SuggestedExclusion(
                domain=each.domain, contacts=each.contacts, reason="HubSpot users of this portal have addresses there."
            )
            for each in connection.execute(
                text(_OWN_DOMAINS), {**values, "public": sorted(PUBLIC_MAIL_DOMAINS), "most": SUGGESTIONS_MAX}
            )
        ),
        questions=(),
    )
    profile = profile.model_copy(update={"questions": _questions(profile)})
    store_profile(connection, connector.id, profile.model_dump_json(), at=now)
    return profile


def _share(count: int, of: int) -> Share:
    share = (Decimal(count) / of).quantize(Decimal("0.0001"), ROUND_HALF_UP) if of else None
    return Share(count=count, of=of, share=None if share is None else str(share))


def _questions(profile: PortalProfile) -> tuple[str, ...]:
    return tuple(ask(profile) for applies, ask in _QUESTIONS if applies(profile))[:QUESTIONS]


# In order of what most distorts a report; the last three can always be asked.
_QUESTIONS: tuple[tuple[Callable[[PortalProfile], bool], Callable[[PortalProfile], str]], ...] = (
    (
        lambda p: p.won_deals_without_amount.count > 0,
        lambda p: (
            f"What are the won deals without an amount worth ({number(p.won_deals_without_amount.count)} so far)?"
        ),
    ),
    (
        lambda p: bool(p.suggested_exclusions),
        lambda p: f"Are contacts at {p.suggested_exclusions[0].domain} colleagues, who should be excluded, or leads?",
    ),
    (
        lambda p: len(p.currencies) > 1,
        lambda p: f"In which currency shall revenue be reported, since deals are in {', '.join(sorted(p.currencies))}?",
    ),
    (
        lambda p: p.overdue_open_deals.count > 0,
        lambda p: (
            "Which open deals whose close date has passed are still alive "
            f"({number(p.overdue_open_deals.count)} so far)?"
        ),
    ),
    (
        lambda p: p.lost_deals_without_reason.count > 0,
        lambda p: f"Why were deals lost that give no reason ({number(p.lost_deals_without_reason.count)} so far)?",
    ),
    (
        lambda p: p.contacts_without_source.count > 0,
        lambda p: f"Where did contacts without a source come from ({number(p.contacts_without_source.count)} so far)?",
    ),
    (lambda _: True, lambda _: "Which sources brought the revenue that was won this quarter?"),
    (lambda _: True, lambda _: "Which open deals are most likely to close next?"),
    (lambda _: True, lambda _: "Where do leads leak out before they become deals?"),
)

_IN_WINDOW = "connector_id = :connector AND NOT referenced_only"

_FIGURES = f"""
SELECT count(*) FILTER (WHERE outcome = 'won') AS won,
       count(*) FILTER (WHERE outcome = 'won' AND amount IS NULL) AS won_without_amount,
       count(*) FILTER (WHERE outcome = 'lost') AS lost,
       count(*) FILTER (WHERE lacks_reason(outcome, loss_reason)) AS lost_without_reason,
       count(*) FILTER (WHERE outcome = 'open') AS open,
       count(*) FILTER (WHERE is_overdue(outcome, close_moment(close_at, :zone), :today)) AS overdue,
       count(*) FILTER (WHERE object_type = 'contacts') AS contacts,
       count(*) FILTER (WHERE object_type = 'contacts' AND source IS NULL) AS contacts_without_source
  FROM live_records WHERE {_IN_WINDOW} AND filtered_reason IS NULL
"""

_FILTERED = f"""
SELECT object_type, count(*) AS records, count(filtered_reason) AS filtered
  FROM live_records WHERE {_IN_WINDOW} GROUP BY object_type
"""

_CURRENCIES = f"""
SELECT currency, count(*) AS deals FROM live_records
 WHERE {_IN_WINDOW} AND filtered_reason IS NULL AND object_type = 'deals' AND currency IS NOT NULL
 GROUP BY currency ORDER BY deals DESC, currency
"""

_PIPELINES = f"""
SELECT pipeline.label,
       (SELECT count(*) FROM hubspot_stages AS stage
         WHERE stage.connector_id = pipeline.connector_id AND stage.pipeline_id = pipeline.hubspot_id
           AND stage.missing_since IS NULL) AS stages,
       (SELECT count(*) FROM live_records
         WHERE {_IN_WINDOW} AND object_type = 'deals' AND pipeline_id = pipeline.hubspot_id) AS deals
  FROM hubspot_pipelines AS pipeline
 WHERE pipeline.connector_id = :connector AND pipeline.missing_since IS NULL
 ORDER BY pipeline.display_order, pipeline.label
"""

# Whoever owns records in HubSpot works for the client, or for an agency of the client.
_OWN_DOMAINS = f"""
SELECT email_domain AS domain, count(*) AS contacts FROM live_records
 WHERE {_IN_WINDOW} AND filtered_reason IS NULL AND object_type = 'contacts' AND email_domain <> ALL(:public)
   AND email_domain IN (SELECT lower(split_part(email, '@', 2)) FROM hubspot_owners
                         WHERE connector_id = :connector AND email LIKE '%@%')
 GROUP BY email_domain ORDER BY contacts DESC, domain LIMIT :most
"""
