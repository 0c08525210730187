"""A pulse through the whole pipe of real servers, measured where it ends."""

from tests.support.workers import Installation, stored, until


def test_pulses_come_through_the_whole_pipe_and_leave_nothing_behind(installation: Installation) -> None:
    """One worker watches and sends, another stores and measures: pulses of all partitions come to the database, as no finding and no customer."""
    installation.prepare()
    watching = installation.start("--roles", "watch", PULSE_EVERY="1s")
    storing = installation.start("--roles", "sink", PULSE_EVERY="1s")
    until(lambda: storing.metric("pulse_seconds_count") >= 2 * installation.partitions, 90, storing.tail)
    assert watching.metric("pulses_sent_total") >= storing.metric("pulse_seconds_count")
    assert 0 < storing.metric("pulse_seconds_sum") / storing.metric("pulse_seconds_count") < 60
    reached = stored(installation.database, f"SELECT partition FROM stream_progress WHERE topic = '{installation.prefix}.alerts'")
    assert {row.partition for row in reached} == set(range(installation.partitions))
    for table in ("findings", "alerts", "scores", "dead_letters", "briefs"):
        assert stored(installation.database, f"SELECT 1 FROM {table}") == []
    assert (watching.metric("state_rows"), storing.metric("sink_malformed_total"), watching.metric("dead_letters_total")) == (0, 0, 0)
