"""Which of the portal's labels a text shows, so that those which the portal lacks can be counted as it is written."""

from coppermind_pipeline.crm import Label
from coppermind_pipeline.memories.texts.deals import shown_pipeline
from coppermind_pipeline.memories.texts.phrases import Wording
from coppermind_pipeline.memories.texts.subjects import Company, Contact, Deal


def shown_labels(subject: Contact | Company | Deal, wording: Wording) -> dict[str, Label]:
    """Return the labels that the record's text is made of, by what they are of."""
    labels = wording.labels
    shown = {"owner": labels.owner(subject.owner_id), "source": labels.source(subject.origin.source)}
    match subject:
        case Deal():
            return shown | _of_deal(subject, wording)
        case Company():
            shown["industry"] = labels.industry(subject.object_type, subject.industry)
        case Contact():
            pass
    return shown | {
        "lifecycle stage": labels.lifecycle_stage(subject.object_type, subject.lifecycle_stage),
        "lead status": labels.lead_status(subject.object_type, subject.lead_status),
    }


def _of_deal(deal: Deal, wording: Wording) -> dict[str, Label]:
    labels = wording.labels
    shown = {"deal type": labels.deal_type(deal.deal_type)}
    if deal.stage_id is not None:
        shown["stage"] = labels.stage(deal.pipeline_id, deal.stage_id)
    if (pipeline := shown_pipeline(deal, wording)) is not None:
        shown["pipeline"] = pipeline
    if deal.outcome == "lost":
        shown["loss reason"] = labels.option(deal.object_type, wording.loss_reason_property, deal.loss_reason)
    if deal.outcome == "won":
        shown["reason for winning"] = labels.option(deal.object_type, "closed_won_reason", deal.won_reason)
    return shown
