"""The properties that the product can't do without: search returns them, and hydration falls back on them."""

from collections.abc import Collection, Iterable

from coppermind_pipeline.crm import MERGE_PROPERTIES
from coppermind_pipeline.hubspot import MODIFIED_PROPERTY
from coppermind_pipeline.object_types import ObjectType

_EVERY_TYPE = ("hs_object_id", "createdate", "hubspot_owner_id", *MERGE_PROPERTIES)

_BY_TYPE = {
    ObjectType.CONTACTS: (
        "email", "firstname", "lastname", "jobtitle", "company", "lifecyclestage", "hs_lead_status",
        "hs_analytics_source", "hs_analytics_source_data_1", "hs_analytics_source_data_2", "hs_latest_source",
        "country", "state", "city", "associatedcompanyid",
    ),
    ObjectType.COMPANIES: (
        "name", "domain", "industry", "lifecyclestage", "hs_lead_status", "hs_analytics_source",
        "country", "state", "city", "numberofemployees", "annualrevenue",
    ),
    ObjectType.DEALS: (
        "dealname", "amount", "amount_in_home_currency", "deal_currency_code", "pipeline", "dealstage", "closedate",
        "hs_closed_won_date", "hs_is_closed", "hs_is_closed_won", "hs_deal_stage_probability",
        "closed_lost_reason", "closed_won_reason", "hs_analytics_source", "hs_analytics_source_data_1",
        "hs_analytics_source_data_2", "dealtype", "hs_v2_date_entered_current_stage",
    ),
}  # fmt: skip


def required_properties(object_type: ObjectType, *, defined: Collection[str], of_stages: Iterable[str]) -> list[str]:
    """Return the required property names of a type.

    Args:
        defined: the names that the portal defines; required ones outside it are left out. Empty: not known, all count.
        of_stages: further names, those that say when a deal entered a won stage, or a contact a lifecycle stage.
    """
    names = [*_EVERY_TYPE, MODIFIED_PROPERTY[object_type], *_BY_TYPE[object_type], *of_stages]
    return [name for name in dict.fromkeys(names) if not defined or name in defined or name == "hs_object_id"]
