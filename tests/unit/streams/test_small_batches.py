"""What many small batches share: a look of the collector, the last value of a score, a write."""

import gc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.live.watch import _latest
from streams.interpreter import growing_state


@pytest.fixture
def collector() -> Iterator[None]:
    """Give the collector back what it had."""
    thresholds = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    gc.collect()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize(("records", "made", "looks"), [(5, 10, 0), (500, 10, 50), (5, 1000, 50 // 6)])
def test_a_large_batch_has_a_look_of_its_own_and_small_ones_share_one(records: int, made: int, looks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of fifty batches that add objects, large ones are each taken out of the collector's sight, small ones after some thousand objects."""
    frozen = 0
    freeze = gc.freeze

    def count() -> None:
        nonlocal frozen
        frozen += 1
        freeze()

    monkeypatch.setattr(gc, "freeze", count)
    state: list[list[int]] = []
    for _ in range(50):
        with growing_state(records):
            state += [[1] for _ in range(made)]
    assert abs(frozen - looks) <= 1
    assert gc.isenabled()


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b"]), st.none() | st.binary(min_size=1, max_size=1))))
def test_of_scores_that_are_told_together_the_last_value_and_each_end_are(told: list[tuple[bytes, bytes | None]]) -> None:
    """By key: what a value follows directly is left out, and nothing else; so whoever reads them hears every end, and the value before it."""
    by_key = {key: [value for other, value in told if other == key] for key, _ in told}
    kept = _latest(told)
    for key, values in by_key.items():
        expected = [value for value, then in zip(values, [*values[1:], None], strict=True) if value is None or then is None]
        assert [value for other, value in kept if other == key] == expected
    assert {key for key, _ in kept} == set(by_key)
