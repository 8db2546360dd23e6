"""Figures of contacts, and of those of them that are leads."""

from coppermind_pipeline.metrics.metric import Clock, Comparison, Face, Metric, Unit

_CONTACTS = "live contacts of the window that no filter leaves out"
_LEADS = "contacts whose lifecycle stage is or was lead or later"
_STAGES = ("lifecyclestage", "hs_v2_date_entered_{stage}")

CONTACTS = (
    Metric(
        id="contacts.all",
        label="Contacts",
        definition="How many contacts there are.",
        unit=Unit.COUNT,
        population=_CONTACTS,
        clock=Clock.AS_OF,
        comparison=Comparison.NONE,
        hubspot_properties=(),
        doubtful_when="the backfill has not finished, or its window leaves old contacts out",
        view="metric_contacts_all",
        shown_in={
            Face.STATUS: "portal_profile.contacts_without_source.of",
            Face.SYNTHESIS: "channel_mix.total.contacts",
        },
    ),
    Metric(
        id="contacts.without_source",
        label="Contacts without a source",
        definition="How many contacts have no original source.",
        unit=Unit.COUNT,
        population=_CONTACTS,
        denominator="contacts.all",
        clock=Clock.NOW,
        comparison=Comparison.NONE,
        hubspot_properties=("hs_analytics_source",),
        doubtful_when="HubSpot gives contacts that were typed in or imported the source Offline, which is one",
        view="metric_contacts_without_source",
        shown_in={Face.STATUS: "portal_profile.contacts_without_source.count"},
    ),
)

LEADS = (
    Metric(
        id="leads.all",
        label="Leads",
        definition="How many contacts are or were a lead, or in a later lifecycle stage.",
        unit=Unit.COUNT,
        population=_CONTACTS,
        clock=Clock.AS_OF,
        comparison=Comparison.NONE,
        hubspot_properties=_STAGES,
        doubtful_when="the portal works with HubSpot's Lead records, which are not read",
        view="metric_leads_all",
        shown_in={Face.SYNTHESIS: "lead_leaks.total.leads"},
    ),
    *(
        Metric(
            id=f"leads.{kind}",
            label=label,
            definition=definition,
            unit=Unit.COUNT,
            population=_LEADS,
            denominator="leads.all",
            clock=Clock.AS_OF,
            comparison=Comparison.NONE,
            hubspot_properties=properties,
            doubtful_when=doubtful,
            view=f"metric_leads_{kind}",
            shown_in={Face.SYNTHESIS: f"lead_leaks.total.{kind}"},
        )
        for kind, label, definition, properties, doubtful in (
            (
                "disqualified",
                "Disqualified leads",
                "How many leads have a lead status among hubspot_disqualified_statuses.",
                ("hs_lead_status", *_STAGES),
                "the portal has other statuses for it than the configured ones",
            ),
            (
                "postponed",
                "Postponed leads",
                "How many leads have the lead status BAD_TIMING, and are not disqualified.",
                ("hs_lead_status", *_STAGES),
                "the portal uses another status for it",
            ),
            (
                "stuck",
                "Stuck leads",
                "How many leads are at lead, MQL or SQL, unchanged for 90 days, in no open deal, neither of these.",
                ("lifecyclestage", "hs_lead_status", "lastmodifieddate"),
                "a workflow or an import changes contacts that nobody works on",
            ),
        )
    ),
)
