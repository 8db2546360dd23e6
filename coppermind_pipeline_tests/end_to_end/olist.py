"""A public CRM data set (8,000 leads, 842 of them won) as a directory of CSV files that the sandbox loads."""

import csv
import json
from collections import Counter
from pathlib import Path

LEADS, WINS, SELLERS = (
    "olist_marketing_qualified_leads_dataset.csv",
    "olist_closed_deals_dataset.csv",
    "olist_sellers_dataset.csv",
)
WON_STAGE = "closedwon"


def write_portal(data_set: Path, directory: Path, *, leads_max: int | None = None) -> None:
    """Write the data set, or its first leads, as a portal: a contact per lead, and a won deal per closed one.

    `origin` becomes the contact's original source, with an option each, blank stays without a value;
    `declared_monthly_revenue` becomes the amount, the seller's state the contact's.
    """
    leads = _rows(data_set / LEADS)[:leads_max]
    known = {lead["mql_id"] for lead in leads}
    wins = [win for win in _rows(data_set / WINS) if win["mql_id"] in known]
    states = {seller["seller_id"]: seller["seller_state"] for seller in _rows(data_set / SELLERS)}
    lead_numbers = {lead["mql_id"]: number for number, lead in enumerate(leads, start=1)}
    state_of_lead = {win["mql_id"]: states.get(win["seller_id"], "") for win in wins}
    _write(
        directory / "contacts.csv",
        ("id", "firstname", "createdate", "lastmodifieddate", "hs_analytics_source", "state", "lifecyclestage"),
        (
            (number, lead["mql_id"][:8], _at(lead["first_contact_date"]), _at(lead["first_contact_date"]),
             lead["origin"], state_of_lead.get(lead["mql_id"], ""), "lead")
            for number, lead in enumerate(leads, start=1)
        ),
    )  # fmt: skip
    _write(
        directory / "deals.csv",
        ("id", "dealname", "amount", "pipeline", "dealstage", "createdate", "closedate", "hs_lastmodifieddate"),
        (
            (number, f"Seller {win['seller_id'][:8]}", win["declared_monthly_revenue"], "default", WON_STAGE,
             _at(win["won_date"]), _at(win["won_date"]), _at(win["won_date"]))
            for number, win in enumerate(wins, start=1)
        ),
    )  # fmt: skip
    _write(
        directory / "associations.csv",
        ("from_type", "from_id", "to_type", "to_id", "label"),
        (("deals", number, "contacts", lead_numbers[win["mql_id"]], "") for number, win in enumerate(wins, start=1)),
    )
    origins = sorted({lead["origin"] for lead in leads} - {""})
    (directory / "properties_contacts.json").write_text(
        json.dumps({"results": [_enumeration("hs_analytics_source", "Original source", origins)]})
    )


def wins_per_channel(data_set: Path) -> Counter[str | None]:
    """Count the wins per origin straight from the files; None where the lead has none."""
    origins = {lead["mql_id"]: lead["origin"] or None for lead in _rows(data_set / LEADS)}
    return Counter(origins[win["mql_id"]] for win in _rows(data_set / WINS))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _write(path: Path, header: tuple[str, ...], rows) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _at(text: str) -> str:
    return f"{text.replace(' ', 'T')}{'' if ' ' in text else 'T12:00:00'}Z"


def _enumeration(name: str, label: str, values: list[str]) -> dict:
    options = [{"value": v, "label": v.replace("_", " ").capitalize(), "displayOrder": i} for i, v in enumerate(values)]
    return {"name": name, "label": label, "type": "enumeration", "fieldType": "select", "options": options}
