"""Counters in Prometheus' text format: the API server's, and the operator's."""

import re
from collections import Counter

import httpx2
from prometheus_client.parser import text_string_to_metric_families

_READS = frozenset({"GET", "LIST", "WATCH"})


def api_reads(text: str) -> Counter[str]:
    """`apiserver_request_total` of Slipway's resources, by verb: only reads, writes are in the audit log.

    A watch counts when it ends. The counters do not tell clients apart: besides the subject, nobody but
    kube-controller-manager (its garbage collector, one list and watch each) reads these resources.
    """
    lines = "\n".join(line for line in text.splitlines() if line.startswith("apiserver_request_total{"))
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(f"# TYPE apiserver_request_total counter\n{lines}\n"):
        for sample in family.samples:
            if sample.labels.get("group") == "slipway.dev" and sample.labels.get("verb") in _READS:
                found[sample.labels["verb"]] += int(sample.value)
    return found


def secret_reads(text: str) -> int:
    """`apiserver_request_total` of single Secrets that were read, by whoever: at rest that is the operator."""
    counter = re.compile(r"^apiserver_request_total\{(.*)\} (\S+)$", re.MULTILINE)
    return sum(
        int(float(value))
        for labels, value in counter.findall(text)
        if 'resource="secrets"' in labels and 'verb="GET"' in labels
    )


class OperatorMetrics:
    """The operator's /metrics."""

    def __init__(self, port: int) -> None:
        self._http = httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def passes(self) -> tuple[int, int]:
        """(passes so far, objects that wait for one)."""
        found = self._sums("slipway_reconcile_total", "slipway_queue_depth")
        return found["slipway_reconcile_total"], found["slipway_queue_depth"]

    def orphan_searches(self) -> int:
        """Searches for orphans so far."""
        return self._sums("slipway_orphan_sweeps_total")["slipway_orphan_sweeps_total"]

    def _sums(self, *names: str) -> Counter[str]:
        found: Counter[str] = Counter()
        for family in text_string_to_metric_families(self._http.get("/metrics").text):
            for sample in family.samples:
                if sample.name in names:
                    found[sample.name] += int(sample.value)
        return found
