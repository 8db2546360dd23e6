"""E-mail addresses and domains in the one form in which they are compared."""

import re
from functools import lru_cache
from importlib.resources import files

import idna

from coppermind_pipeline.wording import visible_text

# Anybody may have an address there: such a domain tells nothing about who a contact works for.
PUBLIC_MAIL_DOMAINS = frozenset(
    files("coppermind_pipeline.crm").joinpath("public_mail_domains.csv").read_text(encoding="utf-8").split()[1:]
)

ADDRESS_CHARS_MAX = 320

# Space, and what PostgreSQL can't hold.
_NOT_IN_AN_ADDRESS = re.compile("[\\s\ud800-\udfff]")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


def canonical_email(text: str) -> tuple[str, str] | None:
    """Return (address, domain) in lower case, the domain in its ASCII form; None where the text is no address."""
    local, at, domain = visible_text(text).strip().rpartition("@")
    if not at or not local or len(text) > ADDRESS_CHARS_MAX or _NOT_IN_AN_ADDRESS.search(local) or "\0" in text:
        return None
    ascii_domain = _ascii_domain(domain)
    return (f"{local.lower()}@{ascii_domain}", ascii_domain) if ascii_domain is not None else None


def canonical_domain(text: str) -> str | None:
    """Return a domain in lower-case ASCII form; None where the text names none with at least two labels.

    People write the same domain as `Acme.com`, `@acme.com`, `www.acme.com` and `https://acme.com/about`.
    """
    text = text.strip().lower()
    text = text.partition("://")[2] or text
    host = re.split(r"[/?#:]", text.removeprefix("@"), maxsplit=1)[0]
    domain = _ascii_domain(host.removeprefix("www."))
    return domain if domain is not None and "." in domain else None


def domain_and_parents(domain: str) -> tuple[str, ...]:
    """Return the domain and every domain that it is a subdomain of, nearest first."""
    labels = domain.split(".")
    return tuple(".".join(labels[start:]) for start in range(len(labels)))


@lru_cache(maxsize=4_096)
def _ascii_domain(domain: str) -> str | None:
    domain = domain.strip().rstrip(".").lower()
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    if len(domain) > 253 or not all(_LABEL.fullmatch(label) for label in domain.split(".")):
        return None
    return domain
