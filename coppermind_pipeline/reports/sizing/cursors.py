"""Where a list goes on: opaque to whoever hands it back, and of no use to any question but its own.

It holds ids, which a client is not to read: it is encrypted under the mind's own id, which no client is told.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, ClassVar, Self, TypeVar
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from pydantic import BaseModel, ConfigDict

from coppermind_pipeline.tool_calls import ToolArgumentError

# What tells only how much is shown, or in which dress.
_NO_PART_OF_A_QUESTION = ("cursor", "format", "page_rows", "live_fallback")


class Place(BaseModel):
    """What a list is sorted by, of one of its rows. Each list has its own kind, `part` is the list's name.

    It is the row that tells where a list goes on, not how many stood before it: rows that come or go while somebody
    turns the pages move no other.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: ClassVar[str]


_KEY_BYTES = 32

PlaceT = TypeVar("PlaceT", bound=Place)


@dataclass(frozen=True, slots=True)
class GoesOn:
    """A list of an answer, and the row that it goes on behind; None: its beginning."""

    part: str
    after: Place | None


def has_list(kind: type[Place], goes_on: GoesOn | None) -> bool:
    """Return whether an answer has a list: all of them at first, and where one goes on that alone."""
    return goes_on is None or goes_on.part == kind.part


def list_after(kind: type[PlaceT], goes_on: GoesOn | None) -> PlaceT | None:
    """Return the place that a list of an answer begins behind; None: with its first row."""
    after = None if goes_on is None else goes_on.after
    return after if isinstance(after, kind) else None


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, as far as a cursor must know it."""

    digest: str
    key: bytes

    @classmethod
    def of(cls, action: str, mind_id: UUID, arguments: Mapping[str, Any]) -> Self:
        """Return the question that these arguments ask of a mind, wherever its lists go on."""
        asked = {name: value for name, value in arguments.items() if name not in _NO_PART_OF_A_QUESTION}
        said = orjson.dumps([action, str(mind_id), asked], default=str, option=orjson.OPT_SORT_KEYS)
        key = blake2b(mind_id.bytes, digest_size=_KEY_BYTES, person=b"cursor").digest()
        return cls(blake2b(said, digest_size=9).hexdigest(), key)

    def cursor(self, part: str, after: Place | None) -> str:
        """Return the cursor at which a list goes on."""
        place = None if after is None else after.model_dump(mode="json")
        hidden = AESSIV(self.key).encrypt(orjson.dumps([self.digest, part, place]), None)
        return urlsafe_b64encode(hidden).decode().rstrip("=")

    def goes_on(self, cursor: str | None, *places: type[Place]) -> GoesOn | None:
        """Return where an answer's lists go on; None without a cursor.

        Args:
            places: of the lists that the answer has.

        Raises:
            ToolArgumentError: it is no cursor, or that of another question.
        """
        if cursor is None:
            return None
        try:
            padded = cursor.strip() + "=" * (-len(cursor.strip()) % 4)
            shown = AESSIV(self.key).decrypt(urlsafe_b64decode(padded.encode("ascii")), None)
        except (ValueError, InvalidTag):
            raise _not_a_cursor(cursor) from None
        digest, part, after = orjson.loads(shown)
        if digest != self.digest:
            raise ToolArgumentError(
                "This cursor belongs to another question.",
                hint="Ask with exactly the arguments whose answer it came with, or leave cursor out to begin anew.",
            )
        kind = next(each for each in places if each.part == part)
        return GoesOn(part, None if after is None else kind.model_validate_json(orjson.dumps(after)))


def _not_a_cursor(cursor: str) -> ToolArgumentError:
    return ToolArgumentError(
        f"cursor takes the next_cursor of an answer; not {cursor[:40]!r}.", hint="Leave it out to begin anew."
    )
