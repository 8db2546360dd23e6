"""Errors, sorted by what the caller does next.

CoppermindError                 a person can act on it: code, message, hint
├── UsageError                  wrong call; nothing was done                  (exit 2)
├── NeedsPerson                 stays until someone acts                      (state auth_error, setup_error)
├── HealsByItself               retried by us, at the latest at `retry_at`    (state rate_limited, error)
├── Degraded                    work goes on with less; becomes an event and a caveat
└── Unexpected                  nobody foresaw it; told by its kind alone

Each room derives its own errors from one of these kinds; docs/errors.md draws them all. The docstring of a class is its
default message.
"""

from datetime import datetime
from typing import Any, ClassVar


class CoppermindError(Exception):
    """Something went wrong.

    Attributes:
        code: names the kind of error for a machine; it never changes.
        exit_code: what the command line ends with.
        hint: what to do about it.
        message: what happened, in words for a person.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    hint: str = ""

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        if hint is not None:
            self.hint = hint
        super().__init__(self.message)

    def as_response(self) -> dict[str, Any]:
        """Return the error as every interface shows it: `{"error": {"code", "message", "hint"}}`."""
        return {"error": {"code": self.code, "message": self.message, "hint": self.hint}}


class UsageError(CoppermindError):
    """The call was wrong; nothing was done."""

    code = "usage"
    exit_code = 2


class NeedsPerson(CoppermindError):
    """Work stands still until someone acts."""

    code = "needs_person"


class HealsByItself(CoppermindError):
    """A passing fault; it is retried without anybody's help."""

    code = "temporary"

    def __init__(
        self, message: str | None = None, *, hint: str | None = None, retry_at: datetime | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_at = retry_at


class Degraded(CoppermindError):
    """Work goes on with less."""

    code = "degraded"


class Unexpected(CoppermindError):
    """Something failed that nobody foresaw: a full disk, or a fault of the program."""

    code = "unexpected"
    hint = (
        "Look for the failed run in Dagster's UI and at the free space of the disk; if it stays, hand it to support "
        "with the time of last_error."
    )

    def __init__(self, kind: str) -> None:
        super().__init__(f"Something failed that nobody foresaw ({kind}).")
