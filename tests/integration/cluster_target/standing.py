"""How a Deployment in the cluster must stand when nothing is under way, and a client that asks all the while."""

import json
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

import httpx2

from slipway.domain.cluster.marks import FAILED, REVISION_LABEL, ROLLOUT, SERVED, SERVING, VERIFIED
from tests.integration.cluster_target.conftest import ClusterBench
from tests.testbed.node.bed import Object, condition

LONGEST = 120
"""Seconds for what usually takes a few: a crash at each write, new starts, and several lives at the same time."""
PROMPT = "Are you there?"
_COMMIT = re.compile(r"at commit ([0-9a-f]{40})")
_ASKING = 0.25
"""Seconds between two requests of the client."""


def reasons(status: Object) -> dict[str, str]:
    """Of the conditions that say how things are. What this cluster cannot do is none of these lives' business."""
    told = ("Ready", "Reconciling", "Stalled", "Drifted")
    return {each["type"]: each["reason"] for each in status.get("conditions", []) if each["type"] in told}


def stands(here: ClusterBench, stand: "Stand") -> None:
    """Until everything is exactly so."""
    wrong: list[str] = []

    def look() -> bool:
        wrong[:] = stand.differences(here)
        return not wrong

    try:
        here.bench.wait(look, f"{stand}", LONGEST)
    except AssertionError as late:
        raise AssertionError(f"{wrong}\n{late}") from None


@dataclass(frozen=True)
class Stand:
    """How a Deployment must stand when nothing is under way."""

    serving: str
    """The commit that answers, and nothing else."""
    pods: int
    without_pods: frozenset[str] = frozenset()
    """Commits whose revisions are kept."""
    failed: frozenset[str] = frozenset()
    """Those among them that are remembered to have failed."""
    stalled: str | None = None

    def differences(self, here: ClusterBench) -> list[str]:
        """What is otherwise. As long as the status says so itself, nothing else is asked: lives have one API server."""
        return self._of_status(here) or self._of_objects(here)

    def _of_status(self, here: ClusterBench) -> list[str]:
        wanted = {"Ready": "Serving"} | ({"Stalled": self.stalled} if self.stalled else {})
        status = here.bench.status("Deployment")
        found = reasons(status)
        wrong = [] if found == wanted else [f"conditions {found}"]
        serving = ((status.get("revision") or {}).get("serving") or {}).get("revision")
        wrong += [] if serving == self.serving else [f"{serving} serves"]
        counts = status.get("replicas"), status.get("readyReplicas")
        return wrong + ([] if counts == (self.pods, self.pods) else [f"replicas and ready ones {counts}"])

    def _of_objects(self, here: ClusterBench) -> list[str]:
        found, pods = children(here), servers(here)
        counts = {commit: child["spec"]["replicas"] for commit, child in found}
        wrong = [] if len(counts) == len(found) else [f"revisions of the same commit: {found}"]
        wanted = {self.serving: self.pods, **dict.fromkeys(self.without_pods, 0)}
        wrong += [] if counts == wanted else [f"pods of revisions {counts}"]
        failed = {commit for commit, child in found if FAILED in child["metadata"]["annotations"]}
        wrong += [] if failed == self.failed else [f"failed {failed}"]
        digest = next((child["metadata"]["labels"][REVISION_LABEL] for who, child in found if who == self.serving), "")
        there = Counter(pod["metadata"]["labels"][REVISION_LABEL] for pod in pods)
        wrong += [] if there == {digest: self.pods} else [f"pods {there}, not of {digest}"]
        ready = {pod["status"]["podIP"] for pod in pods if condition(pod, "Ready").get("status") == "True"}
        wrong += (
            [] if len(ready) == self.pods and routed(here) == ready else [f"{ready} are ready, {routed(here)} asked"]
        )
        return wrong + _misrouted(here, digest)


def _misrouted(here: ClusterBench, digest: str) -> list[str]:
    """What the Service selects and remembers, where it is not this revision alone."""
    service = here.bed.things.get("Service", "twin") or {"metadata": {}, "spec": {}}
    annotations = service["metadata"].get("annotations") or {}
    selected = (service["spec"].get("selector") or {}).get(REVISION_LABEL)
    wrong = [] if (selected, annotations.get(SERVING)) == (digest, digest) else [f"the Service is {service}"]
    wrong += ["there is a Service for a canary"] if here.bed.things.get("Service", "twin-canary") else []
    route = here.bed.things.get("HTTPRoute", "twin")
    led = [ref["name"] for rule in route["spec"]["rules"] for ref in rule["backendRefs"]] if route else ["twin"]
    wrong += [] if led == ["twin"] else [f"the route leads to {led}"]
    return wrong + (["a roll is under way"] if ROLLOUT in annotations else [])


