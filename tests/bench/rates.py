"""How many calls there are in a minute: on average, and in the worst one."""

from collections import Counter
from collections.abc import Iterable, Sequence

from tests.bench.figures import CallRate
from tests.bench.sagemaker import Arrival

MINUTE = 60.0


def busiest(times: Iterable[float], seconds: float = MINUTE) -> int:
    """The most of these moments that fall into any window of so many seconds."""
    ordered = sorted(times)
    most = first = 0
    for number, at in enumerate(ordered):
        while at - ordered[first] >= seconds:
            first += 1
        most = max(most, number - first + 1)
    return most


def call_rates(arrivals: Sequence[Arrival], seconds: float) -> list[CallRate]:
    """For each account and region what has arrived there within so many seconds; AWS's limits are for each of these."""
    places = sorted({(one.account, one.region) for one in arrivals})
    return [
        _rate(account, region, [one for one in arrivals if (one.account, one.region) == (account, region)], seconds)
        for account, region in places
    ]


def _rate(account: str, region: str, arrivals: Sequence[Arrival], seconds: float) -> CallRate:
    operations = Counter(one.operation for one in arrivals)
    return CallRate(
        account=account,
        region=region,
        per_minute={operation: count * MINUTE / seconds for operation, count in sorted(operations.items())},
        busiest_minute=busiest(one.at for one in arrivals),
        mutating=sum(one.mutating for one in arrivals),
    )
