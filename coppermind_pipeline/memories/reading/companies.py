"""How a company is found by what a person calls it, and the memories of one: itself, its deals and its contacts."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, text

from coppermind_pipeline.crm import canonical_domain
from coppermind_pipeline.memories.reading.question import read_question
from coppermind_pipeline.memories.reading.selection import WrongSelection
from coppermind_pipeline.wording import listed, name_word, visible_text, words_of

RECORDS_MAX = 10_000
CHOICES_MAX = 10

_ASKED_CHARS_MAX = 1_000


class FoundBy(StrEnum):
    """How companies come to be found.

    `called`: by id, name or domain; `words`: none is called so, and these are remembered with all the words in their
    name; `likeness`: not even that, or an id or domain was asked for, and these have words that are spelt alike.
    """

    CALLED = "called"
    WORDS = "words"
    LIKENESS = "likeness"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCompany:
    """One company that may be meant; `is_filtered`: the connector's filters leave it out."""

    connector_id: str
    hubspot_id: str
    name: str | None
    domain: str | None
    is_filtered: bool

    @property
    def called(self) -> str:
        """Its name and domain, as far as it has them."""
        domain = f" ({self.domain})" if self.domain and self.domain != self.name else ""
        return f"{self.name or 'a company without a name'}{domain}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCompanies:
    """The companies that may be meant, at most `CHOICES_MAX`; `more`: there are others.

    `left_out`: those that are called so, but that filters leave out; where there are any, no other is offered.
    """

    companies: tuple[FoundCompany, ...]
    by: FoundBy
    more: bool = False
    left_out: tuple[FoundCompany, ...] = ()

    @property
    def one(self) -> FoundCompany | None:
        """The company that is meant; None where there is none or a choice: nothing is guessed."""
        return self.companies[0] if len(self.companies) == 1 and self.by is not FoundBy.LIKENESS else None


def find_companies(
    connection: Connection, company: str, *, connector_id: str | None = None, include_filtered: bool = False
) -> FoundCompanies:
    """Find a company by its name, domain or HubSpot id, in the transaction's mind.

    Case doesn't matter, nor how a domain is written (`https://www.Acme.com/`); an id that was merged away leads to the
    company that lives on.
    """
    asked = visible_text(company[:_ASKED_CHARS_MAX], one_line=True).strip()
    words = words_of(asked)
    named = " & ".join(f"'{name_word(word)}'" for word in words)
    rows = _called(connection, asked, named, connector_id)
    called = [row for row in rows if row.is_called]
    if called:
        shown = [row for row in called if include_filtered or not row.is_filtered]
        left_out = () if shown else tuple(map(_found, called[:CHOICES_MAX]))
        return _at_most(shown, FoundBy.CALLED, left_out=left_out)
    if rows:
        # Whoever gives a domain or an id means that one, and no other with the same words in its name.
        is_exact = canonical_domain(asked) is not None or asked.isdecimal()
        return _at_most(rows, FoundBy.LIKENESS if is_exact else FoundBy.WORDS)
    question = read_question(connection, asked)
    if not any(word.corrections for word in question.words):
        return FoundCompanies(companies=(), by=FoundBy.LIKENESS)
    return _at_most(_called(connection, asked, question.as_parameters()["names"], connector_id), FoundBy.LIKENESS)


def company_refs(connection: Connection, company: str, *, connector_id: str | None = None) -> list[str]:
    """Return the source refs of a company's records, by its name, domain or id, in the transaction's mind.

    Raises:
        WrongSelection: no company is called so, or several are, which the message lists; nothing is guessed.
    """
    found = find_companies(connection, company, connector_id=connector_id)
    one = found.one
    if one is not None:
        values = {"connector": one.connector_id, "id": one.hubspot_id, "records_max": RECORDS_MAX}
        return list(connection.scalars(text(_RECORDS), values))
    if found.companies and found.by is not FoundBy.LIKENESS:
        more = " and more" if found.more else ""
        raise WrongSelection(
            f"{company!r} may be {listed([_choice(each) for each in found.companies])}{more}.",
            hint="Give the id of the one that is meant as company.",
        )
    if found.left_out:
        raise WrongSelection(
            f"The connector's filters leave out {listed([_choice(each) for each in found.left_out])}.",
            hint="Nothing is remembered of it while they do.",
        )
    alike = [_choice(each) for each in found.companies]
    hint = f"Did you mean {listed(alike)}?" if alike else "Give its name, domain or HubSpot id; or search without it."
    raise WrongSelection(f"This mind has no company {company!r}.", hint=hint)


def _called(connection: Connection, asked: str, named: str, connector_id: str | None) -> Sequence[Any]:
    values = {"asked": asked, "domain": canonical_domain(asked), "named": named,
              "connectors": None if connector_id is None else [connector_id],
              "companies_max": CHOICES_MAX + 1}  # fmt: skip
    return connection.execute(text(_FIND), values).all()


def _at_most(rows: Sequence[Any], by: FoundBy, *, left_out: tuple[FoundCompany, ...] = ()) -> FoundCompanies:
    return FoundCompanies(
        companies=tuple(map(_found, rows[:CHOICES_MAX])), by=by, more=len(rows) > CHOICES_MAX, left_out=left_out
    )


def _found(row: Any) -> FoundCompany:
    return FoundCompany(
        connector_id=row.connector_id,
        hubspot_id=row.hubspot_id,
        name=row.name,
        domain=row.domain,
        is_filtered=row.is_filtered,
    )


def _choice(company: FoundCompany) -> str:
    return f"{company.called}, id {company.hubspot_id} of {company.connector_id}"


_FIND = """
SELECT connector_id, hubspot_id, name, domain, is_filtered, is_called
  FROM companies_called(CAST(:asked AS text), CAST(:domain AS text), CAST(:named AS tsquery),
                        CAST(:connectors AS text[]), :companies_max)
"""

_RECORDS = "SELECT source_ref FROM records_of_company(:connector, :id, :records_max)"
