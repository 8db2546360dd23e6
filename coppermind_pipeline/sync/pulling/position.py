"""Where a scan stands: which ids of its window are read, from below, from above and from the middle."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

ABOVE_ALL_IDS = 2**63

Front: TypeAlias = Literal["up", "down", "middle up", "middle down"]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a scan stands; what it has read up to here, it need not read again.

    Attributes:
        last_id: all records of the window with an id up to this one are read, where the scan goes by search.
        first_id: so are those from this one on, where it goes from both ends.
        middle: so are those from one id to another in between; the second may be one less, where none are yet.
        list_after: cursor of the next page, where it goes by the list.
    """

    last_id: int = 0
    first_id: int | None = None
    middle: tuple[int, int] | None = None
    by_list: bool = False
    list_after: str | None = None

    def has(self, record_id: int) -> bool:
        """Say whether a record of the window with this id is read."""
        return (
            record_id <= self.last_id
            or (self.first_id is not None and record_id >= self.first_id)
            or (self.middle is not None and self.middle[0] <= record_id <= self.middle[1])
        )

    def after(self, front: Front, up_to: int, *, is_last: bool) -> "Position":
        """Return where the scan stands once a front has come to an id; `is_last`: nothing lies beyond it."""
        if front == "up":
            return replace(self, last_id=max(self.last_id, up_to))._joined()
        if front == "down":
            return replace(self, first_id=min(self._upper_end, up_to))._joined()
        lowest, highest = self.middle or (up_to, up_to)
        if front == "middle up":
            highest = self._upper_end - 1 if is_last else max(highest, up_to)
        else:
            lowest = self.last_id + 1 if is_last else min(lowest, up_to)
        return replace(self, middle=(lowest, highest))._joined()

    @property
    def fronts(self) -> Sequence[Front]:
        """From where it goes on, and which way."""
        of_both_ends: Sequence[Front] = ("up",) if self.first_id is None else ("up", "down")
        return of_both_ends if self.middle is None else (*of_both_ends, "middle up", "middle down")

    @property
    def can_begin_in_the_middle(self) -> bool:
        """Whether both ends are known, and what lies between is in one piece."""
        return self.first_id is not None and self.middle is None

    def from_the_middle(self) -> "Position":
        """Return the same with a middle of which nothing is read yet."""
        middle = (self.last_id + self._upper_end + 1) // 2
        return replace(self, middle=(middle, middle - 1))

    @property
    def is_whole(self) -> bool:
        """Whether no id is left between what is read from below and from above."""
        return self.last_id >= self._upper_end - 1

    @property
    def _upper_end(self) -> int:
        return ABOVE_ALL_IDS if self.first_id is None else self.first_id

    def _joined(self) -> "Position":
        if self.middle is None:
            return self
        lowest, highest = self.middle
        if self.last_id >= lowest - 1:
            return replace(self, last_id=max(self.last_id, highest), middle=None)
        if highest >= self._upper_end - 1:
            return replace(self, first_id=min(self._upper_end, lowest), middle=None)
        return self
