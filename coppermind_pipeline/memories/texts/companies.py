"""The text of a company: what it is."""

from coppermind_pipeline.crm import read_decimal
from coppermind_pipeline.memories.texts.phrases import Wording, in_place, joined, labelled, name_line
from coppermind_pipeline.memories.texts.subjects import Company
from coppermind_pipeline.wording import count, listed, money


def company_text(company: Company, wording: Wording) -> str:
    """Return what a company is; where only its name is recorded, the text says that."""
    labels = wording.labels
    details = [
        _size(company, wording),
        *labelled(
            ("Industry", company.industry, labels.industry),
            ("Lifecycle stage", company.lifecycle_stage, labels.lifecycle_stage),
            ("Lead status", company.lead_status, labels.lead_status),
            object_type=company.object_type,
        ),
        wording.owner(company),
        wording.original_source(company),
    ]
    return joined(
        _introduction(company, is_all=not any(details)),
        *details,
        f"In HubSpot since {wording.day(company.created_at)}" if company.created_at else None,
    )


def _introduction(company: Company, *, is_all: bool) -> str:
    place = in_place(company.place)
    if not company.name:
        return f"A company without a name{f' {place}' if place else ''}" + (" is recorded" if is_all else "")
    name = name_line(company.name)
    if company.domain and company.domain != company.name:
        name += f" ({company.domain})"
        is_all = False
    if place or not is_all:
        return f"{name} is a company{f' {place}' if place else ''}"
    return f"{name} is a company of which only the {'domain' if company.domain else 'name'} is recorded"


def _size(company: Company, wording: Wording) -> str | None:
    employees = read_decimal(company.employees) if company.employees else None
    revenue = read_decimal(company.annual_revenue) if company.annual_revenue else None
    said = []
    if employees is not None and employees > 0:
        said.append(count(round(employees), "employee"))
    if revenue is not None and revenue > 0:
        said.append(f"annual revenue of {money(revenue, wording.company_currency)}")
    return f"It has {listed(said)}" if said else None
