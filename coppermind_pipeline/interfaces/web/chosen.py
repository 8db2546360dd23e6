"""Which connectors the page shows: those that were searched for, the worst first, a page of them; and all in a line."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from coppermind_pipeline.connectors import ConnectorStatus
from coppermind_pipeline.interfaces.state_words import Tone, state_words
from coppermind_pipeline.wording import fold, number

SHOWN_MAX = 50
# As many as fit a glance; of more, one looks for a few.
SEARCHED_FROM = 13
_PAGES_MAX = 10_000

_WORDS: Mapping[Tone, str] = {
    "bad": "in need of you",
    "warn": "with a warning",
    "busy": "at work",
    "good": "up to date",
    "idle": "disconnected",
}
_WORST_FIRST = list(_WORDS)
_TONES: Mapping[str, Tone] = {tone: tone for tone in _WORST_FIRST}


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to see: whatever a query of the page's address says, however it was made up.

    Attributes:
        search: a part of a mind's name, of a connector's id or of a portal's number.
        tone: how they are; None: however.
        page: from 1 on.
    """

    search: str
    tone: Tone | None
    page: int

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Wish":
        """Read an address; what is no wish of ours counts for none."""
        page = query.get("page", "")
        tone = _TONES.get(query.get("state", ""))
        is_page = page.isascii() and page.isdecimal() and len(page) < len(str(_PAGES_MAX))
        return cls(query.get("search", "").strip(), tone, max(int(page), 1) if is_page else 1)

    def address(self, **other: str | int) -> str:
        """Return this wish as the query of an address, with something else in it."""
        said = {"search": self.search, "state": self.tone or "", "page": self.page} | other
        return urlencode({name: value for name, value in said.items() if value})


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the page shows of all connectors.

    Attributes:
        shown: one page of those that are wished for.
        found: how many are.
        by_tone: how many of all there are of each, the worst first, in words.
        pages: how many pages there are.
    """

    wish: Wish
    shown: Sequence[ConnectorStatus]
    found: int
    total: int
    by_tone: Mapping[Tone, str]
    pages: int

    @property
    def is_searched(self) -> bool:
        """Whether there are so many that the page offers a search."""
        return self.total >= SEARCHED_FROM

    @property
    def poll_seconds(self) -> int:
        """How often the page may ask: all connectors are looked at for each answer."""
        return max(3, self.total // 50)


def choose(connectors: Sequence[ConnectorStatus], wish: Wish) -> Chosen:
    """Choose what to show: the worst first, else in the order given."""
    tones: dict[str, Tone] = {connector.connector_id: state_words(connector).tone for connector in connectors}
    wanted = [
        connector
        for connector in sorted(connectors, key=lambda each: _WORST_FIRST.index(_rank(tones[each.connector_id])))
        if wish.tone in {None, tones[connector.connector_id]} and _matches(connector, wish.search)
    ]
    counted = Counter(tones.values())
    pages = max(1, -(-len(wanted) // SHOWN_MAX))
    first = (min(wish.page, pages) - 1) * SHOWN_MAX
    return Chosen(
        wish,
        wanted[first : first + SHOWN_MAX],
        found=len(wanted),
        total=len(connectors),
        by_tone={tone: f"{number(counted[tone])} {words}" for tone, words in _WORDS.items() if counted[tone]},
        pages=pages,
    )


def _rank(tone: Tone) -> Tone:
    # Work begins and ends by the minute, and shall move no card.
    return "good" if tone == "busy" else tone


def _matches(connector: ConnectorStatus, search: str) -> bool:
    names = (connector.mind, connector.connector_id, str(connector.hub_id or ""))
    return any(fold(search) in fold(name) for name in names)
