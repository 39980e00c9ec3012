"""The cluster in memory, for tests that are not about the API server. The port's contract suite
(tests/integration/cluster_port) runs against it, too.

`objects` is what the API server stores, `nodes` plays controllers and kubelets. Nothing moves by itself:

    cluster = FakeCluster()
    await cluster.execute("ml", Create(workload))
    cluster.nodes.run()                                     # the pods are there, Pending
    cluster.nodes.unschedulable("ml", pod, "0/3 nodes …")   # or start, ready, crash, waiting, …
    cluster.nodes.settle()                                  # everything goes well
"""

import json
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Any, Literal

from slipway.domain.cluster.apis import BY_KIND, api_of
from slipway.domain.cluster.looks.observation import ObjectRef, Observation
from slipway.domain.cluster.marks import DEPLOYMENT_LABEL, Manifest, canary_name
from slipway.domain.cluster.optional.refusals import FIELDS as OPTIONAL
from slipway.domain.cluster.questions import Answer, PodRequest
from slipway.domain.cluster.rolls.steps import Annotate, Apply, Create, Delete, Scale, Step
from slipway.domain.errors import Conflict, NotFound, OutsideError, Rejected
from tests.testbed.fakes.kube_objects import KubeObjects, Place, labelled
from tests.testbed.fakes.kubelet import Nodes

Method = Literal["observe", "execute"]
AnswerOf = Callable[[Manifest, PodRequest], Answer]
"""What a pod answers."""


