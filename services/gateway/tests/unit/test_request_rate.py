"""The cell rate algorithm."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tandem_gateway.domain.request_rate import BURST_S, Rate


@given(
    rate=st.floats(0.2, 1_000),
    gaps=st.lists(st.floats(0, 2), min_size=1, max_size=200),
)
def test_no_window_ever_holds_more_than_the_rate_and_one_burst(
    rate: float, gaps: list[float]
) -> None:
    arrival, now, admitted = 0.0, 100.0, []
    for gap in gaps:
        now += gap
        arrival, wait_s = Rate(rate).next_arrival(arrival, now)
        if not wait_s:
            admitted.append(now)
    burst = max(1.0, rate * BURST_S)
    for start in range(len(admitted)):
        for end in range(start, len(admitted)):
            window_s = admitted[end] - admitted[start]
            assert end - start + 1 <= rate * window_s + burst + 1e-6


@given(rate=st.floats(0.2, 1_000))
def test_the_told_wait_is_long_enough(rate: float) -> None:
    arrival, now = 0.0, 100.0
    while True:
        arrival, wait_s = Rate(rate).next_arrival(arrival, now)
        if wait_s:
            break
    _, again = Rate(rate).next_arrival(arrival, now + wait_s)
    assert again == 0


def test_a_refused_request_costs_nothing() -> None:
    rate, now = Rate(1.0), 100.0
    arrival, _ = rate.next_arrival(0.0, now)
    refused, wait_s = rate.next_arrival(arrival, now)
    assert (refused, wait_s) == (arrival, 1.0)
