"""The text of a contact: who somebody is."""

from coppermind_pipeline.memories.texts.job_titles import occupation
from coppermind_pipeline.memories.texts.phrases import Wording, in_place, joined, labelled, name_line
from coppermind_pipeline.memories.texts.subjects import Contact


def contact_text(contact: Contact, wording: Wording) -> str:
    """Return who a contact is."""
    labels = wording.labels
    details = [
        *labelled(
            ("Lifecycle stage", contact.lifecycle_stage, labels.lifecycle_stage),
            ("Lead status", contact.lead_status, labels.lead_status),
            object_type=contact.object_type,
        ),
        wording.owner(contact),
        wording.original_source(contact),
        f"E-mail: {contact.email}" if contact.email and contact.email != contact.name else None,
    ]
    return joined(
        _introduction(contact, is_all=not any(details)),
        *details,
        f"In HubSpot since {wording.day(contact.created_at)}" if contact.created_at else None,
    )


def _introduction(contact: Contact, *, is_all: bool) -> str:
    name = name_line(contact.name) if contact.name else "An unnamed person"
    title = name_line(contact.job_title) if contact.job_title else None
    company = name_line(contact.company_name) if contact.company_name else None
    place = in_place(contact.place)
    if title or company:
        return f"{name} {_position(title, company)}{f', {place}' if place else ''}"
    if place or not is_all:
        return f"{name} is a contact{f' {place}' if place else ''}"
    if not contact.name:
        return "A contact of whom nothing is recorded"
    known = "e-mail address" if contact.name == contact.email else "name"
    return f"{name} is a contact of whom only the {known} is recorded"


def _position(title: str | None, company: str | None) -> str:
    at_company = f" at {company}" if company else ""
    if title is None:
        return f"works{at_company}"
    does = occupation(title)
    if does is not None:
        return f"{does}{at_company}"
    return f'{f"works{at_company}" if company else "is a contact"} with the job title "{title}"'