class FakeCluster:
    """Implements `slipway.targets.cluster.port.ClusterTarget`."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        lacks: Collection[str] = (),
        answer: AnswerOf | None = None,
    ) -> None:
        """`lacks`: kinds that the cluster does not have. `answer`: what running pods say; by default an engine that
        serves the commit that it was told to."""
        self.objects = KubeObjects(now)
        self.nodes = Nodes(self.objects)
        self.lacks = set(lacks)
        self.forbids: set[str] = set()
        """Kinds that may not be listed."""
        self.answer: AnswerOf = answer or engine_answer
        self.steps: list[Step] = []
        """What was carried out, in order."""
        self.logs: dict[str, str] = {}
        """By pod."""
        self.asked: list[tuple[str, PodRequest]] = []
        """(name of the pod, request)."""
        self.before_write: Callable[[Step], None] = lambda step: None
        self.after_write: Callable[[Step], None] = lambda step: None
        """May raise, as an operator that dies does."""
        self.denies: Callable[[Manifest], str | None] = lambda manifest: None
        """A validating webhook for what is created and applied: why it denies an object; None: it does not."""
        self.denied: list[Step] = []
        """What the webhook has denied, in order."""
        self._failures: dict[Method, list[OutsideError]] = {"observe": [], "execute": []}

    def fail(self, method: Method, error: OutsideError, *, times: int = 1) -> None:
        """The next calls of a method raise this, without any effect."""
        self._failures[method].extend([error] * times)

    def pods(self, namespace: str, labels: dict[str, str] | None = None) -> list[str]:
        """Names of the pods with these labels, those on their way out included."""
        found = self.objects.each("Pod", namespace)
        return [pod["metadata"]["name"] for pod in found if labelled(pod, labels or {})]

    def pods_of(self, namespace: str, child: str) -> list[str]:
        """Names of the pods of an apps/v1 Deployment or a Job, those on their way out included."""
        return [name for name in self.pods(namespace) if name.rpartition("-")[0] in (child, f"{child}-5d7f9c6b8d")]

    def remove_owner(self, uid: str) -> None:
        """Our own Deployment of this uid is gone, and the garbage collector takes what it owned."""
        for kind in BY_KIND:
            for item in self.objects.each(kind):
                if any(owner["uid"] == uid for owner in item["metadata"].get("ownerReferences", [])):
                    self.objects.remove(Place(item["metadata"]["namespace"], kind, item["metadata"]["name"]))
        self.nodes.run()

    async def observe(
        self,
        namespace: str,
        deployment: str,
        names: Collection[ObjectRef],
        kinds: Collection[str],
        *,
        at_rest: bool = False,
    ) -> Observation:
        """See the port."""
        self._raise("observe")
        asked = {"Service", "Pod", *kinds, *(ref.kind for ref in names)}
        labels = {DEPLOYMENT_LABEL: deployment}
        found: dict[ObjectRef, Manifest] = {}
        forbidden = {kind: _forbidden(kind) for kind in sorted((asked & self.forbids) - self.lacks)}
        for kind, words in forbidden.items():
            if kind not in OPTIONAL:
                raise Rejected("ApiServerRefused", words)
        for kind in sorted(asked - self.lacks - forbidden.keys() - {"Pod"}):
            for item in self.objects.each(kind, namespace):
                ref = ObjectRef(kind, item["metadata"]["name"])
                if labelled(item, labels) or ref in names:
                    found[ref] = item
        pods = tuple(pod for pod in self.objects.each("Pod", namespace) if labelled(pod, labels))
        return Observation(
            objects=found,
            pods=pods,
            routed=self._routed(namespace, deployment) if ObjectRef("Service", deployment) in found else None,
            canary=self._routed(namespace, canary_name(deployment)),
            missing=frozenset(asked & self.lacks),
            forbidden=forbidden,
        )

    def _routed(self, namespace: str, service: str) -> frozenset[str]:
        endpoints = self.objects.get(Place(namespace, "Endpoints", service)) or {}
        subsets = endpoints.get("subsets") or []
        return frozenset(address["targetRef"]["name"] for subset in subsets for address in subset["addresses"])

    async def execute(self, namespace: str, step: Step) -> None:
        """See the port."""
        self._raise("execute")
        self.before_write(step)
        self._admit(step)
        try:
            self._do(namespace, step)
        except NotFound as gone:
            if isinstance(step, Annotate | Scale):
                raise Conflict("Conflict", gone.message) from gone
            raise
        self.steps.append(step)
        self.after_write(step)

    def _admit(self, step: Step) -> None:
        """As the API server says it, and the adapter adds what it is about."""
        why = self.denies(step.manifest) if isinstance(step, Apply | Create) else None
        if why and isinstance(step, Apply | Create):
            self.denied.append(step)
            about = f"{step.manifest['kind']} {step.manifest['metadata']['name']}"
            text = f'{about}: admission webhook "policy.acme.org" denied the request: {why}'
            raise Rejected("ApiServerRefused", text)

    def _do(self, namespace: str, step: Step) -> None:
        match step:
            case Create():
                self.objects.create(self._known(namespace, step.manifest))
            case Apply():
                manifest, version = self._known(namespace, step.manifest), step.resource_version
                if step.whole and version is not None and "spec" in manifest:
                    place = Place(namespace, manifest["kind"], manifest["metadata"]["name"])
                    patched = self.objects.merge(place, {"spec": manifest["spec"]}, version)
                    version = patched["metadata"]["resourceVersion"]
                self.objects.apply(manifest, version)
            case Annotate():
                annotated = {"metadata": {"annotations": dict(step.annotations)}}
                self.objects.merge(Place(namespace, step.kind, step.name), annotated, step.resource_version)
            case Scale():
                scaled = {"spec": {"replicas": step.replicas}}
                self.objects.merge(Place(namespace, "Deployment", step.name), scaled, step.resource_version)
            case Delete():
                self._delete(Place(namespace, step.kind, step.name), step.uid)

    def _delete(self, place: Place, uid: str) -> None:
        there = self.objects.get(place)
        if there is not None and there["metadata"]["uid"] == uid:
            self.objects.delete(place, uid)

    def _known(self, namespace: str, manifest: Manifest) -> Manifest:
        api_of(manifest)
        if manifest["kind"] in self.lacks:
            raise NotFound("NotFound", "the server could not find the requested resource")
        asked = manifest["metadata"].get("namespace", namespace)
        if asked != namespace:
            raise ValueError(f"{manifest['kind']} {manifest['metadata']['name']} is for {asked}, not for {namespace}")
        return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}

    async def last_log(self, namespace: str, pod: str) -> str:
        """See the port. What a test has put into `logs`."""
        return self.logs.get(pod, "")

    async def ask(self, pod_ip: str, request: PodRequest, within: float) -> Answer:
        """See the port."""
        for pod in self.objects.each("Pod"):
            if pod["status"].get("podIP") == pod_ip:
                self.asked.append((pod["metadata"]["name"], request))
                if any("running" in one["state"] for one in pod["status"].get("containerStatuses", [])):
                    return self.answer(pod, request)
                return Answer(problem=f"no connection to {pod_ip}: connection refused")
        return Answer(latency=within, problem=f"no answer within {within:g} s")

    def _raise(self, method: Method) -> None:
        if self._failures[method]:
            raise self._failures[method].pop(0)


def _forbidden(kind: str) -> str:
    """The API server's words, and the adapter's advice."""
    api, user = BY_KIND[kind], "system:serviceaccount:slipway:slipway"
    what = f'resource "{api.plural}" in API group "{api.group}" in the namespace "ml"'
    return f'{api.plural}.{api.group} is forbidden: User "{user}" cannot list {what} (docs/rbac.md)'


def engine_answer(pod: Manifest, request: PodRequest) -> Answer:
    """An engine that has loaded what its container was told: TGI by REVISION, vLLM by --model."""
    container = pod["spec"]["containers"][0]
    told = {variable["name"]: variable.get("value") for variable in container.get("env", [])}
    words = [*container.get("command", []), *container.get("args", [])]
    answers: dict[str, Any] = {
        "/info": {"model_id": told.get("MODEL_ID"), "model_sha": told.get("REVISION") or _after(words, "--revision")},
        "/generate": {"generated_text": "Four."},
        "/v1/models": {"object": "list", "data": [_card(words, told)]},
        "/v1/completions": {"object": "text_completion", "choices": [{"index": 0, "text": "Four."}]},
    }
    if request.path not in answers:
        return Answer(status=404, latency=0.01, problem="HTTP 404: Not Found")
    return Answer(json.dumps(answers[request.path]).encode(), 0.25, status=200)


def _card(words: list[str], told: dict[str, Any]) -> dict[str, Any]:
    model = _after(words, "--model") or told.get("MODEL_ID") or ""
    return {"id": _after(words, "--served-model-name") or model, "object": "model", "root": model, "parent": None}


def _after(words: list[str], flag: str) -> str | None:
    for word, following in zip(words, [*words[1:], None], strict=False):
        if word == flag:
            return following
        if word.startswith(f"{flag}="):
            return word.partition("=")[2]
    return None
