from hypothesis import given
from hypothesis import strategies as st

from coppermind_pipeline.hubspot import paced


@given(
    limit=st.integers(1, 300),
    window_ms=st.sampled_from([1_000, 10_000]),
    jitter_ms=st.integers(0, 200),
    gaps=st.lists(st.integers(0, 300)),
)
def test_a_pace_keeps_inside_its_limit_in_every_window(limit, window_ms, jitter_ms, gaps):
    pace = paced(limit, window_ms, jitter_ms=jitter_ms)
    arrival, now, admitted = 0.0, 1_000.0, []
    # Whoever waits, waits exactly as long as told; idle time in between lets a burst gather.
    for gap_ms in [*gaps, *[0] * (2 * limit)]:
        now += gap_ms / 1_000
        arrival = max(arrival, now) + pace.emission_s
        now = max(now, arrival - pace.burst * pace.emission_s)
        admitted.append(now)
    for first, beyond in zip(admitted, admitted[limit:], strict=False):
        assert beyond - first > (window_ms + jitter_ms - 1) / 1_000
