"""What all subjects share, and the two small ones: processes of their own in a fresh namespace full of objects."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.bench import fleet, prometheus
from tests.bench.audit_tail import AuditTail
from tests.bench.figures import FirstPass
from tests.bench.process import Observer
from tests.testbed.cluster import Cluster
from tests.testbed.controlplane import ControlPlane
from tests.testbed.operator_process import OperatorProcess
from tests.testbed.workbench import OPERATOR_NAMESPACE, OPERATOR_USER

QUIET = 3.0
"""Seconds without a write or a pass after which a subject has done what there was to do."""
TIMEOUT = 600.0
"""Seconds after which it is not waited for any more."""
_STARTED = re.compile(r"^bench: started ([0-9.]+)$", re.MULTILINE)


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
            last = audit.wait_for_statuses(objects, TIMEOUT)
            audit.wait_for_quiet(QUIET, TIMEOUT)
            usage = observer.usage()
            watching = started(process.log)
            return FirstPass(
                subject=subject,
                objects=objects,
                from_start=last - start,
                from_watch=last - watching,
                usage=usage,
                cpu_start=observer.cpu_at(watching),
                writes=audit.counts(),
                reads=difference(bench.api_reads(), reads),
            )


def started(log: Path) -> float:
    """When a process had done its imports: as it says itself, or the time of the operator's first line."""
    text = log.read_text()
    if found := _STARTED.search(text):
        return float(found[1])
    first = next(line for line in text.splitlines() if '"installation ' in line)
    local = datetime.strptime(json.loads(first)["time"], "%Y-%m-%d %H:%M:%S,%f")  # noqa: DTZ007  # as logged
    return local.astimezone().timestamp()


def difference(after: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    """How much each count has grown; without those that have not."""
    changed = {verb: count - before.get(verb, 0) for verb, count in after.items()}
    return {verb: count for verb, count in changed.items() if count}
