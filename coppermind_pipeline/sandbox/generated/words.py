"""The words that made-up records are put together from."""

from importlib.resources import files
from typing import NamedTuple

import orjson

_WORDS: dict[str, list[str]] = orjson.loads(
    files("coppermind_pipeline.sandbox").joinpath("data", "words.json").read_bytes()
)

FIRST_NAMES = tuple(_WORDS["first_names"])
LAST_NAMES = tuple(_WORDS["last_names"])
COMPANY_STARTS = tuple(_WORDS["company_starts"])
COMPANY_ENDS = tuple(_WORDS["company_ends"])
COMPANY_FORMS = ("", "", "", " Inc", " LLC", " GmbH", " Ltd", " Group", " Labs", " Partners", ", Inc.", " AG")
JOB_TITLES = (
    "Marketing Manager",
    "VP Marketing",
    "Head of Growth",
    "CEO",
    "Founder",
    "Operations Director",
    "IT Manager",
    "Head of Sales",
    "Procurement Lead",
    "CFO",
    "Demand Generation Manager",
    "Product Manager",
    "Sales Engineer",
    "Office Manager",
    "Managing Director",
    "Marketing Coordinator",
    "Chief Revenue Officer",
    "Data Analyst",
)
STREETS = ("Main Street", "Harbor Road", "Mill Lane", "Station Road", "King Street", "Hauptstraße", "Market Square")
FORMS = ("Contact us", "Demo request", "Pricing guide download", "Newsletter sign-up", "Webinar: planning 2026")
LOST_REASONS = (
    "Too expensive for their budget this year",
    "Price: 30% above the other quote",
    "Went with a competitor that bundles reporting",
    "Chose Salesforce instead",
    "Missing the SSO integration they need",
    "No native integration with NetSuite",
    "Feature gap: no multi-language support",
    "Budget frozen until next fiscal year",
    "No budget",
    "Project postponed, bad timing",
    "Timing - revisit in Q2",
    "Went dark after the second demo",
    "No response to five follow-ups",
    "Champion left the company",
    "Reorg on their side, no decision maker",
    "Decided to build it in-house",
    "Staying with the current vendor",
    "Legal could not agree on data processing terms",
    "Too small, not a fit",
    "lost",
    "???",
    "Onboarding effort looked too high for their team",
)
WON_REASONS = (
    "Fast onboarding and a named contact",
    "Reporting that their board understood",
    "Best price for the scope",
    "Reference from an existing customer",
)
COMPETITORS = ("Salesforce", "In-house tool", "Pipedrive", "Zoho", "Agency")
DEAL_SUBJECTS = (
    "Annual plan",
    "Website relaunch",
    "Expansion seats",
    "Pilot",
    "Retainer",
    "Data migration",
    "Renewal 2026",
    "Onboarding package",
    "Campaign Q3",
)


class Place(NamedTuple):
    """A country as people type it, with its code and some of its states and cities."""

    code: str
    spellings: tuple[str, ...]
    towns: tuple[tuple[str, str, str], ...]  # city, state as typed, zip


PLACES = (
    Place(
        "US",
        ("United States", "United States", "USA", "US", "United States of America", "U.S.A.", "usa", "Untied States"),
        (
            ("Boston", "MA", "02108"),
            ("Austin", "Texas", "78701"),
            ("San Francisco", "California", "94105"),
            ("san francisco", "CA", "94107"),
            ("Chicago", "Illinois", "60601"),
            ("New York", "NY", "10001"),
            ("NYC", "New York", "10011"),
            ("Denver", "CO", "80202"),
        ),
    ),
    Place(
        "DE",
        ("Germany", "Deutschland", "germany", "DE", "Allemagne"),
        (
            ("Berlin", "Berlin", "10115"),
            ("München", "Bayern", "80331"),
            ("Munich", "Bavaria", "80333"),
            ("Hamburg", "HH", "20095"),
        ),
    ),
    Place(
        "GB",
        ("United Kingdom", "UK", "England", "Great Britain", "GB"),
        (
            ("London", "England", "EC1A 1BB"),
            ("Leeds", "West Yorkshire", "LS1 1UR"),
            ("Edinburgh", "Scotland", "EH1 1YZ"),
        ),
    ),
    Place("FR", ("France", "FR", "france"), (("Paris", "Île-de-France", "75001"), ("Lyon", "", "69001"))),
    Place("NL", ("Netherlands", "The Netherlands", "Holland", "NL"), (("Amsterdam", "Noord-Holland", "1012"),)),
    Place("ES", ("Spain", "España"), (("Madrid", "Madrid", "28001"), ("Barcelona", "Cataluña", "08001"))),
    Place("BR", ("Brazil", "Brasil"), (("São Paulo", "SP", "01000-000"),)),
    Place("CA", ("Canada", "CANADA"), (("Toronto", "ON", "M5H 2N2"), ("Vancouver", "British Columbia", "V5K 0A1"))),
    Place("AU", ("Australia",), (("Sydney", "NSW", "2000"),)),
)
#: How often a place turns up, of 20.
PLACE_SHARES = (0,) * 9 + (1, 1, 1) + (2, 2, 2) + (3, 4, 5) + (7, 6)
