"""Figures of customers, and of where they are."""

from coppermind_pipeline.metrics.metric import Clock, Comparison, Face, Metric, Unit

_WON = "won deals, whatever their date"
_PLACE = ("hs_country_code", "country")

CUSTOMERS = tuple(
    Metric(
        id=metric_id,
        label=label,
        definition=definition,
        unit=Unit.COUNT,
        population=_WON,
        denominator=denominator,
        clock=Clock.AS_OF,
        comparison=Comparison.NONE,
        hubspot_properties=properties,
        doubtful_when=doubtful,
        view=f"metric_{metric_id.replace('.', '_')}",
        shown_in={Face.SYNTHESIS: f"geography.{path}"},
    )
    for metric_id, label, definition, denominator, properties, doubtful, path in (
        (
            "customers.all",
            "Customers",
            "How many customers won deals have: the primary company of each, else its lead contact, counted once.",
            None,
            (),
            "companies are in HubSpot twice, or deals are linked to none",
            "total.customers",
        ),
        (
            "customers.without_country",
            "Customers without a country",
            "How many customers have no country on record.",
            "customers.all",
            _PLACE,
            "countries are kept in a property of the portal's own",
            "unknown.customers",
        ),
        (
            "customers.unrecognized_country",
            "Customers with an unrecognized country",
            "How many customers have a country on record that names none.",
            "customers.all",
            _PLACE,
            "countries are typed in by hand",
            "unrecognized.customers",
        ),
        (
            "closed_won.without_customer",
            "Closed won: without a customer",
            "How many won deals are linked to no company and to no contact that counts.",
            "closed_won.deals",
            (),
            "deals are entered before their companies",
            "deals_without_customer",
        ),
    )
)
