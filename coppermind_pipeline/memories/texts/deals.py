"""What the texts of all deals have in common: what a deal is called, its worth, its stage, and whom it is linked to."""

from collections.abc import Iterable
from decimal import Decimal

from coppermind_pipeline.crm import Label, says_no_reason
from coppermind_pipeline.memories.texts.phrases import (
    REASON_CHARS_MAX,
    Wording,
    company_phrase,
    name_line,
    person_phrase,
)
from coppermind_pipeline.memories.texts.subjects import Deal
from coppermind_pipeline.wording import first_listed, in_number, one_line


def deal_with(deal: Deal) -> str:
    """Return the deal's name, and the company that it is with."""
    deal_phrase = f'The deal "{name_line(deal.name)}"' if deal.name else "A deal without a name"
    return f"{deal_phrase} with {company_phrase(deal.company)}" if deal.company is not None else deal_phrase


def closed(deal: Deal, wording: Wording) -> str:
    """Return when a deal was won or lost."""
    return f"on {wording.close_day(deal.close_at)}" if deal.close_at else "(no close date is recorded)"


def worth(deal: Deal, wording: Wording) -> str:
    """Return the amount of a deal that has one."""
    return wording.money(deal.amount or Decimal(0), deal.currency, deal.amount_home)


def without_amount(deal: Deal) -> str:
    """Return what follows where a deal has no amount."""
    return "; no amount is recorded" if deal.amount is None else ""


def reason(deal: Deal, name: str, value: str | None, wording: Wording) -> str | None:
    """Return a reason as a person reads it; None where there is none or it has no label."""
    label = wording.labels.option(deal.object_type, name, value)
    return one_line(str(label), REASON_CHARS_MAX) if value is not None and label.resolved else None


def stage_phrase(deal: Deal, wording: Wording) -> str:
    """Return the deal's stage within its pipeline."""
    stage = wording.labels.stage(deal.pipeline_id, deal.stage_id)
    shown = f'"{name_line(str(stage))}"' if stage.is_name else name_line(str(stage))
    pipeline = shown_pipeline(deal, wording)
    return shown if pipeline is None else f"{shown} of {_pipeline_phrase(pipeline)}"


def shown_pipeline(deal: Deal, wording: Wording) -> Label | None:
    """Return what the deal's pipeline is called in its text; None where the text does not speak of it."""
    pipeline = wording.labels.pipeline(deal.pipeline_id)
    if deal.stage_id is None:
        return pipeline if deal.pipeline_id is not None and deal.outcome != "open" else None
    stage = wording.labels.stage(deal.pipeline_id, deal.stage_id)
    return None if stage.resolved and not stage.is_name else pipeline  # it names a pipeline itself


def ended_in(deal: Deal, wording: Wording) -> str | None:
    """Return where a deal ended, without saying once more that it was won or lost."""
    stage = wording.labels.stage(deal.pipeline_id, deal.stage_id)
    if deal.stage_id is not None and not says_no_reason(str(stage)):
        return f"{'Its stage is' if stage.resolved else 'It is in'} {stage_phrase(deal, wording)}"
    pipeline = shown_pipeline(deal, wording)
    return f"It was in {_pipeline_phrase(pipeline)}" if pipeline is not None and deal.pipeline_id is not None else None


def circumstances(deal: Deal, wording: Wording) -> Iterable[str | None]:
    """Return where a deal comes from, whom it is linked to, and who looks after it."""
    yield _source(deal, wording)
    if deal.contacts:
        people = first_listed([person_phrase(each) for each in deal.contacts], total=deal.contacts_count)
        yield f"{in_number(deal.contacts_count, 'Contact')}: {people}"
    if deal.other_companies:
        named = [company_phrase(each) for each in deal.other_companies]
        yield f"Also linked: {first_listed(named, total=deal.companies_count - (deal.company is not None))}"
    if deal.deal_type is not None:
        yield f"Deal type: {name_line(str(wording.labels.deal_type(deal.deal_type)))}"
    yield wording.owner(deal)
    if deal.created_at is not None:
        yield f"Created in HubSpot on {wording.day(deal.created_at)}"


def _pipeline_phrase(pipeline: Label) -> str:
    return f'the pipeline "{name_line(str(pipeline))}"' if pipeline.is_name else str(pipeline)


def _source(deal: Deal, wording: Wording) -> str:
    taken_from = {"contact": ", taken from its earliest contact", "company": ", taken from its company"}
    return f"Source: {wording.source(deal.origin)}{taken_from.get(deal.source_step or '', '')}"
