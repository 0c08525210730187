"""When a test may take what it sees for the end: what works must have had the time to go on."""

from itertools import pairwise

from tests.support.workers import STILL, Rest


def _reached(*looks: tuple[float, bool, object]) -> list[float]:
    """Return the moments of the looks that found it at rest."""
    rest = Rest()
    return [looked for looked, idle, shows in looks if rest.reached(looked, idle=idle, shows=shows)]


def test_one_that_has_something_to_do_is_never_at_rest() -> None:
    """However long a look and the pause after it take: a machine without time for the one who looks leaves none to the one who works."""
    looks = [(0.0, False, 7), (60.0, False, 7), (120.0, False, 7)]
    assert _reached(*looks) == []


def test_what_shows_the_same_with_nothing_to_do_is_at_rest_after_a_while() -> None:
    """The while is counted from the first look that found nothing to do."""
    looks = [(0.2 * number, number > 2, 7) for number in range(20)]
    [first, *_] = _reached(*looks)
    assert STILL <= first - 0.6 < STILL + 0.3


def test_what_shows_something_else_has_moved() -> None:
    """Nothing to do, and something new since the look before: the while begins again."""
    looks = [(0.2 * number, True, number < 4) for number in range(20)]
    [first, *_] = _reached(*looks)
    assert STILL <= first - 0.8 < STILL + 0.3


def test_one_look_after_a_long_pause_is_not_enough() -> None:
    """The first look that finds nothing to do says what was just committed, and not that nothing follows from it."""
    assert _reached((0.0, False, 7), (5.0, True, 7)) == []


def test_on_a_machine_without_time_it_takes_longer() -> None:
    """Three of the longest pauses between two looks: a worker that waits for a processor seems to be at rest, too."""
    moments = [0.0, 0.2, 2.2, 2.4, 4.4, 6.4, 8.4, 8.6]
    [first, *_] = _reached(*((moment, True, 7) for moment in moments))
    assert first == 6.4
    assert first - moments[0] >= 3 * max(later - earlier for earlier, later in pairwise(moments))
