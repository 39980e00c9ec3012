"""The whole operator, `python -m slipway run`, where every endpoint exists and every status is current."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from tests.bench import fleet, settled, throughput
from tests.bench.audit_tail import AuditTail
from tests.bench.figures import AtRest, FirstPass, WholeOperator
from tests.bench.process import Observer
from tests.bench.prometheus import OperatorMetrics
from tests.bench.sagemaker import SageMakerProcess
from tests.bench.settled import Served
from tests.bench.subjects import QUIET, TIMEOUT, Bench, difference, started
from tests.testbed.operator_process import OperatorProcess
from tests.testbed.sagemaker import ROLE
from tests.testbed.waiting import eventually
from tests.testbed.workbench import INSTALLATION, REGION

_SERVING = re.compile(r"serving /healthz and /metrics on \[\('127\.0\.0\.1', (\d+)\)\]")


def whole_operator(bench: Bench, objects: int, rest: float) -> WholeOperator:
    """`python -m slipway run` where every endpoint exists and every status is current; then left alone."""
    namespace = bench.namespace(f"operator-{objects}")
    with SageMakerProcess() as sagemaker:
        models = -(-objects // fleet.DEPLOYMENTS_A_MODEL)
        fleet_at_rest = settle(bench, sagemaker, namespace, models, objects)
        with restarted(bench, sagemaker, namespace, objects, models) as running:
            at_rest = _at_rest(running, sagemaker, rest)
        return WholeOperator(running.first, at_rest, throughput.measure(sagemaker.url, fleet_at_rest[0].endpoint_name))


def settle(bench: Bench, sagemaker: SageMakerProcess, namespace: str, models: int, objects: int) -> list[Served]:
    """Make the objects, their endpoints and their statuses."""
    admin = bench.plane.admin_kubeconfig
    versions = fleet.create(admin, namespace, map(fleet.model_version, range(models)))
    fleet.set_statuses(admin, namespace, [(raw, settled.resolved(raw)) for raw in versions])
    manifests = (fleet.deployment(number, with_finalizer=True) for number in range(objects))
    made = [(raw, Served.of(raw)) for raw in fleet.create(admin, namespace, manifests)]
    sagemaker.seed([served.existing() for _, served in made])
    rows = sagemaker.endpoints()
    statuses = [(raw, served.status(rows[served.endpoint_name])) for raw, served in made]
    fleet.set_statuses(admin, namespace, statuses)
    secrets = [served.secret(status) for (_, served), (_, status) in zip(made, statuses, strict=True)]
    fleet.apply_secrets(admin, namespace, secrets)
    return [served for _, served in made]


def operator_environment(bench: Bench, sagemaker: SageMakerProcess, namespace: str) -> dict[str, str]:
    """Slipway's own defaults, but for where everything is."""
    where = {
        "installation": INSTALLATION,
        "namespaces": json.dumps([namespace]),
        "http_host": "127.0.0.1",
        "http_port": 0,
        "aws_regions": json.dumps([REGION]),
        "aws_execution_roles": json.dumps([ROLE]),
    }
    return {
        "KUBECONFIG": str(bench.kubeconfig),
        "AWS_ENDPOINT_URL": sagemaker.url,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_EC2_METADATA_DISABLED": "true",
        **{f"SLIPWAY_{name.upper()}": str(value) for name, value in where.items()},
    }


@dataclass(frozen=True)
class Running:
    """The operator, after its first passes, and what looks at it from outside."""

    first: FirstPass
    process: OperatorProcess
    audit: AuditTail
    observer: Observer
    metrics: OperatorMetrics

    def forget(self) -> None:
        """From now on, only what comes counts as written."""
        self.audit.read()
        self.audit.writes.clear()


@contextmanager
def restarted(
    bench: Bench, sagemaker: SageMakerProcess, namespace: str, objects: int, models: int
) -> Iterator[Running]:
    """`python -m slipway run` over objects that are at rest, from its first pass over each of them on."""
    process = OperatorProcess(operator_environment(bench, sagemaker, namespace), bench.folder / f"{namespace}.log")
    reads = bench.api_reads()
    with bench.audit() as audit:
        start = time.time()
        with process, Observer(process.pid) as observer, closing(OperatorMetrics(port(process))) as metrics:
            last, passes = wait_until_idle(metrics, objects + models)
            audit.wait_for_quiet(QUIET, TIMEOUT)
            usage = observer.usage()
            watching = started(process.log)
            calls = sagemaker.calls()
            first = FirstPass(
                subject="the whole operator",
                objects=objects,
                from_start=last - start,
                from_watch=last - watching,
                usage=usage,
                cpu_start=observer.cpu_at(watching),
                writes=audit.counts(),
                reads=difference(bench.api_reads(), reads),
                sagemaker=calls.by_operation,
                sagemaker_mutating=calls.mutating,
                passes=passes,
            )
            yield Running(first, process, audit, observer, metrics)


def _at_rest(running: Running, sagemaker: SageMakerProcess, seconds: float) -> AtRest:
    running.forget()
    sagemaker.calls()
    began, cpu, passes = time.monotonic(), running.observer.cpu(), running.metrics.passes()[0]
    time.sleep(seconds)
    took = time.monotonic() - began
    calls = sagemaker.calls()
    running.audit.read()
    return AtRest(
        objects=running.first.objects,
        seconds=took,
        writes=running.audit.counts(),
        sagemaker=calls.by_operation,
        sagemaker_mutating=calls.mutating,
        cpu_share=(running.observer.cpu() - cpu) / took,
        passes=running.metrics.passes()[0] - passes,
    )


def wait_until_idle(metrics: OperatorMetrics, total: int) -> tuple[float, int]:
    """Until at least `total` passes were made, none waits, and none ends for three seconds.

    Returns when the last one had ended, and their number. Raises TimeoutError.
    """
    last, known = time.time(), -1
    deadline = time.monotonic() + TIMEOUT
    while True:
        passes, waiting = metrics.passes()
        if passes != known or waiting:
            last, known = time.time(), passes
        elif passes >= total and time.time() - last > QUIET:
            return last, passes
        if time.monotonic() > deadline:
            raise TimeoutError(f"{passes} passes over {total} objects, {waiting} wait, after {TIMEOUT:.0f} s")
        time.sleep(0.1)


def port(process: OperatorProcess) -> int:
    """Where the operator serves its metrics, once it does."""

    def look() -> int:
        found = _SERVING.search(process.log.read_text()) if process.log.exists() else None
        if found is None and not process.is_running:
            raise RuntimeError(f"{process.log}:\n{process.log.read_text()}")
        return int(found[1]) if found else 0

    return eventually(look, f"{process.log} names the port", timeout=60)
