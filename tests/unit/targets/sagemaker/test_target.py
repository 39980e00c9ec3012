"""Times that are only compared."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from slipway.targets.sagemaker.look import instant

NOW = datetime(2026, 11, 5, 12, 0, 0, 123, tzinfo=UTC)


@given(st.integers(-14, 14), st.integers(-14, 14))
def test_the_same_instant_reads_the_same_in_every_zone(hours: int, others: int) -> None:
    one, other = (NOW.astimezone(timezone(timedelta(hours=zone))) for zone in (hours, others))
    assert instant(one) == instant(other) == "2026-11-05T12:00:00.000123+00:00"


def test_instants_that_differ_by_a_microsecond_are_told_apart() -> None:
    assert instant(NOW) != instant(NOW + timedelta(microseconds=1))
    assert instant(NOW.replace(microsecond=0)) == "2026-11-05T12:00:00.000000+00:00"
