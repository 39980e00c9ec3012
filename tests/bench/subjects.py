"""The three subjects, each a process of its own in a fresh namespace, started when its objects exist already."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.bench import fleet, prometheus, settled, throughput
from tests.bench.audit_tail import AuditTail
from tests.bench.figures import AtRest, FirstPass, WholeOperator
from tests.bench.process import Observer
from tests.bench.prometheus import OperatorMetrics
from tests.bench.sagemaker import SageMakerProcess
from tests.bench.settled import Served
from tests.testbed.cluster import Cluster
from tests.testbed.controlplane import ControlPlane
from tests.testbed.operator_process import OperatorProcess
from tests.testbed.sagemaker import ROLE
from tests.testbed.waiting import eventually
from tests.testbed.workbench import INSTALLATION, OPERATOR_NAMESPACE, OPERATOR_USER, REGION

_QUIET = 3.0
_TIMEOUT = 600.0
_STARTED = re.compile(r"^bench: started ([0-9.]+)$", re.MULTILINE)
_SERVING = re.compile(r"serving /healthz and /metrics on \[\('127\.0\.0\.1', (\d+)\)\]")


@dataclass
class Bench:
    """The control plane that all subjects of a run share."""

    plane: ControlPlane
    folder: Path
    audit_log: Path
    kubeconfig: Path
    """Of the ServiceAccount that every subject acts as."""

    @classmethod
    def on(cls, plane: ControlPlane, folder: Path) -> "Bench":
        """Raises RuntimeError for a control plane without an audit log of ours."""
        if plane.servers is None:
            raise RuntimeError(f"the bench reads the API server's audit log, and this is {plane.origin}")
        kubeconfig = plane.service_account_kubeconfig(OPERATOR_NAMESPACE, "slipway", folder / "subject.kubeconfig")
        return cls(plane, folder, plane.servers.audit_log, kubeconfig)

    def api_reads(self) -> dict[str, int]:
        return dict(prometheus.api_reads(self.plane.kubectl("get", "--raw=/metrics").stdout))

    def namespace(self, name: str) -> str:
        with closing(Cluster(self.plane.admin_kubeconfig)) as cluster:
            cluster.create_namespace(name)
        return name

    @contextmanager
    def audit(self) -> Iterator[AuditTail]:
        with closing(AuditTail(self.audit_log, OPERATOR_USER)) as tail:
            yield tail


def plain_kopf(bench: Bench, objects: int) -> FirstPass:
    """The reference."""
    namespace = bench.namespace(f"kopf-{objects}")
    arguments = ("run", "-m", "tests.bench.plain_kopf", "--namespace", namespace, "--standalone")
    log = bench.folder / f"{namespace}.log"
    process = OperatorProcess({"KUBECONFIG": str(bench.kubeconfig)}, log, module="kopf", arguments=arguments)
    return _to_last_status(bench, "plain kopf", namespace, process, objects)


def loop_alone(bench: Bench, objects: int) -> FirstPass:
    """Slipway's loop around the same status write."""
    namespace = bench.namespace(f"loop-{objects}")
    environment = {
        "KUBECONFIG": str(bench.kubeconfig),
        "SLIPWAY_NAMESPACES": json.dumps([namespace]),
        "SLIPWAY_HTTP_HOST": "127.0.0.1",
        "SLIPWAY_HTTP_PORT": "0",
    }
    log = bench.folder / f"{namespace}.log"
    process = OperatorProcess(environment, log, module="tests.bench.loop_alone", arguments=())
    return _to_last_status(bench, "the loop alone", namespace, process, objects)


def _to_last_status(bench: Bench, subject: str, namespace: str, process: OperatorProcess, objects: int) -> FirstPass:
    fleet.create(bench.plane.admin_kubeconfig, namespace, map(fleet.deployment, range(objects)))
    reads = bench.api_reads()
    with bench.audit() as audit:
        start = time.time()
        with process, Observer(process.pid) as observer:
            last = audit.wait_for_statuses(objects, _TIMEOUT)
            audit.wait_for_quiet(_QUIET, _TIMEOUT)
            usage = observer.usage()
            watching = _started(process.log)
            return FirstPass(
                subject=subject,
                objects=objects,
                from_start=last - start,
                from_watch=last - watching,
                usage=usage,
                cpu_start=observer.cpu_at(watching),
                writes=audit.counts(),
                reads=_difference(bench.api_reads(), reads),
            )


