"""When to start again what ended by itself: at once, then ever more slowly, and not without end."""

import time
from collections.abc import Callable
from pathlib import Path

from coppermind_pipeline.errors import CoppermindError, NeedsPerson

STARTS_MAX = 10
# What has never worked is rather wrong than unlucky.
FIRST_STARTS_MAX = 3
WAIT_MAX_S = 30.0
FORGIVEN_AFTER_S = 60.0


class ProcessEnded(NeedsPerson):
    """A part of the installation ended by itself."""

    code = "process_ended"


class Restarts:
    """The starts of one part that is kept running.

    A trouble begins as the part ends or hangs, is told once, and is over when the part has run for a minute.
    """

    def __init__(
        self, name: str, *, log: Path, tell: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take what the part is called, where its last words are, and who hears of a trouble."""
        self._name, self._log, self._tell, self._clock = name, log, tell, clock
        self._starts = 0
        self._started_at = 0.0
        self._reason = ""

    def running(self) -> None:
        """Hear that the part runs."""
        if self._starts and self._clock() - self._started_at >= FORGIVEN_AFTER_S:
            self._starts = 0

    def ended(
        self, start: Callable[[], object], *, what: str = "ended by itself", starts_max: int = STARTS_MAX
    ) -> None:
        """Hear that the part does not run, or hangs; start it where it is time to.

        Args:
            start: starts it, and ends before what hangs.
            what: the trouble, in words that follow the part's name.
            starts_max: how often it is tried within one trouble.

        Raises:
            ProcessEnded: it was started so often, and ended again each time.
        """
        if self._starts == 0:
            self._tell(f"The {self._name} {what}; it is started again. Its last words are in {self._log}.")
        elif self._clock() - self._started_at < _wait_s(self._starts):
            return
        if self._starts >= starts_max:
            ended = f"The {self._name} {what}, as after each of {self._starts} starts."
            raise ProcessEnded(f"{ended} {self._reason}".strip(), hint=f"Its last words are in {self._log}.")
        self._starts += 1
        try:
            start()
        except CoppermindError as error:
            self._reason = error.message
        finally:
            self._started_at = self._clock()


def _wait_s(starts: int) -> float:
    return min(2.0 ** (starts - 1), WAIT_MAX_S)
