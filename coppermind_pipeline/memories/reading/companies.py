"""The memories of one company: itself, its deals and its contacts."""

from typing import Any

from sqlalchemy import Connection, text

from coppermind_pipeline.memories.reading.selection import WrongSelection
from coppermind_pipeline.wording import listed, name_word, words_of

RECORDS_MAX = 10_000

_CHOICES_MAX = 10


def company_refs(connection: Connection, company: str, *, connector_id: str | None = None) -> list[str]:
    """Return the source refs of a company's records, by its name, domain or id, in the transaction's mind.

    Raises:
        WrongSelection: no company is called so, or several are, which the message lists; nothing is guessed.
    """
    asked = company.strip()
    words = words_of(asked)
    values = {"asked": asked, "named": " & ".join(f"'{name_word(word)}'" for word in words),
              "connectors": None if connector_id is None else [connector_id],
              "companies_max": _CHOICES_MAX + 1}  # fmt: skip
    found = connection.execute(text(_FIND), values).all() if words else []
    if not found:
        raise WrongSelection(
            f"This mind has no company {company!r}.", hint="Give its name, domain or HubSpot id; or search without it."
        )
    if len(found) > 1:
        more = " and more" if len(found) > _CHOICES_MAX else ""
        raise WrongSelection(
            f"{company!r} may be {listed([_choice(row) for row in found[:_CHOICES_MAX]])}{more}.",
            hint="Give the id of the one that is meant as company.",
        )
    values = {"connector": found[0].connector_id, "id": found[0].hubspot_id, "records_max": RECORDS_MAX}
    return list(connection.scalars(text(_RECORDS), values))


def _choice(row: Any) -> str:
    domain = f" ({row.domain})" if row.domain else ""
    return f"{row.name or 'a company without a name'}{domain}, id {row.hubspot_id} of {row.connector_id}"


_FIND = """
SELECT connector_id, hubspot_id, name, domain
  FROM find_companies(:asked, CAST(:named AS tsquery), CAST(:connectors AS text[]), :companies_max)
"""

_RECORDS = "SELECT source_ref FROM records_of_company(:connector, :id, :records_max)"