def whole_operator(bench: Bench, objects: int, rest: float) -> WholeOperator:
    """`python -m slipway run` where every endpoint exists and every status is current; then left alone."""
    namespace = bench.namespace(f"operator-{objects}")
    with SageMakerProcess() as sagemaker:
        models = -(-objects // fleet.DEPLOYMENTS_A_MODEL)
        endpoints = _settle(bench, sagemaker, namespace, models, objects)
        first, at_rest = _restart(bench, sagemaker, namespace, objects, models, rest)
        return WholeOperator(first, at_rest, throughput.measure(sagemaker.url, endpoints[0]))


def _settle(bench: Bench, sagemaker: SageMakerProcess, namespace: str, models: int, objects: int) -> list[str]:
    """Make the objects, their endpoints and their statuses. Returns the names of the endpoints."""
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
    return list(rows)


def _operator_environment(bench: Bench, sagemaker: SageMakerProcess, namespace: str) -> dict[str, str]:
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


def _restart(
    bench: Bench, sagemaker: SageMakerProcess, namespace: str, objects: int, models: int, rest: float
) -> tuple[FirstPass, AtRest]:
    environment = _operator_environment(bench, sagemaker, namespace)
    process = OperatorProcess(environment, bench.folder / f"{namespace}.log")
    reads = bench.api_reads()
    with bench.audit() as audit:
        start = time.time()
        with process, Observer(process.pid) as observer, closing(OperatorMetrics(_port(process))) as metrics:
            last, passes = _wait_until_idle(metrics, objects + models)
            audit.wait_for_quiet(_QUIET, _TIMEOUT)
            usage = observer.usage()
            watching = _started(process.log)
            calls = sagemaker.calls()
            first = FirstPass(
                subject="the whole operator",
                objects=objects,
                from_start=last - start,
                from_watch=last - watching,
                usage=usage,
                cpu_start=observer.cpu_at(watching),
                writes=audit.counts(),
                reads=_difference(bench.api_reads(), reads),
                sagemaker=calls.by_operation,
                sagemaker_mutating=calls.mutating,
                passes=passes,
            )
            return first, _at_rest(sagemaker, audit, observer, metrics, objects, rest)


def _at_rest(
    sagemaker: SageMakerProcess,
    audit: AuditTail,
    observer: Observer,
    metrics: OperatorMetrics,
    objects: int,
    seconds: float,
) -> AtRest:
    sagemaker.calls()
    audit.read()
    audit.writes.clear()
    began, cpu, passes = time.monotonic(), observer.cpu(), metrics.passes()[0]
    time.sleep(seconds)
    took = time.monotonic() - began
    calls = sagemaker.calls()
    audit.read()
    return AtRest(
        objects=objects,
        seconds=took,
        writes=audit.counts(),
        sagemaker=calls.by_operation,
        sagemaker_mutating=calls.mutating,
        cpu_share=(observer.cpu() - cpu) / took,
        passes=metrics.passes()[0] - passes,
    )


def _wait_until_idle(metrics: OperatorMetrics, total: int) -> tuple[float, int]:
    """Until at least `total` passes were made, none waits, and none ends for three seconds.

    Returns when the last one had ended, and their number. Raises TimeoutError.
    """
    last, known = time.time(), -1
    deadline = time.monotonic() + _TIMEOUT
    while True:
        passes, waiting = metrics.passes()
        if passes != known or waiting:
            last, known = time.time(), passes
        elif passes >= total and time.time() - last > _QUIET:
            return last, passes
        if time.monotonic() > deadline:
            raise TimeoutError(f"{passes} passes over {total} objects, {waiting} wait, after {_TIMEOUT:.0f} s")
        time.sleep(0.1)


def _port(process: OperatorProcess) -> int:
    def look() -> int:
        found = _SERVING.search(process.log.read_text()) if process.log.exists() else None
        if found is None and not process.is_running:
            raise RuntimeError(f"{process.log}:\n{process.log.read_text()}")
        return int(found[1]) if found else 0

    return eventually(look, f"{process.log} names the port", timeout=60)


def _started(log: Path) -> float:
    """When a process had done its imports: as it says itself, or the time of the operator's first line."""
    text = log.read_text()
    if found := _STARTED.search(text):
        return float(found[1])
    first = next(line for line in text.splitlines() if '"installation ' in line)
    local = datetime.strptime(json.loads(first)["time"], "%Y-%m-%d %H:%M:%S,%f")  # noqa: DTZ007  # as logged
    return local.astimezone().timestamp()


def _difference(after: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    changed = {verb: count - before.get(verb, 0) for verb, count in after.items()}
    return {verb: count for verb, count in changed.items() if count}


__all__ = ["Bench", "loop_alone", "plain_kopf", "whole_operator"]
