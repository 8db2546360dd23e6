"""What a digest can be asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from coppermind_pipeline.memories import days_of
from coppermind_pipeline.tool_calls import ToolArgumentError

DIGEST_ARGUMENTS = ("since", "cursor", "format")
SINCE_DAYS = 7

_PLACE_DIGITS_MAX = 6


class DigestFormat(StrEnum):
    """What a digest can be rendered as."""

    JSON = "json"
    MARKDOWN = "markdown"


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestRequest:
    """The arguments of a digest.

    Attributes:
        since: the first day of what happened; in each mind it is a day of its own reports' zone.
        place: how many minds, worst first, were told before.
    """

    since: date
    place: int
    format: DigestFormat

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any], *, now: datetime) -> Self:
        """Check arguments from outside; None counts as not given.

        Raises:
            ToolArgumentError: names the argument and says what it takes.
            WrongSelection: since is no day, month or year.
        """
        given = {name: value for name, value in arguments.items() if value is not None}
        rendering = given.get("format", DigestFormat.JSON)
        if rendering not in set(DigestFormat):
            raise ToolArgumentError(f"format of a digest takes {', '.join(DigestFormat)}; not {rendering!r}.")
        today = now.astimezone(UTC).date()
        return cls(
            since=_since(given["since"], today) if "since" in given else today - timedelta(days=SINCE_DAYS),
            place=_place(given.get("cursor")),
            format=DigestFormat(rendering),
        )


def _since(value: Any, today: date) -> date:
    since, _ = days_of(str(value), "since")
    if not date(1900, 1, 1) <= since <= today:
        raise ToolArgumentError(
            f"since is {since}, which is no day that a CRM tells of.", hint="Leave it out for the last seven days."
        )
    return since


def _place(value: Any) -> int:
    if value is None:
        return 0
    digits = str(value).strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _PLACE_DIGITS_MAX):
        raise ToolArgumentError(
            f"cursor takes the next_cursor of a digest; not {value!r}.", hint="Leave it out for the worst minds."
        )
    return int(digits)
