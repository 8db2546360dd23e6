"""Drill-downs of traffic sources, worded as a person would say them."""

import re
from collections.abc import Mapping

from coppermind_pipeline.crm.placeholders import says_nothing

# What everything that was imported, added by hand or synced has, whatever brought it.
OFFLINE = "OFFLINE"

_OFFLINE_DETAILS = {
    "ANALYTICS": "recorded by the tracking code",
    "API": "created by an integration through the API",
    "BOTS": "from a chatbot",
    "CONTACTS": "added by hand in HubSpot",
    "CONVERSATIONS": "from a conversation in HubSpot",
    "CRM_UI": "added by hand in HubSpot",
    "CRM_UI_BULK_ACTION": "added by hand in HubSpot",
    "EXTENSION": "added from the e-mail extension",
    "FORM": "from a form",
    "FORMS": "from a form",
    "IMPORT": "imported from a file",
    "INTEGRATION": "created by an integration",
    "INTEGRATIONS_SYNC": "created by an integration",
    "MEETING": "from a booked meeting",
    "MEETINGS": "from a booked meeting",
    "PRESENTATIONS": "from a shared document",
    "SALES": "from a logged sales e-mail",
    "SALESFORCE": "from Salesforce",
}

# What the two drill-downs hold depends on the source. Source: HubSpot, "Understand source properties".
_WORDING: Mapping[str, tuple[str, str | None]] = {
    "AI_REFERRALS": ("from {}", None),
    "EMAIL_MARKETING": ("campaign {}", "e-mail {}"),
    "ORGANIC_SEARCH": ("search for {}", None),
    "OTHER_CAMPAIGNS": ("campaign {}", None),
    "PAID_SEARCH": ("campaign {}", "keyword {}"),
    "PAID_SOCIAL": ("on {}", "campaign {}"),
    "REFERRALS": ("from {}", None),
    "SOCIAL_MEDIA": ("on {}", "campaign {}"),
}

# What drill-downs of organic search call the engine, where the words that were searched for stay unknown.
_SEARCH_ENGINES = {
    name.casefold(): name
    for name in ("Google", "Bing", "Yahoo", "DuckDuckGo", "Baidu", "Yandex", "Ecosia", "Brave", "Naver", "Qwant")
}

_DETAIL_CHARS_MAX = 120
_UNKNOWN = re.compile(r"unknown.*", re.IGNORECASE)  # "Unknown keywords (SSL)"
_INTERNAL = re.compile(r"[0-9]+|[A-Z0-9]+(?:_[A-Z0-9]+)+|[0-9a-f]{8}-[0-9a-f-]{27}|\{\{?.*|\$\{.*")


def source_detail(source: str | None, detail_1: str | None, detail_2: str | None) -> str | None:
    """Return a source's drill-downs in words ("campaign Spring, keyword crm"); None where they tell a person nothing.

    Left out are details of an unknown kind, internal codes and ids, and texts that HubSpot cut off as not known.
    """
    if source == OFFLINE:
        return _OFFLINE_DETAILS.get((detail_1 or "").strip().upper().replace(" ", "_"))
    if source == "ORGANIC_SEARCH" and (engine := _search_engine(detail_1)) is not None:
        return f"on {engine}"
    wording = _WORDING.get(source or "")
    if wording is None:
        return None
    said = [
        template.format(detail.strip())
        for template, detail in zip(wording, (detail_1, detail_2), strict=True)
        if template is not None and detail is not None and _says_something(detail.strip())
    ]
    return ", ".join(said) or None


def same_detail(source: str | None, detail_1: str | None) -> str | None:
    """Return the first drill-down that stands for all that read alike, as "CRM_UI" and "CONTACTS" do.

    None: it tells a person nothing.
    """
    words = source_detail(source, detail_1, None)
    if words is None or detail_1 is None:
        return None
    if source == OFFLINE:
        return next(code for code, worded in _OFFLINE_DETAILS.items() if worded == words)
    engine = _search_engine(detail_1) if source == "ORGANIC_SEARCH" else None
    return engine or detail_1.strip()


def _search_engine(detail: str | None) -> str | None:
    return _SEARCH_ENGINES.get((detail or "").strip().casefold().removeprefix("www.").removesuffix(".com"))


def _says_something(detail: str) -> bool:
    return (
        0 < len(detail) <= _DETAIL_CHARS_MAX
        and _UNKNOWN.fullmatch(detail) is None
        and not says_nothing(detail)
        and _INTERNAL.fullmatch(detail) is None
    )
