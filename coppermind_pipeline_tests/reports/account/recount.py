"""Accounts told again from what the portals hold, record by record in plain Python, as a careful person would."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from coppermind_pipeline.sandbox import ExportedRecord, PortalState
from coppermind_pipeline_tests.reports.account.made_portals import EXCLUDED_DOMAIN

Key = tuple[str, str]


@dataclass
class Recounted:
    """What a portal holds of it that has been read, and what its records mean."""

    state: PortalState
    meant: Mapping[str, Mapping[str, Mapping[str, Any]]]
    read: frozenset[Key]
    in_window: frozenset[Key]
    filtered: bool
    zone: ZoneInfo

    def __post_init__(self) -> None:
        self.live = {
            (r.object_type, r.id): r for r in self.state.records if r.live and (r.object_type, r.id) in self.read
        }
        self.merged = {(r.object_type, r.id): r.merged_into for r in self.state.records if r.merged_into is not None}
        self.links: defaultdict[str, dict[Key, set[str | None]]] = defaultdict(dict)
        self.type_ids: defaultdict[tuple[str, Key], set[int]] = defaultdict(set)
        for link in self.state.links:
            to = (link.to_type, link.to_id)
            if link.from_type == "deals" and ("deals", link.from_id) in self.live and to in self.live:
                self.links[link.from_id].setdefault(to, set()).add(link.label)
                self.type_ids[link.from_id, to].add(link.type_id)

    def value(self, key: Key, name: str) -> Any:
        return self.meant[key[0]][key[1]][name][1]

    def last(self, kind: str, record_id: str) -> str:
        while (following := self.merged.get((kind, record_id))) is not None:
            record_id = following
        return record_id

    def is_filtered(self, key: Key) -> bool:
        if not self.filtered:
            return False
        if key[0] == "contacts":
            domain = self.value(key, "email").partition("@")[2]
            return domain == EXCLUDED_DOMAIN or domain.endswith(f".{EXCLUDED_DOMAIN}")
        if key[0] == "companies":
            return self.value(key, "city") not in {"Ulm", "Bern"}
        return self.value(key, "dealtype") != "newbusiness"

    def company_name(self, company: str) -> str | None:
        key = ("companies", company)
        return self.value(key, "name") or self.value(key, "domain")

    def found(self, asked: str) -> set[str]:
        """Return the ids of the companies that are called so, filtered ones too."""
        wanted = asked.lower()
        bare = wanted.partition("://")[2] or wanted
        bare = bare.partition("/")[0].removeprefix("www.")
        ids = {record_id for kind, record_id in self.live if kind == "companies"}
        return {
            each for each in ids
            if each == asked or (("companies", asked) in self.merged and each == self.last("companies", asked))
            or (self.company_name(each) or "\0").lower() == wanted
            or (self.value(("companies", each), "domain") or "\0").lower() == bare
        }  # fmt: skip

    def primary(self, deal: str) -> str | None:
        companies = [key for key in self.links[deal] if key[0] == "companies"]
        ranked = sorted(companies, key=lambda key: (5 not in self.type_ids[deal, key], int(key[1])))
        return ranked[0][1] if ranked else None

    def account(self, company: str, *, include_filtered: bool, now: datetime) -> dict[str, Any]:
        def shown(key: Key) -> bool:
            return include_filtered or not self.is_filtered(key)

        tied = [deal for deal in self.links if ("companies", company) in self.links[deal] and shown(("deals", deal))]
        own = [deal for deal in tied if self.primary(deal) == company]
        contacts: defaultdict[str, dict[str, set[str]]] = defaultdict(dict)
        own_people, writing = set(), set()
        for deal in tied:
            for kind, contact in self.links[deal]:
                if kind == "contacts" and shown(("contacts", contact)):
                    labels = self.links[deal]["contacts", contact]
                    contacts[contact][deal] = {label for label in labels if label}
        for kind, contact in self.live:
            if kind == "contacts" and shown((kind, contact)):
                of = self.value((kind, contact), "associatedcompanyid")
                written, name = self.value((kind, contact), "company"), self.company_name(company)
                if of is not None and self.last("companies", of) == company:
                    own_people.add(contact)
                    contacts[contact]
                elif of is None and written and name and written.lower() == name.lower():
                    writing.add(contact)
        return {
            "contacts": {each: self._contact(each, ties, own_people, own) for each, ties in contacts.items()},
            "own_people": own_people,
            "writing": writing - contacts.keys(),
            "deals": {each: self._deal(each, each in own, now) for each in tied},
            "totals": self._totals(own, now),
        }

    def _contact(self, contact: str, ties: dict[str, set[str]], own_people: set[str], own: list[str]) -> dict[str, Any]:
        key = ("contacts", contact)
        record: ExportedRecord = self.live[key]
        first, last = self.value(key, "firstname"), self.value(key, "lastname")
        rank = (0 if any(deal in own and self._outcome(deal) == "open" for deal in ties)
                else 1 if any(deal in own for deal in ties) else 2 if contact in own_people else 3)  # fmt: skip
        return {
            "name": f"{first} {last}" if last else first,
            "job_title": self.value(key, "jobtitle"),
            "email": self.value(key, "email"),
            "owner": self.value(key, "hubspot_owner_id"),
            "lifecycle": self.value(key, "lifecyclestage"),
            "changed_ms": record.modified_ms,
            "own_company": contact in own_people,
            "ties": {deal: (self._outcome(deal), labels, deal not in own) for deal, labels in ties.items()},
            "referenced_only": key not in self.in_window,
            "is_filtered": self.is_filtered(key),
            "order": (rank, -record.modified_ms, int(contact)),
        }

    def _outcome(self, deal: str) -> str:
        return self.value(("deals", deal), "dealstage")

    def _closes(self, deal: str) -> Any:
        written = self.value(("deals", deal), "closedate")
        if written is None:
            return None
        moment = datetime.fromisoformat(written)
        return moment.astimezone(UTC if moment.astimezone(UTC).time() == time() else self.zone).date()

    def _deal(self, deal: str, is_own: bool, now: datetime) -> dict[str, Any]:
        key, outcome, closes, primary = ("deals", deal), self._outcome(deal), self._closes(deal), self.primary(deal)
        amount, written = self.value(key, "amount"), self.meant["deals"][deal]["closed_lost_reason"]
        return {
            "name": self.value(key, "dealname"),
            "outcome": outcome,
            "amount": None if amount is None else Decimal(amount),
            "currency": self.value(key, "deal_currency_code") or "USD",
            "close_date": None if closes is None else closes.isoformat(),
            "overdue": outcome == "open" and closes is not None and closes < now.astimezone(self.zone).date(),
            "loss_reason": written[0] if outcome == "lost" and written[1] else None,
            "in_totals": is_own,
            "primary_company": None if is_own or primary is None else self.company_name(primary),
            "is_filtered": self.is_filtered(key),
            "owner": self.value(key, "hubspot_owner_id"),
        }

    def _totals(self, own: list[str], now: datetime) -> dict[str, Any]:
        counts: Counter[str] = Counter()
        amounts: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for deal in own:
            told = self._deal(deal, is_own=True, now=now)
            measures = [{"won": "closed_won", "lost": "closed_lost", "open": "open"}[told["outcome"]]]
            for measure in [*measures, *(["overdue"] if told["overdue"] else [])]:
                counts[measure] += 1
                if told["amount"] is None:
                    counts[f"{measure} without amount"] += 1
                else:
                    amounts[measure, told["currency"]] += told["amount"]
            counts["lost without reason"] += told["outcome"] == "lost" and told["loss_reason"] is None
        return {"counts": +counts, "amounts": dict(amounts)}
