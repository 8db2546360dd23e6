"""What the records of a portal mean, told from what the portal itself holds, in plain Python and by other code."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from coppermind_pipeline.crm import same_detail
from coppermind_pipeline.sandbox import ExportedRecord, PortalState
from coppermind_pipeline_tests.questions.portals import BOARD, SINCE, SYNCED, Asked
from coppermind_pipeline_tests.reports.leads.oracle import Contact

FUNNEL = ("lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer")

# As people typed them, read by a person.
COUNTRIES = {
    "US": ("United States", "USA", "US", "United States of America", "U.S.A.", "usa", "Untied States"),
    "DE": ("Germany", "Deutschland", "germany", "DE", "Allemagne"),
    "GB": ("United Kingdom", "UK", "England", "Great Britain", "GB"),
    "FR": ("France", "FR", "france"),
    "NL": ("Netherlands", "The Netherlands", "Holland", "NL"),
    "ES": ("Spain", "España"),
    "BR": ("Brazil", "Brasil"),
    "CA": ("Canada", "CANADA"),
    "AU": ("Australia",),
    "NZ": ("New Zealand",),
}
# Regions that are written in several ways; all others are what is written.
REGIONS = {
    ("US", "california"): ("California", "CA", "Kalifornien"),
    ("US", "colorado"): ("CO",),
    ("US", "massachusetts"): ("MA",),
    ("US", "new york"): ("New York", "NY"),
    ("DE", "bavaria"): ("Bavaria", "Bayern", "BY"),
    ("DE", "hamburg"): ("HH",),
    ("ES", "catalonia"): ("Cataluña",),
    ("BR", "são paulo"): ("SP",),
    ("CA", "ontario"): ("ON",),
    ("AU", "new south wales"): ("NSW",),
}
_COUNTRY_OF = {written: code for code, spellings in COUNTRIES.items() for written in spellings}
_REGION_OF = {(code, written): name for (code, name), spellings in REGIONS.items() for written in spellings}
_SAYS_NOTHING = {"n/a", "-", "lost", "???"}

# What each reason that somebody wrote is about, by a person.
THEMES = {
    "Too expensive": "price",
    "Too expensive for their budget this year": "price",
    "Price: 30% above the other quote": "price",
    "Went with a competitor": "competitor",
    "Went with a competitor that bundles reporting": "competitor",
    "Chose Salesforce instead": "competitor",
    "Staying with the current vendor": "competitor",
    "Missing the SSO integration they need": "integration",
    "No native integration with NetSuite": "integration",
    "Feature gap: no multi-language support": "missing_feature",
    "Budget frozen until next fiscal year": "budget",
    "No budget": "budget",
    "Project postponed, bad timing": "timing",
    "Timing - revisit in Q2": "timing",
    "Went dark after the second demo": "no_contact",
    "No response to five follow-ups": "no_contact",
    "Champion left the company": "authority",
    "Reorg on their side, no decision maker": "authority",
    "Decided to build it in-house": "in_house",
    "Legal could not agree on data processing terms": "legal",
    "Too small, not a fit": "fit",
    "Onboarding effort looked too high for their team": "support",
}

Deal = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """A portal's records at one of the two times, as far as they lie in the window; `at`: when they were read."""

    asked: Asked
    state: PortalState

    @property
    def at(self) -> datetime:
        return BOARD if self.state is self.asked.before else SYNCED

    @cached_property
    def live(self) -> dict[tuple[str, str], ExportedRecord]:
        return {(each.object_type, each.id): each for each in self.state.records if each.live}

    @cached_property
    def in_window(self) -> set[tuple[str, str]]:
        since_ms = int(SINCE.timestamp() * 1000)
        return {key for key, each in self.live.items() if each.modified_ms >= since_ms}

    @cached_property
    def stored(self) -> set[tuple[str, str]]:
        """Also what is older, but linked to a deal of the window."""
        return self.in_window | {key for links in self.links.values() for key in links}

    @cached_property
    def links(self) -> dict[str, dict[tuple[str, str], set[int]]]:
        """The live records that each deal of the window is linked to, with the types of the links."""
        found: defaultdict[str, dict[tuple[str, str], set[int]]] = defaultdict(dict)
        for link in self.state.links:
            to = (link.to_type, link.to_id)
            if link.from_type == "deals" and ("deals", link.from_id) in self.in_window and to in self.live:
                found[link.from_id].setdefault(to, set()).add(link.type_id)
        return found

    @cached_property
    def stages(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        return {(pipeline["id"], stage["id"]): stage["metadata"]
                for pipeline in self.state.pipelines["deals"] for stage in pipeline["stages"]}  # fmt: skip

    def is_filtered(self, key: tuple[str, str]) -> bool:
        kind, said = key[0], self.live[key].properties
        if kind == "contacts" and self.asked.made.excluded:
            domain = said.get("email", "").lower().rpartition("@")[2]
            return domain == self.asked.made.excluded or domain.endswith(f".{self.asked.made.excluded}")
        if kind == "deals" and self.asked.made.deal_types is not None:
            return said.get("dealtype") not in self.asked.made.deal_types
        return False

    @cached_property
    def all_deals(self) -> list[Deal]:
        ids = sorted(record_id for kind, record_id in self.in_window if kind == "deals")
        return [self._deal(each) for each in ids]

    @cached_property
    def deals(self) -> list[Deal]:
        return [deal for deal in self.all_deals if not deal["filtered"]]

    def _deal(self, deal_id: str) -> Deal:
        key = ("deals", deal_id)
        said = self.live[key].properties
        stage = self.stages.get((said.get("pipeline", ""), said.get("dealstage", "")))
        won_stages = [s for (pipeline, s), meta in self.stages.items()
                      if pipeline == said.get("pipeline") and _is_won(meta)]  # fmt: skip
        entered = [at for s in won_stages if (at := moment(said.get(f"hs_v2_date_entered_{s}"))) is not None]
        amount = number(said.get("amount"))
        place = self._place(deal_id)
        reason = said.get("closed_lost_reason")
        return {
            "id": deal_id,
            "filtered": self.is_filtered(key),
            "outcome": _outcome(said, stage),
            "by_properties": "won" if said.get("hs_is_closed_won") == "true"
            else "lost" if said.get("hs_is_closed") == "true" else "open",
            "stage_known": stage is not None,
            "amount": amount,
            "amount_home": None if amount is None else number(said.get("amount_in_home_currency")),
            "currency": said.get("deal_currency_code") or self.asked.company_currency,
            "created_at": moment(said.get("createdate")),
            "close_at": moment(said.get("closedate")),
            "closed_won_at": moment(said.get("hs_closed_won_date")),
            "entered_closed_won_at": max(entered, default=None),
            "entered_stage_at": moment(said.get("hs_v2_date_entered_current_stage")),
            "modified_at": moment(said.get("hs_lastmodifieddate")),
            "probability": _probability(said.get("hs_deal_stage_probability")),
            "stage_probability": None if stage is None else _probability(stage.get("probability")),
            "attributed_source": self._source(deal_id),
            "owner_id": said.get("hubspot_owner_id"),
            "pipeline_id": said.get("pipeline"),
            "stage_id": said.get("dealstage"),
            "place_country_code": place[0],
            "place_country_text": place[1],
            "place_region": place[2],
            "primary_company_id": self.primary_company(deal_id),
            "loss_reason": None if reason in _SAYS_NOTHING else reason,
        }  # fmt: skip

    def primary_company(self, deal_id: str) -> str | None:
        companies = [
            (5 not in types, int(key[1])) for key, types in self.links[deal_id].items() if key[0] == "companies"
        ]
        return str(min(companies)[1]) if companies else None

    def _people(self, deal_id: str) -> list[ExportedRecord]:
        """The unfiltered contacts of a deal, the one created first before the others."""
        people = [self.live[key] for key in self.links[deal_id] if key[0] == "contacts" and not self.is_filtered(key)]
        return sorted(people, key=lambda each: (moment(each.properties["createdate"]), int(each.id)))

    def _source(self, deal_id: str) -> str | None:
        company = self.primary_company(deal_id)
        asked = [self.live["deals", deal_id], *self._people(deal_id)]
        asked += [self.live["companies", company]] if company else []
        return next((source for each in asked if (source := each.properties.get("hs_analytics_source"))), None)

    def _place(self, deal_id: str) -> tuple[str | None, str | None, str | None]:
        """Return country, text and region of one record: the first that has a country, else the first with a region."""
        company, people = self.primary_company(deal_id), self._people(deal_id)
        records = [*([self.live["companies", company]] if company else []), *people[:1]]
        placed = [(*country(each), region(each)) for each in records]
        with_region = next((each for each in placed if each[2]), (None, None, None))
        return next((each for each in placed if any(each[:2])), with_region)

    @cached_property
    def all_contacts(self) -> list[Contact]:
        return [self._contact(each) for kind, each in sorted(self.in_window) if kind == "contacts"]

    @cached_property
    def contacts(self) -> list[Contact]:
        return [each for each in self.all_contacts if not self.is_filtered(("contacts", each.id))]

    def _contact(self, contact_id: str) -> Contact:
        said = self.live["contacts", contact_id].properties
        created, modified = moment(said.get("createdate")), moment(said["lastmodifieddate"])
        assert modified is not None
        entries: dict[str, datetime | None] = {}
        for place, (read_at, version) in enumerate(self._versions(contact_id)):
            stage, changed = version.get("lifecyclestage"), moment(version["lastmodifieddate"])
            assert changed is not None
            if stage is not None and stage not in entries:
                was_watched = place > 0 or (created is not None and read_at <= created + timedelta(days=1))
                entries[stage] = min(read_at, changed) if was_watched else None
        for stage in (*FUNNEL, "subscriber", "evangelist", "other"):
            at = moment(said.get(f"hs_v2_date_entered_{stage}")) or moment(said.get(f"hs_lifecyclestage_{stage}_date"))
            if at is not None:
                entries[stage] = at
        return Contact(contact_id, said, created, modified, entries)

    def _versions(self, contact_id: str) -> Sequence[tuple[datetime, Mapping[str, str]]]:
        """What was read of a contact, and when: at the board meeting, and later where it was another by then."""
        known = [(at, each.properties) for at, state in ((BOARD, self.asked.before), (SYNCED, self.asked.after))
                 if at <= self.at for each in state.live("contacts").values() if each.id == contact_id]  # fmt: skip
        return known[:1] + [each for each in known[1:] if each[1] != known[0][1]]

    @cached_property
    def in_open_deals(self) -> set[str]:
        return {key[1] for deal in self.all_deals if deal["outcome"] == "open"
                for key in self.links[deal["id"]] if key[0] == "contacts"}  # fmt: skip


def country(record: ExportedRecord) -> tuple[str | None, str | None]:
    """Return where a record is: the code of a country, or else what nobody recognizes as one."""
    said = record.properties
    code = said.get("hs_country_code") or said.get("hs_country_region_code")
    written = said.get("country")
    if code or written in _COUNTRY_OF:
        return code or _COUNTRY_OF[written or ""], None
    return None, None if written in _SAYS_NOTHING else written


def region(record: ExportedRecord) -> str | None:
    """Return the region of a record in small letters, under its one name where people write several."""
    written = record.properties.get("state")
    if not written or written in _SAYS_NOTHING:
        return None
    return _REGION_OF.get((country(record)[0] or "", written), written.lower())


def detail(record: ExportedRecord) -> str | None:
    """Return the drill-down of a record's source; which of them read alike is a matter of words, not of counting."""
    written = record.properties.get("hs_analytics_source_data_1")
    return None if written in _SAYS_NOTHING else same_detail(record.properties.get("hs_analytics_source"), written)


def moment(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written) if written else None


def number(written: str | None) -> Decimal | None:
    return Decimal(written) if written else None


def _probability(written: Any) -> Decimal | None:
    return None if written in {None, ""} else round(Decimal(str(written)), 4)


def _is_won(stage: Mapping[str, Any]) -> bool:
    return stage["isClosed"] == "true" and float(stage["probability"]) == 1


def _outcome(said: Mapping[str, str], stage: Mapping[str, Any] | None) -> str:
    if stage is None:
        return ("won" if said.get("hs_is_closed_won") == "true"
                else "lost" if said.get("hs_is_closed") == "true" else "open")  # fmt: skip
    return "won" if _is_won(stage) else "lost" if stage["isClosed"] == "true" else "open"
