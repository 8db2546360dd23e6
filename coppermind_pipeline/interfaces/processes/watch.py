"""Whether what runs also answers. A process may be there and hang: stopped, deadlocked, out of threads."""

import threading
from collections.abc import Callable

LOOK_EVERY_S = 10.0
# Three minutes of looks that were made, and the time that answers were waited for; no clock, for machines sleep.
SILENT_LOOKS_MAX = 18


class Watch:
    """Looks at one part again and again, in a thread of its own, since a look may take as long as the part hangs."""

    def __init__(self, answers: Callable[[], bool] | None, *, look_every_s: float = LOOK_EVERY_S) -> None:
        """Begin to look.

        Args:
            answers: asks the part, and returns whether it answered; raises where that can't be found out, as while the
                database is away, which is nothing against the part. None: whoever runs is well.
            look_every_s: the pause before each look.
        """
        self._answers, self._look_every_s = answers, look_every_s
        self._silent_looks = 0
        self._ended = threading.Event()
        self.has_answered = answers is None
        if answers is not None:
            threading.Thread(target=self._look_on, name="watch", daemon=True).start()

    @property
    def hangs(self) -> bool:
        """Whether the part has left so many questions in a row unanswered that it is not to be waited for."""
        return self._silent_looks >= SILENT_LOOKS_MAX

    def look(self) -> None:
        """Ask the part once."""
        if self._answers is None:
            return
        try:
            answered = self._answers()
        except Exception:  # noqa: BLE001 - whoever would know can't be asked
            return
        self._silent_looks = 0 if answered else self._silent_looks + 1
        self.has_answered = self.has_answered or answered

    def end(self) -> None:
        """Look no more."""
        self._ended.set()

    def _look_on(self) -> None:
        while not self._ended.wait(self._look_every_s):
            self.look()
