"""How long a slice lasts: until its time is up, earlier where others wait, and soon where it holds up a poll."""

import pytest

from coppermind_pipeline.sync import turns


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(turns, "monotonic", clock)
    return clock


@pytest.mark.parametrize(
    ("poll_waits", "others_wait", "lasts_s"), [(False, False, 600), (False, True, 120), (True, False, 20)]
)
def test_a_slice_lasts_as_long_as_nobody_waits(clock: Clock, poll_waits: bool, others_wait: bool, lasts_s: float):
    time_is_up = turns.slice_end(poll_waits=lambda: poll_waits, others_wait=lambda: others_wait)
    clock.now += lasts_s - 1
    assert not time_is_up()
    clock.now += 2
    assert time_is_up()


def test_a_poll_that_comes_due_ends_a_slice_within_seconds_and_for_good(clock: Clock):
    answers = iter([False, False, True])
    time_is_up = turns.slice_end(poll_waits=lambda: next(answers), others_wait=lambda: False)
    clock.now += 60
    assert [time_is_up() for _ in range(100)] == [False] * 100, "looked for once"
    clock.now += turns.LOOK_FOR_POLL_S
    assert not time_is_up()
    clock.now += turns.LOOK_FOR_POLL_S
    assert time_is_up()
    clock.now += turns.LOOK_FOR_POLL_S
    assert time_is_up()
