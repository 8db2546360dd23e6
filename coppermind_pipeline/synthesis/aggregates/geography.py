"""Geography: where the customers are, each counted once, and what their deals brought in."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Connection, text

from coppermind_pipeline.synthesis.aggregates.sums import MoneyTotal, add_up

REGIONS_MAX = 5
CITIES_MAX = 3
SPELLINGS_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """Customers at one place, their won deals, and the closed-won revenue."""

    customers: int
    deals: int
    revenue: tuple[MoneyTotal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """A city, as most of its records spell it."""

    name: str
    customers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A region of a country, as most of its records spell it, and its largest cities."""

    name: str
    customers: int
    cities: tuple[City, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """A country by its ISO 3166 alpha-2 code, and its largest regions.

    `cities`: the largest cities of records that name no region.
    """

    code: str
    at: Customers
    regions: tuple[Region, ...]
    cities: tuple[City, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Geography:
    """Every won deal once, and every customer once: at a country, at text that names none, or at no place.

    Attributes:
        countries: most customers first.
        unrecognized: customers whose country is a text that names none; `spellings` are the most frequent ones.
        unknown: customers without a country, and the deals that have no customer.
        deals_without_customer: won deals linked to no company and to no contact that counts.
    """

    total: Customers
    countries: tuple[Country, ...]
    unrecognized: Customers
    spellings: tuple[str, ...]
    unknown: Customers
    deals_without_customer: int

    @property
    def top(self) -> tuple[Country, ...]:
        """The country with most customers, and those level with it."""
        most = max((each.at.customers for each in self.countries), default=0)
        return tuple(each for each in self.countries if each.at.customers == most > 0)


def geography(connection: Connection) -> Geography:
    """Compute the geography of the population that is laid out.

    A customer is where the most exact of its won deals' places says, the latest deal first; all its deals are there.
    """
    spots = [_Spot(**row) for row in connection.execute(text(_SPOTS)).mappings()]
    unrecognized = [spot for spot in spots if spot.country_code is None and spot.country_key is not None]
    unknown = [spot for spot in spots if spot.country_code is None and spot.country_key is None]
    countries = [_country(found) for found in _largest_groups(spots, lambda spot: spot.country_code)]
    return Geography(
        total=_customers(spots),
        countries=tuple(countries),
        unrecognized=_customers(unrecognized),
        spellings=tuple(
            _spelling(found, lambda spot: spot.country_text)
            for found in _largest_groups(unrecognized, lambda spot: spot.country_key)[:SPELLINGS_MAX]
        ),
        unknown=_customers(unknown),
        deals_without_customer=sum(spot.deals_without_customer for spot in spots),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spot:
    """A city, or a place less exact: one row that counts customers and deals, and one per currency with the amounts.

    The keys are what the spellings are grouped by.
    """

    country_code: str | None
    country_key: str | None
    country_text: str | None
    region_key: str | None
    region: str | None
    city_key: str | None
    city: str | None
    customers: int
    deals: int
    deals_without_customer: int
    currency: str | None
    priced: int
    amount: Decimal


def _country(spots: list[_Spot]) -> Country:
    regions = _largest_groups(spots, lambda spot: spot.region_key)[:REGIONS_MAX]
    return Country(
        code=spots[0].country_code or "",
        at=_customers(spots),
        regions=tuple(
            Region(
                name=_spelling(found, lambda spot: spot.region),
                customers=_count(found),
                cities=_cities(found),
            )
            for found in regions
        ),
        cities=_cities([spot for spot in spots if spot.region_key is None]),
    )


def _cities(spots: list[_Spot]) -> tuple[City, ...]:
    groups = _largest_groups(spots, lambda spot: spot.city_key)[:CITIES_MAX]
    return tuple(City(name=_spelling(found, lambda spot: spot.city), customers=_count(found)) for found in groups)


def _customers(spots: Iterable[_Spot]) -> Customers:
    spots = list(spots)
    return Customers(
        customers=_count(spots),
        deals=sum(spot.deals for spot in spots),
        revenue=add_up(MoneyTotal(currency=s.currency, deals=s.priced, amount=s.amount) for s in spots),
    )


def _count(spots: Iterable[_Spot]) -> int:
    return sum(spot.customers for spot in spots)


def _largest_groups(spots: Iterable[_Spot], key: Callable[[_Spot], str | None]) -> list[list[_Spot]]:
    """Return the spots grouped by a key that they have, most customers first, then most deals."""
    groups: defaultdict[str, list[_Spot]] = defaultdict(list)
    for spot in spots:
        if (name := key(spot)) is not None:
            groups[name].append(spot)
    ordered = sorted(groups.items(), key=lambda item: (-_count(item[1]), -sum(s.deals for s in item[1]), item[0]))
    return [found for _, found in ordered]


def _spelling(spots: Iterable[_Spot], name: Callable[[_Spot], str | None]) -> str:
    """Return the spelling of the spot with the most customers, then deals; of equals, the one with capitals."""
    return min((-spot.customers, -spot.deals, name(spot) or "") for spot in spots)[2]


_SPOTS = """
WITH placed AS (
    SELECT customer, currency, amount,
           first_value(country_code) OVER home AS country_code,
           first_value(country_text) OVER home AS country_text,
           first_value(region) OVER home AS region,
           first_value(city) OVER home AS city
      FROM counted_deals WHERE outcome = 'won'
    WINDOW home AS (
        PARTITION BY coalesce(customer, 'deal ' || hubspot_id)
        ORDER BY country_code IS NULL, country_text IS NULL, region IS NULL, city IS NULL,
                 close_at DESC NULLS LAST, hubspot_id)
), keyed AS (
    SELECT placed.*, CASE WHEN country_code IS NULL THEN lower(country_text) END AS country_key,
           lower(region) AS region_key, lower(city) AS city_key
      FROM placed
)
SELECT country_code, country_key, region_key, city_key,
       mode() WITHIN GROUP (ORDER BY country_text) AS country_text,
       mode() WITHIN GROUP (ORDER BY region) AS region,
       mode() WITHIN GROUP (ORDER BY city) AS city,
       currency,
       CASE WHEN grouping(currency) = 1 THEN count(DISTINCT customer) ELSE 0 END AS customers,
       CASE WHEN grouping(currency) = 1 THEN count(*) ELSE 0 END AS deals,
       CASE WHEN grouping(currency) = 1 THEN count(*) - count(customer) ELSE 0 END AS deals_without_customer,
       CASE WHEN grouping(currency) = 0 THEN count(amount) ELSE 0 END AS priced,
       CASE WHEN grouping(currency) = 0 THEN coalesce(sum(amount), 0) ELSE 0 END AS amount
  FROM keyed
 GROUP BY GROUPING SETS (
     (country_code, country_key, region_key, city_key),
     (country_code, country_key, region_key, city_key, currency))
"""
