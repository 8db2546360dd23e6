"""The text of the geography."""

from coppermind_pipeline.crm import UNKNOWN_COUNTRY, UNRECOGNIZED, country_name, is_ambiguous_country
from coppermind_pipeline.synthesis.aggregates.geography import City, Country, Customers, Geography
from coppermind_pipeline.synthesis.aggregates.sums import add_up
from coppermind_pipeline.synthesis.texts.wording import (
    ROWS_MAX,
    Wording,
    changed,
    changed_money,
    closing,
    document,
    name_line,
    opening,
    sums,
)
from coppermind_pipeline.wording import agreeing, bullets, count, listed, number, one_line


def geography_text(geography: Geography, previous: Geography | None, wording: Wording) -> str:
    """Return the text of the geography, most customers first, unrecognized and unknown places always."""
    return document(
        opening("Customer geography", wording.coverage),
        _totals(geography),
        "By country, most customers first:\n" + bullets(_rows(geography)),
        closing(_changes(geography, previous) if previous is not None else None, wording.coverage),
    )


def _totals(geography: Geography) -> str:
    total = geography.total
    customers = f"{count(total.customers, 'customer')} with {count(total.deals, 'won deal')}"
    sentences = [
        f"{customers}, closed-won revenue {sums(total.revenue)}.",
        "A customer is the primary company of a won deal, else its lead contact, and counts once.",
    ]
    if geography.deals_without_customer:
        linked = count(geography.deals_without_customer, "won deal")
        belong = agreeing(geography.deals_without_customer, "belongs", "belong")
        stand = agreeing(geography.deals_without_customer, "stands", "stand")
        sentences.append(f"{linked} {belong} to no company or contact, and {stand} for no customer here.")
    return " ".join(sentences)


def _rows(geography: Geography) -> list[str]:
    rows = [_country(country) for country in geography.countries[:ROWS_MAX]]
    if rest := geography.countries[ROWS_MAX:]:
        others = Customers(
            customers=sum(country.at.customers for country in rest),
            deals=sum(country.at.deals for country in rest),
            revenue=add_up(total for country in rest for total in country.at.revenue),
        )
        rows.append(f"{count(len(rest), 'other country')}: {_customers(others)}")
    entered = listed([_spelling(each) for each in geography.spellings])
    rows.append(
        f"{UNRECOGNIZED}: {_customers(geography.unrecognized)}" + (f" (entered as {entered})" if entered else "")
    )
    rows.append(f"{UNKNOWN_COUNTRY}: {_customers(geography.unknown)}")
    return rows


def _spelling(text: str) -> str:
    return f"“{one_line(text, 40)}”" + (", of which there are several" if is_ambiguous_country(text) else "")


def _country(country: Country) -> str:
    parts = [
        f"{name_line(region.name)} {number(region.customers)}{_cities(region.cities)}" for region in country.regions
    ]
    regions = f"; by region: {', '.join(parts)}" if parts else ""
    cities = f"; cities without a region: {_city_list(country.cities)}" if country.cities else ""
    return f"{country_name(country.code)}: {_customers(country.at)}{regions}{cities}"


def _cities(cities: tuple[City, ...]) -> str:
    return f" ({_city_list(cities)})" if cities else ""


def _city_list(cities: tuple[City, ...]) -> str:
    return ", ".join(f"{name_line(city.name)} {number(city.customers)}" for city in cities)


def _customers(at: Customers) -> str:
    if not at.deals:
        return "none"
    return f"{count(at.customers, 'customer')}, {count(at.deals, 'won deal')}, {sums(at.revenue)}"


def _changes(geography: Geography, previous: Geography) -> list[str]:
    before = {country.code: country.at.customers for country in previous.countries}
    return [
        *changed("customers", previous.total.customers, geography.total.customers),
        *changed("won deals", previous.total.deals, geography.total.deals),
        *changed_money("closed-won revenue", previous.total.revenue, geography.total.revenue),
        *(
            change
            for country in geography.countries[:ROWS_MAX]
            for change in changed(
                f"customers in {country_name(country.code)}", before.get(country.code, 0), country.at.customers
            )
        ),
        *changed("customers without a known country", _unplaced(previous), _unplaced(geography)),
    ]


def _unplaced(geography: Geography) -> int:
    return geography.unknown.customers + geography.unrecognized.customers