def children(here: ClusterBench) -> list[tuple[str, Object]]:
    """The revisions' apps/v1 Deployments, with the commits that they serve."""
    found = here.bed.things.list("Deployment")
    return [(json.loads(each["metadata"]["annotations"][SERVED])["revision"], each) for each in found]


def digest_of(here: ClusterBench, commit: str) -> str | None:
    found = [child["metadata"]["labels"][REVISION_LABEL] for served, child in children(here) if served == commit]
    return str(found[0]) if found else None


def servers(here: ClusterBench) -> list[Object]:
    """Pods that serve or might, those that are on their way out among them."""
    return [pod for pod in here.bed.things.list("Pod") if REVISION_LABEL in pod["metadata"]["labels"]]


def routed(here: ClusterBench) -> set[str]:
    endpoints = here.bed.things.get("Endpoints", "twin") or {}
    return {each["ip"] for subset in endpoints.get("subsets") or [] for each in subset.get("addresses") or []}


def pods_run(here: ClusterBench, prefix: str) -> int:
    """How many pods with such a name have ever run. Nobody pays for a GPU twice because an operator has died."""
    return len(list((here.bed.nodes.folder / "logs").glob(f"{prefix}-*")))


def history(here: ClusterBench) -> list[tuple[str, str]]:
    return [(one["revision"], one["outcome"]) for one in here.bench.status("Deployment")["history"]]


def left_over(here: ClusterBench) -> list[str]:
    """What is there yet. A Secret for the namespace's own ServiceAccount is no business of ours."""
    kinds = ("Deployment", "ReplicaSet", "Pod", "Service", "Secret", "Job", "PersistentVolumeClaim")
    found = [each for kind in kinds for each in here.bed.things.list(kind)]
    return [each["metadata"]["name"] for each in found if each.get("type") != "kubernetes.io/service-account-token"]


def deleted(here: ClusterBench) -> None:
    """And nothing is left but what the cluster's garbage collector has still to take."""
    here.bench.cluster.delete("Deployment", here.bench.namespace, "twin")
    here.bench.wait_gone("Deployment", timeout=LONGEST)
    here.bench.wait(lambda: not left_over(here), "all is collected", LONGEST)
    every = "networkpolicies,poddisruptionbudgets,serviceaccounts,configmaps"
    labelled = ("-l", "slipway.dev/deployment=twin", "-o", "name")

    def left() -> str:
        return here.bench.plane.kubectl("get", every, "-n", here.bench.namespace, *labelled).stdout

    here.bench.wait(lambda: not left(), "all is collected", LONGEST)
    here.bench.wait(lambda: here.bed.nodes.processes() == {}, "no process is left", LONGEST)


@dataclass
class Client:
    """Asks all the time. Whatever answers must have been asked by the operator before."""

    here: ClusterBench
    problems: list[str] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    """Commits."""
    uids: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Of all apps/v1 Deployments that were ever seen, by name: nothing is made twice."""

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="client", daemon=True)

    def __enter__(self) -> "Client":
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)
        made_twice = {name: uids for name, uids in self.uids.items() if len(uids) > 1}
        if kind is None:
            assert (self.problems, made_twice) == ([], {})
            assert self.answered, "the client has seen nothing"

    def hears(self, commit: str) -> None:
        """Until it has an answer from this commit, which it may have asked a moment too early for."""
        self.here.bench.wait(lambda: commit in self.answered or self.problems, f"{commit} answers", LONGEST)

    def _ask(self) -> None:
        try:
            with self.here.bed.client() as http:
                while not self._stop.wait(_ASKING):
                    self._look(http)
        except Exception as problem:  # it is reported where the client is left
            self.problems.append(repr(problem))

    def _look(self, http: httpx2.Client) -> None:
        body = {"inputs": PROMPT, "parameters": {"max_new_tokens": 20}}
        try:
            answer = http.post(self.here.bed.url("twin", "/generate"), json=body)
        except httpx2.HTTPError:
            return  # what is lost in a roll is another test's business
        there = children(self.here)
        for _, child in there:
            self.uids[child["metadata"]["name"]].add(child["metadata"]["uid"])
        if answer.is_success:
            self._judge(str(answer.json()["generated_text"]), there)

    def _judge(self, text: str, there: Collection[tuple[str, Object]]) -> None:
        said = _COMMIT.search(text)
        if said is None:
            self.problems.append(f"an answer without a commit: {text!r}")
            return
        self.answered.add(said[1])
        proved = {commit for commit, child in there if VERIFIED in child["metadata"]["annotations"]}
        if said[1] not in proved:
            self.problems.append(f"{said[1]} answers, and only {proved} have been verified")
