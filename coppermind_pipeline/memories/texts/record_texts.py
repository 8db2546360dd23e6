"""Texts: what each record says, as a person would write it.

Pure functions of a record, of what it names, and of the portal's labels. HubSpot's internal values and ids never
appear: where a label can't be resolved, the text says so in words.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from coppermind_pipeline.crm import read_decimal, recorded_loss_theme
from coppermind_pipeline.memories.memory_types import MemoryType, Sensitivity
from coppermind_pipeline.memories.texts.phrases import (
    REASON_CHARS_MAX,
    Wording,
    company_phrase,
    name_line,
    person_phrase,
    place_phrase,
)
from coppermind_pipeline.memories.texts.subjects import Company, Contact, Deal, Standing
from coppermind_pipeline.wording import count, exact_percent, first_listed, in_number, listed, money, one_line

# Part of what a mapping's rules are: raised with each change of a text, so that all records are mapped again.
TEXT_VERSION = 2

_ARCHIVED_REASONS = {
    "archived": "archived in HubSpot",
    "merged": "merged into another record in HubSpot",
    "purged": "deleted in HubSpot",
    "erased": "erased for privacy in HubSpot",
}


@dataclass(frozen=True, slots=True)
class MemoryText:
    """A memory as it is to be published."""

    type: MemoryType
    sensitivity: Sensitivity
    content: str


@dataclass(frozen=True, slots=True)
class NoMemory:
    """A record that gets no memory, and loses the one it has; `reason` is for people."""

    reason: str


def memory_of(subject: Contact | Company | Deal, wording: Wording) -> MemoryText | NoMemory:
    """Return the memory that a record makes, or why it makes none."""
    reason = _withheld(subject.standing)
    if reason is not None:
        return NoMemory(reason)
    match subject:
        case Contact():
            return MemoryText(MemoryType.STAKEHOLDER, Sensitivity.OPEN, contact_text(subject, wording))
        case Company():
            return MemoryText(MemoryType.FACT, Sensitivity.OPEN, company_text(subject, wording))
        case Deal():
            return _deal_memory(subject, wording)


def contact_text(contact: Contact, wording: Wording) -> str:
    """Return who a contact is."""
    labels = wording.labels
    name = name_line(contact.name) if contact.name else "An unnamed person"
    facts = [
        (
            "Lifecycle stage",
            contact.lifecycle_stage,
            labels.lifecycle_stage(contact.object_type, contact.lifecycle_stage),
        ),
        ("Lead status", contact.lead_status, labels.lead_status(contact.object_type, contact.lead_status)),
        ("HubSpot owner", contact.owner_id, labels.owner(contact.owner_id)),
    ]
    return _joined(
        f"{name} {_position(contact)}",
        *(f"{title}: {name_line(str(label))}" for title, value, label in facts if value is not None),
        f"Original source: {wording.source(contact.origin)}",
        f"E-mail: {contact.email}" if contact.email and contact.email != contact.name else None,
        f"In HubSpot since {wording.day(contact.created_at)}" if contact.created_at else None,
    )


def company_text(company: Company, wording: Wording) -> str:
    """Return what a company is."""
    labels = wording.labels
    name = name_line(company.name) if company.name else "An unnamed organization"
    domain = f" ({company.domain})" if company.domain and company.domain != company.name else ""
    place = place_phrase(company.place)
    facts = [
        ("Industry", company.industry, labels.industry(company.object_type, company.industry)),
        (
            "Lifecycle stage",
            company.lifecycle_stage,
            labels.lifecycle_stage(company.object_type, company.lifecycle_stage),
        ),
        ("Lead status", company.lead_status, labels.lead_status(company.object_type, company.lead_status)),
        ("HubSpot owner", company.owner_id, labels.owner(company.owner_id)),
    ]
    return _joined(
        f"{name}{domain} is a company{f' in {place}' if place else ''}",
        _size(company, wording),
        *(f"{title}: {name_line(str(label))}" for title, value, label in facts if value is not None),
        f"Original source: {wording.source(company.origin)}",
        f"In HubSpot since {wording.day(company.created_at)}" if company.created_at else None,
    )


def campaign_outcome_text(deal: Deal, wording: Wording) -> str:
    """Return what was won, with whom and through which source."""
    when = f"on {wording.close_day(deal.close_at)}" if deal.close_at else "(no close date is recorded)"
    worth = f" for {_worth(deal, wording)}" if deal.amount is not None else ""
    return _joined(
        f"{_deal_with(deal)} was won {when}{worth}{_without_amount(deal)}",
        f'The reason given: "{reason}"'
        if (reason := _reason(deal, "closed_won_reason", deal.won_reason, wording))
        else None,
        *_circumstances(deal, wording),
    )


def loss_text(deal: Deal, wording: Wording) -> str:
    """Return what was lost, and the reason that was given."""
    when = f"on {wording.close_day(deal.close_at)}" if deal.close_at else "(no close date is recorded)"
    worth = f", worth {_worth(deal, wording)}," if deal.amount is not None else ""
    return _joined(
        f"{_deal_with(deal)}{worth} was lost {when}{_without_amount(deal)}",
        f'The reason given: "{reason}"'
        if (reason := _reason(deal, wording.loss_reason_property, deal.loss_reason, wording))
        else "A reason was given that has no label in HubSpot any more",
        *_circumstances(deal, wording),
    )


def buying_signal_text(deal: Deal, wording: Wording) -> str:
    """Return what is about to be decided."""
    worth = f", worth {_worth(deal, wording)}," if deal.amount is not None else ""
    since = f" since {wording.day(deal.entered_stage_at)}" if deal.entered_stage_at else ""
    return _joined(
        f"{_deal_with(deal)}{worth} is open in a late stage, {_stage(deal, wording)}{since}{_without_amount(deal)}",
        _expected(deal, wording),
        _chances(deal),
        *_circumstances(deal, wording, with_stage=False),
    )


def _withheld(standing: Standing) -> str | None:
    if standing.archived_reason is not None:
        return _ARCHIVED_REASONS[standing.archived_reason]
    if standing.filtered_reason is not None:
        return f"filtered: {standing.filtered_reason}"
    return "outside the synced window" if standing.referenced_only else None


def _deal_memory(deal: Deal, wording: Wording) -> MemoryText | NoMemory:
    match deal.outcome:
        case "won":
            memory_type, content = MemoryType.CAMPAIGN_OUTCOME, campaign_outcome_text(deal, wording)
        case "lost" if deal.loss_reason is not None:
            memory_type, content = _type_of_loss(deal, deal.loss_reason, wording), loss_text(deal, wording)
        case "lost":
            return NoMemory("lost without a reason")
        case "open" if deal.late_stage:
            memory_type, content = MemoryType.BUYING_SIGNAL, buying_signal_text(deal, wording)
        case _:
            return NoMemory("open, not in a late stage")
    return MemoryText(memory_type, Sensitivity.SENSITIVE, content)


def _type_of_loss(deal: Deal, reason: str, wording: Wording) -> MemoryType:
    label = wording.labels.option(deal.object_type, wording.loss_reason_property, reason)
    theme = recorded_loss_theme(reason, label.text if label.resolved else None)
    return MemoryType(theme.memory_type) if theme is not None else MemoryType.OBJECTION


def _position(contact: Contact) -> str:
    place = place_phrase(contact.place)
    title = name_line(contact.job_title) if contact.job_title else None
    company = name_line(contact.company_name) if contact.company_name else None
    if title:
        position = f"is {title} at {company}" if company else f"is {title}"
    else:
        position = f"works at {company}" if company else "is a contact"
    if place is None:
        return position
    return f"{position}, in {place}" if title or company else f"{position} in {place}"


def _size(company: Company, wording: Wording) -> str | None:
    employees = read_decimal(company.employees) if company.employees else None
    revenue = read_decimal(company.annual_revenue) if company.annual_revenue else None
    said = []
    if employees is not None and employees > 0:
        said.append(count(round(employees), "employee"))
    if revenue is not None and revenue > 0:
        said.append(f"annual revenue of {money(revenue, wording.company_currency)}")
    return f"It has {listed(said)}" if said else None


def _deal_with(deal: Deal) -> str:
    deal_phrase = f'The deal "{name_line(deal.name)}"' if deal.name else "A deal without a name"
    return f"{deal_phrase} with {company_phrase(deal.company)}" if deal.company is not None else deal_phrase


def _worth(deal: Deal, wording: Wording) -> str:
    return wording.money(deal.amount or Decimal(0), deal.currency, deal.amount_home)


def _without_amount(deal: Deal) -> str:
    return "; no amount is recorded" if deal.amount is None else ""


def _reason(deal: Deal, name: str, value: str | None, wording: Wording) -> str | None:
    """Return a reason as a person reads it; None where there is none or its label is gone."""
    label = wording.labels.option(deal.object_type, name, value)
    return one_line(str(label), REASON_CHARS_MAX) if value is not None and label.resolved else None


def _stage(deal: Deal, wording: Wording) -> str:
    stage = wording.labels.stage(deal.pipeline_id, deal.stage_id)
    pipeline = wording.labels.pipeline(deal.pipeline_id)
    stage_phrase = f'"{name_line(str(stage))}"' if stage.is_name else name_line(str(stage))
    if stage.resolved and not stage.is_name:
        return stage_phrase  # it names a pipeline itself
    pipeline_phrase = f'the pipeline "{name_line(str(pipeline))}"' if pipeline.is_name else str(pipeline)
    return f"{stage_phrase} of {pipeline_phrase}"


def _expected(deal: Deal, wording: Wording) -> str:
    if deal.close_at is None:
        return "No close date is set"
    if wording.has_passed(deal.close_at):
        return f"It is overdue: its close date, {wording.close_day(deal.close_at)}, has passed"
    return f"It is expected to close on {wording.close_day(deal.close_at)}"


def _chances(deal: Deal) -> str | None:
    if deal.stage_probability is None:
        return None
    text = f"HubSpot gives this stage a probability of {exact_percent(deal.stage_probability)}"
    if deal.probability is not None and deal.probability != deal.stage_probability:
        text += f", and the deal itself {exact_percent(deal.probability)}"
    return f"{text}"


def _circumstances(deal: Deal, wording: Wording, *, with_stage: bool = True) -> Iterable[str | None]:
    yield f"Its stage is {_stage(deal, wording)}" if with_stage and deal.stage_id is not None else None
    yield _source(deal, wording)
    if deal.contacts:
        people = first_listed([person_phrase(each) for each in deal.contacts], total=deal.contacts_count)
        yield f"{in_number(deal.contacts_count, 'Contact')}: {people}"
    if deal.other_companies:
        named = [company_phrase(each) for each in deal.other_companies]
        yield f"Also linked: {first_listed(named, total=deal.companies_count - (deal.company is not None))}"
    if deal.deal_type is not None:
        yield f"Deal type: {name_line(str(wording.labels.deal_type(deal.deal_type)))}"
    if deal.owner_id is not None:
        yield f"HubSpot owner: {name_line(str(wording.labels.owner(deal.owner_id)))}"
    if deal.created_at is not None:
        yield f"Created in HubSpot on {wording.day(deal.created_at)}"


def _source(deal: Deal, wording: Wording) -> str:
    taken_from = {"contact": ", taken from its earliest contact", "company": ", taken from its company"}
    return f"Source: {wording.source(deal.origin)}{taken_from.get(deal.source_step or '', '')}"


def _joined(*sentences: str | None) -> str:
    """Join sentences; a period ends each that has no end of its own ("… at Acme Inc.")."""
    return " ".join(
        sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}." for sentence in sentences if sentence
    )
