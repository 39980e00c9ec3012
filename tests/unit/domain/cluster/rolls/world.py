"""A Deployment and a cluster in memory, one pass after the other: what the reconciler does, without its reports."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from slipway.api.v1alpha1.cluster_target import HttpRoute
from slipway.api.v1alpha1.deployment_status import CheckStatus
from slipway.api.v1alpha1.engine import Engine
from slipway.api.v1alpha1.rollout import Rollout
from slipway.domain import prompt_check
from slipway.domain.cluster import questions
from slipway.domain.cluster.looks import views
from slipway.domain.cluster.looks.memory import served_annotation
from slipway.domain.cluster.looks.observation import Diagnosis, ObjectRef
from slipway.domain.cluster.manifests.service import canary_service
from slipway.domain.cluster.manifests.wanted import Wanted
from slipway.domain.cluster.marks import (
    DEPLOYMENT_LABEL,
    NOBODY,
    PREFETCH,
    REVISION_LABEL,
    ROLE_LABEL,
    SERVED,
    SERVER,
    Manifest,
)
from slipway.domain.cluster.optional.routes import route
from slipway.domain.cluster.rolls.plan import plan, verified
from slipway.domain.cluster.rolls.roll import failure
from slipway.domain.cluster.rolls.situation import Plan, Question, Situation
from slipway.domain.cluster.subject import Subject, marked
from slipway.domain.errors import Conflict
from slipway.domain.names import digest
from slipway.domain.revisions import rollout_digest
from slipway.domain.served import ServedModel
from tests.testbed.fakes.cluster import FakeCluster
from tests.testbed.fakes.kube_objects import Place

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SUBJECT = Subject("ml", "twin", "00000000-0000-0000-0000-000000000001")
KINDS = (
    "Deployment", "Service", "ServiceAccount", "PodDisruptionBudget", "Job", "HorizontalPodAutoscaler",
    "PersistentVolumeClaim", "HTTPRoute",
)  # fmt: skip


def commit(number: int) -> str:
    """A commit."""
    return f"{number:040x}"


def wanted(number: int, *, engine: str = "TGI", beside: tuple[Manifest, ...] = ()) -> Wanted:
    """The objects of one commit, with a pod template that is as small as can be."""
    served = ServedModel("acme/twin", commit(number), "twin")
    revision = digest([engine, served.revision], 10)
    labels = {DEPLOYMENT_LABEL: SUBJECT.name, REVISION_LABEL: revision, ROLE_LABEL: SERVER}
    container = {"name": "engine", "image": "engine:1", "env": [{"name": "REVISION", "value": served.revision}]}
    annotation = served_annotation(served, image="engine:1", engine=engine, model="acme/twin")
    workload = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": SUBJECT.metadata(f"twin-{revision}", revision=revision, annotations={SERVED: annotation}),
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": SUBJECT.metadata("twin"),
        "spec": {"ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]},
    }
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": SUBJECT.metadata("twin")}
    return Wanted(
        served=served,
        image="engine:1",
        revision=revision,
        workload=marked(workload),
        service=marked(service),
        beside=(marked(account), *beside),
        url="http://twin.ml.svc.cluster.local/v1",
        model="acme/twin",
    )


def with_cache(found: Wanted) -> Wanted:
    """The same with a volume, and the Job that loads the commit onto it."""
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": SUBJECT.metadata("twin-weights"),
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    labels = {DEPLOYMENT_LABEL: SUBJECT.name, ROLE_LABEL: PREFETCH}
    container = {"name": "prefetch", "image": "engine:1", "env": [{"name": "REVISION", "value": found.served.revision}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], "restartPolicy": "Never"}}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": SUBJECT.metadata(f"twin-load-{found.revision[:8]}"),
        "spec": {"template": template},
    }
    return replace(found, beside=(*found.beside, marked(claim)), prefetch=marked(job))


def with_route(found: Wanted) -> Wanted:
    """The same with a route, and a Service for its canaries."""
    asked = HttpRoute.model_validate({"parentRefs": [{"name": "public"}], "hostnames": ["twin.example.com"]})
    return replace(found, optional=(route(SUBJECT, asked),), canary=canary_service(SUBJECT))


@dataclass
class World:
    """Everything between two passes."""

    commit: int = 1
    rollout: dict[str, Any] = field(default_factory=dict)
    replicas: int | None = 2
    trigger: str | None = None
    autoscaler: Manifest | None = None
    drift: Literal["Correct", "Report"] = "Correct"
    cache: bool = False
    """Whether there is a volume, and a Job that loads it."""
    route: bool = False
    """Whether there is an HTTPRoute."""
    remembered: str | None = None
    """What the status says that serves: the name of its apps/v1 Deployment."""
    checked: CheckStatus | None = None
    now: datetime = START
    diagnosis: Diagnosis | None = None
    """What ails the wanted revision's pods."""
    cluster: FakeCluster = field(init=False)
    plans: list[Plan] = field(default_factory=list)

    def __post_init__(self) -> None:
        """The cluster's clock is the world's."""
        self.cluster = FakeCluster(now=lambda: self.now)

    @property
    def wanted(self) -> Wanted:
        """What is asked for now."""
        found = with_cache(wanted(self.commit)) if self.cache else wanted(self.commit)
        return with_route(found) if self.route else found

    async def look(self) -> Situation:
        """What a pass starts from."""
        asked = self.wanted
        found = (*asked.beside, asked.service, asked.workload, *((asked.canary,) if asked.canary else ()))
        names = [ObjectRef(manifest["kind"], manifest["metadata"]["name"]) for manifest in found]
        seen = await self.cluster.observe(SUBJECT.namespace, SUBJECT.name, names, KINDS)
        rollout = Rollout.model_validate(self.rollout)
        situation = Situation(
            subject=SUBJECT,
            wanted=asked,
            seen=seen,
            rollout=rollout,
            now=self.now,
            replicas=self.replicas,
            autoscaler=self.autoscaler,
            remembered=self.remembered,
            drift=self.drift,
            checked=self.checked,
            diagnosis=self.diagnosis,
            trigger=self.trigger,
            rollout_digest=rollout_digest(rollout),
        )
        return situation if situation.serving else replace(situation, autoscaler=None)  # there is nothing to scale yet

    async def step(self) -> Plan:
        """One pass."""
        situation = await self.look()
        found = plan(situation)
        self.plans.append(found)
        self.remembered = situation.serving.name if situation.serving else None  # reported before anything is done
        try:
            for step in found.steps:
                await self.cluster.execute(SUBJECT.namespace, step)
            if found.question:
                await self._ask(situation, found.question)
        except Conflict:
            return found  # the next pass looks again
        return found

    async def _ask(self, situation: Situation, question: Question) -> None:
        ip = question.pod.ip or ""
        if question.verify:
            answer = await self.cluster.ask(ip, questions.identity_request("TGI"), 10)
            said = questions.served_commit("TGI", answer.body)
            how = "Engine" if said == situation.wanted.served.revision else "Arguments"
            await self.cluster.execute(SUBJECT.namespace, verified(question.child, how))
            return
        check = situation.rollout.check
        assert check
        request = questions.prompt(check, Engine.model_validate({"name": "TGI"}), "acme/twin")
        answer = await self.cluster.ask(ip, request, 60)
        self.checked = prompt_check.judged(question.child.name, "TGI", answer, self.checked, self.now)

    def end_those_that_leave(self) -> None:
        """Pods that have been deleted are gone."""
        for pod in list(self.cluster.objects.each("Pod", SUBJECT.namespace)):
            if "deletionTimestamp" in pod["metadata"]:
                self.cluster.nodes.end(SUBJECT.namespace, pod["metadata"]["name"])
        self.cluster.nodes.run()

    async def rest(self, *, healthy: bool = True, limit: int = 60) -> Plan:
        """Pass after pass, until a pass does nothing and waits for nothing."""
        for _ in range(limit):
            found = await self.step()
            if healthy:
                self.cluster.nodes.settle()
            else:
                self.cluster.nodes.run()
            idle = not found.steps and not found.question
            if idle and found.look_again is None:
                return found
            if idle and found.look_again:
                self.now += timedelta(seconds=found.look_again)
        raise AssertionError(f"no rest after {limit} passes: {self.plans[-3:]}")

    async def routing(self) -> views.Routing:
        """The Service as it is."""
        found = (await self.look()).routing
        assert found
        return found

    async def serving(self) -> str | None:
        """Commit that has proved itself."""
        situation = await self.look()
        child = situation.serving
        return child.served.revision if child and child.served else None

    async def gets_requests(self) -> set[str]:
        """Commits whose pods get requests, by the Service or by the route."""
        situation = await self.look()
        routed = situation.seen.routed or frozenset()
        if self.weights().get("twin-canary"):
            routed |= situation.seen.canary
        return {
            child.served.revision
            for child in situation.children.values()
            if child.served and any(pod.name in routed for pod in situation.pods_of(child.revision))
        }

    def weights(self) -> dict[str, int]:
        """How the route divides the requests between Services."""
        found = self.cluster.objects.get(Place(SUBJECT.namespace, "HTTPRoute", "twin"))
        refs = found["spec"]["rules"][0]["backendRefs"] if found else []
        return {ref["name"]: ref.get("weight", 1) for ref in refs}

    async def counts(self) -> dict[str, int]:
        """Replicas by commit."""
        children = (await self.look()).children.values()
        return {child.served.revision: child.replicas for child in children if child.served}

    def pods_of(self, number: int) -> list[str]:
        """Names of the pods of a commit."""
        return self.cluster.pods_of(SUBJECT.namespace, wanted(number).workload["metadata"]["name"])


__all__ = ["NOBODY", "START", "SUBJECT", "World", "commit", "failure", "wanted"]
