"""Wherever its fronts have come, a position has exactly the ids that they have passed, and is whole once it has all."""

from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.sync.pulling.position import ABOVE_ALL_IDS, Front, Position

_TOP = 60
_IDS = range(1, _TOP + 1)
_STEPS = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 9)), max_size=60)


@given(steps=_STEPS)
def test_a_position_has_what_its_fronts_have_passed(steps: list[tuple[int, int]]):
    position, read = Position(), set[int]()
    for choice, width in steps:
        fronts: list[Front] = [*position.fronts, "down"] if position.first_id is None else list(position.fronts)
        if choice == 4 and position.can_begin_in_the_middle:
            position = position.from_the_middle()
        else:
            front: Front = fronts[choice % len(fronts)]
            bound = _bound(position, front)
            passed = range(bound + 1, bound + width + 1) if "up" in front else range(bound - width, bound)
            ids = [number for number in passed if 1 <= number <= _TOP]
            up_to = max(passed) if "up" in front else min(passed)
            beyond = range(up_to + 1, _TOP + 1) if "up" in front else range(1, up_to)
            position = position.after(front, up_to, is_last=not beyond)
            read.update(ids)
            if not beyond and front in {"up", "down"}:
                return  # nothing lies beyond: there the scan ends
        assert {number for number in _IDS if position.has(number)} == read
        if position.is_whole:
            assert read == set(_IDS)
            return


def _bound(position: Position, front: str) -> int:
    if front == "up":
        return position.last_id
    if front == "down":
        return min(position.first_id or ABOVE_ALL_IDS, _TOP + 1)
    assert position.middle is not None
    return position.middle[1] if front == "middle up" else position.middle[0]
