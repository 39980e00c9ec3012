"""The whole operator with its default settings, at rest: what it costs, and how soon it notices what others do.

First somebody changes and deletes endpoints behind its back, at random moments. When all that is noticed and put
right, the operator is left alone for at least five minutes, in which a search for orphans ends: it begins five minutes
after the start and takes four. All calls to AWS in that window count, whoever makes them and whatever for.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.bench import fleet, prometheus
from tests.bench.figures import Noticed, Noticing
from tests.bench.rates import call_rates
from tests.bench.sagemaker import SageMakerProcess
from tests.bench.settled import Served
from tests.bench.status_watch import StatusWatch
from tests.bench.subjects import Bench
from tests.bench.whole_operator import Running, restarted, settle
from tests.testbed.waiting import eventually

CHANGES = 10
DELETIONS = 5
_CHANGES_WITHIN = 180.0
"""Seconds over which the changes are spread."""
_DELETIONS_WITHIN = 60.0
_WAIT = 600.0
"""Seconds after which nobody is going to notice any more."""
_CALM = 15.0
"""Seconds between the last repair and the window, for the looks that follow it."""
_SHORTEST = 300.0
"""Seconds that the operator is left alone at least."""
_Act = Callable[[], float]


@dataclass(frozen=True)
class _Deed:
    """What somebody is going to do, and when (seconds from the beginning)."""

    at: float
    what: str
    deployment: str
    act: _Act


def noticing(bench: Bench, objects: int, seed: int, rest: float) -> Noticing:
    """Measure; `rest`: how long it is left alone, if not longer. Takes about eleven minutes at least."""
    namespace = bench.namespace(f"noticing-{objects}")
    with SageMakerProcess() as sagemaker:
        models = -(-objects // fleet.DEPLOYMENTS_A_MODEL)
        served = settle(bench, sagemaker, namespace, models, objects)
        with restarted(bench, sagemaker, namespace, objects, models) as running:
            if running.first.writes_total:
                raise RuntimeError(f"they were not at rest: {running.first.writes_total} writes after a restart")
            with StatusWatch(bench.plane.admin_kubeconfig, namespace) as watch:
                found = _tampered(sagemaker, watch, _deeds(sagemaker, served, seed))
            return _left_alone(bench, sagemaker, running, found, seed, max(_SHORTEST, rest))


def _deeds(sagemaker: SageMakerProcess, served: Sequence[Served], seed: int) -> list[_Deed]:
    """Half of the changes bring a neighbour's config into service, half of them another number of instances."""
    # The choice is to be repeatable, not secret.
    chance = random.Random(seed)
    chosen = chance.sample(served, min(CHANGES + DELETIONS, len(served) - 1))
    stranger = next(one for one in served if one not in chosen).wanted.config.name
    deeds = []
    for number, one in enumerate(chosen):
        name, endpoint = one.deployment.metadata.name, one.endpoint_name
        if number < DELETIONS:
            at = chance.uniform(0, _DELETIONS_WITHIN)
            deeds.append(_Deed(at, "deletion", name, lambda endpoint=endpoint: sagemaker.remove(endpoint)))  # type: ignore[misc]
            continue
        at = chance.uniform(0, _CHANGES_WITHIN)
        if number % 2:
            act: _Act = lambda endpoint=endpoint: sagemaker.set_count(endpoint, 3)  # type: ignore[misc]  # noqa: E731
        else:
            act = lambda endpoint=endpoint: sagemaker.put_into_service(endpoint, stranger)  # type: ignore[misc]  # noqa: E731
        deeds.append(_Deed(at, "count" if number % 2 else "config", name, act))
    return sorted(deeds, key=lambda deed: deed.at)


def _tampered(sagemaker: SageMakerProcess, watch: StatusWatch, deeds: Sequence[_Deed]) -> list[Noticed]:
    """Do it, wait until it was noticed, and until everything is well again. Raises TimeoutError if it never is."""
    began, done = time.monotonic(), dict[str, float]()
    for deed in deeds:
        time.sleep(max(0.0, began + deed.at - time.monotonic()))
        done[deed.deployment] = deed.act()
    until = time.monotonic() + _WAIT
    while time.monotonic() < until and not all(watch.noticed(name, at) for name, at in done.items()):
        time.sleep(0.5)
    found = []
    for deed in deeds:
        sign = watch.noticed(deed.deployment, done[deed.deployment])
        seconds = sign.at - done[deed.deployment] if sign else None
        found.append(Noticed(deed.what, deed.deployment, seconds, sign.reasons if sign else {}))
    eventually(
        lambda: all(watch.is_well(deed.deployment) for deed in deeds),
        "everything is as it was before somebody changed it",
        timeout=_WAIT,
        interval=0.5,
    )
    time.sleep(_CALM)
    return found


def _left_alone(
    bench: Bench,
    sagemaker: SageMakerProcess,
    running: Running,
    found: Sequence[Noticed],
    seed: int,
    seconds: float,
) -> Noticing:
    metrics, observer = running.metrics, running.observer
    running.forget()
    searches, passes, secrets = metrics.orphan_searches(), metrics.passes()[0], _secret_reads(bench)
    sagemaker.arrivals()
    began, cpu = time.monotonic(), observer.cpu()
    time.sleep(seconds)
    eventually(metrics.orphan_searches, "a search for orphans has ended", timeout=_WAIT, interval=1.0)
    took, used = time.monotonic() - began, observer.cpu() - cpu
    arrivals = sagemaker.arrivals()
    running.audit.read()
    return Noticing(
        objects=running.first.objects,
        seed=seed,
        restart=running.first,
        changes=[one for one in found if one.what != "deletion"],
        deletions=[one for one in found if one.what == "deletion"],
        seconds=took,
        rates=call_rates(arrivals, took),
        orphan_searches=metrics.orphan_searches() - searches,
        orphan_calls=sum(one.operation in {"ListModels", "ListEndpointConfigs"} for one in arrivals),
        passes=metrics.passes()[0] - passes,
        secret_reads=_secret_reads(bench) - secrets,
        writes=running.audit.counts(),
        cpu_share=used / took,
        usage=observer.usage(),
    )


def _secret_reads(bench: Bench) -> int:
    return prometheus.secret_reads(bench.plane.kubectl("get", "--raw=/metrics").stdout)
