"""Passes over a Deployment in the cluster, with the operator's own reconciler, as its user sees them."""

from typing import Any

import pytest

from slipway.domain.cluster.questions import Answer, PodRequest
from slipway.domain.errors import Rejected, Transient
from tests.testbed.fakes.cluster import engine_answer
from tests.unit.domain.builders import A, B
from tests.unit.reconcilers.harness import SDEP, Harness

CLUSTER = {"sageMaker": None, "cluster": {"gpus": 1}}
TGI = {"name": "TGI", "image": "registry.example.com/tgi-non-root:3.3.6"}
CHECK = {"check": {"prompt": "Two and two?"}}


class Life(Harness):
    """A Deployment in the cluster."""

    def begin(self, commit: str = A, **spec: Any) -> None:
        self.apply(commit, **{"target": CLUSTER, "engine": TGI, "replicas": 2, **spec})

    def rest(self, *, healthy: bool = True, limit: int = 80) -> None:
        """Passes until nothing is written and nothing is waited for."""
        for _ in range(limit):
            self.deliver()
            before = (self.kube.writes, len(self.cluster.steps), len(self.cluster.asked))
            again = self.one_pass()
            if healthy:
                self.cluster.nodes.settle()
            else:
                self.cluster.nodes.run()
            quiet = before == (self.kube.writes, len(self.cluster.steps), len(self.cluster.asked))
            if quiet and (again is None or again >= self.timing.rejected_longest) and not self._rolls():
                return
            self.clock.seconds += again or 0.0
        raise AssertionError(f"no rest: {self.describe()}")

    def _rolls(self) -> bool:
        return "Reconciling" in self.conditions()

    def reasons(self) -> dict[str, str]:
        """Reason of each condition, which is all True but Ready."""
        return {c.type: c.reason for c in self.live.status.conditions}

    def message(self, kind: str) -> str:
        return next(c.message for c in self.live.status.conditions if c.type == kind)

    def revisions(self) -> list[str]:
        """Names of the apps/v1 Deployments, the oldest first."""
        found = self.cluster.objects.each("Deployment", "ml")
        return [one["metadata"]["name"] for one in sorted(found, key=lambda one: one["metadata"]["creationTimestamp"])]

    def kinds(self) -> list[str]:
        return sorted({getattr(step, "manifest", {}).get("kind", "") for step in self.cluster.steps} - {""})


def _route(life: Life) -> dict[str, Any]:
    return next(life.cluster.objects.each("HTTPRoute", "ml"))


class TestServing:
    def test_the_commit_serves_and_says_where(self) -> None:
        life = Life()
        life.begin(rollout=CHECK)
        life.rest()
        status = life.live.status
        assert life.reasons() == {"Ready": "Serving"}
        assert status.revision.serving
        assert status.revision.serving.revision == A
        assert status.revision.serving.verified == "Engine"
        assert status.endpoint
        assert status.endpoint.url == "http://twin.ml.svc.cluster.local/v1"
        assert status.placement
        assert status.placement.target == "Cluster"
        assert (status.replicas, status.ready_replicas) == (2, 2)
        assert status.check
        assert status.check.outcome == "Passed"
        assert status.attempt
        assert status.attempt.outcome == "Succeeded"

    def test_clients_read_the_binding(self) -> None:
        life = Life()
        life.begin()
        life.rest()
        assert life.secret
        assert life.secret["provider"] == "cluster"
        assert life.secret["uri"] == "http://twin.ml.svc.cluster.local/v1"
        assert life.secret["model"]
        assert "region" not in life.secret

    def test_nothing_needs_a_finalizer(self) -> None:
        life = Life()
        life.begin()
        life.rest()
        assert not life.live.metadata.finalizers

    def test_at_rest_a_pass_writes_nothing(self) -> None:
        life = Life()
        life.begin()
        life.rest()
        before = (life.kube.writes, len(life.cluster.steps))
        for _ in range(3):
            life.one_pass()
        assert before == (life.kube.writes, len(life.cluster.steps))

    def test_sagemaker_is_not_asked_anything(self) -> None:
        life = Life()
        life.begin()
        life.rest()
        assert not life.world.sent

    def test_until_then_it_says_what_it_waits_for(self) -> None:
        life = Life()
        life.begin()
        for _ in range(12):
            life.deliver()
            life.one_pass()
            life.cluster.nodes.run()
        assert life.reasons()["Ready"] == "Creating"
        for pod in life.cluster.pods("ml"):
            life.cluster.nodes.unschedulable("ml", pod, "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.")
        life.deliver()
        life.one_pass()
        assert life.reasons()["Ready"] == "Unschedulable"
        assert "nvidia.com/gpu" in life.message("Ready")


class TestRolls:
    def test_another_commit_comes_into_service(self) -> None:
        life = Life()
        life.begin()
        life.rest()
        life.resolve(B)
        life.rest()
        status = life.live.status
        assert status.revision.serving
        assert status.revision.previous
        assert (status.revision.serving.revision, status.revision.previous.revision) == (B, A)
        assert [(entry.revision, entry.outcome) for entry in status.history] == [(B, "Serving"), (A, "Replaced")]

    def test_meanwhile_the_old_one_is_said_to_serve(self) -> None:
        life = Life()
        life.begin()
        life.rest()
        life.resolve(B)
        for _ in range(8):
            life.deliver()
            life.one_pass()
            life.cluster.nodes.run()
        reasons = life.reasons()
        assert (reasons["Ready"], reasons["Reconciling"]) == ("Serving", "Rolling")
        assert life.live.status.revision.serving
        assert life.live.status.revision.serving.revision == A
        assert life.live.status.attempt
        assert life.live.status.attempt.outcome == "InProgress"

    def test_a_crash_loop_is_rolled_back_in_the_pods_own_words(self) -> None:
        life = Life()
        life.begin()
        life.rest()
        life.resolve(B)
        for _ in range(60):
            life.deliver()
            life.one_pass()
            life.cluster.nodes.run()
            _crash_those_of(life, B, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.")
        assert life.reasons() == {"Ready": "Serving", "Stalled": "OutOfGpuMemory"}
        assert "Tried to allocate 2.00 GiB" in life.message("Stalled")
        status = life.live.status
        assert status.attempt
        assert (status.attempt.outcome, status.attempt.reason) == ("Failed", "OutOfGpuMemory")
        assert status.history[0].outcome == "Failed"
        assert (status.replicas, status.ready_replicas) == (2, 2)

    def test_a_failed_check_is_rolled_back(self) -> None:
        life = Life()
        life.begin(rollout=CHECK)
        life.rest()

        def silent(pod: Any, request: PodRequest) -> Answer:
            if request.path == "/generate":
                return Answer(b'{"generated_text": " "}', 0.1, status=200)
            return engine_answer(pod, request)

        life.cluster.answer = silent
        life.resolve(B)
        life.rest()
        assert life.reasons() == {"Ready": "Serving", "Stalled": "CheckFailed"}
        assert life.live.status.check
        assert life.live.status.check.tries == 3

    def test_an_engine_that_serves_another_commit_never_gets_a_request(self) -> None:
        life = Life()
        life.cluster.answer = lambda pod, request: (
            Answer(b'{"model_sha": "' + b"c" * 40 + b'"}', 0.1, status=200)
            if request.path == "/info"
            else engine_answer(pod, request)
        )
        life.begin()
        life.rest()
        assert life.reasons() == {"Ready": "WrongRevision", "Stalled": "WrongRevision"}
        assert "c" * 40 in life.message("Stalled")

    def test_pods_that_nobody_can_ask_are_given_up_in_time(self) -> None:
        life = Life()
        life.begin()
        life.rest()
        life.cluster.answer = lambda pod, request: Answer(b"", 0.1, problem="Connection reset by peer")
        life.resolve(B)
        for _ in range(200):
            life.deliver()
            again = life.one_pass()
            life.cluster.nodes.settle()
            life.clock.seconds += again or 60.0
            if "Stalled" in life.reasons():
                break
            assert life.live.status.ready_replicas == 2
        assert life.clock.seconds >= 1800
        life.rest()
        assert life.reasons() == {"Ready": "Serving", "Stalled": "NotVerified"}
        assert "Connection reset by peer" in life.message("Stalled")
        assert "a mesh that lets in only its own members" in life.message("Stalled")
        assert [len(life.cluster.pods_of("ml", name)) for name in life.revisions()] == [2, 0]

    def test_an_operator_that_was_away_asks_more_than_once(self) -> None:
        life = Life()
        life.begin()
        life.rest()
        answering = life.cluster.answer
        life.cluster.answer = lambda pod, request: Answer(b"", 0.1, problem="timed out")
        life.resolve(B)
        for _ in range(40):
            life.deliver()
            life.one_pass()
            life.cluster.nodes.settle()
            if life.reasons().get("Reconciling") == "NotVerified":
                break
        life.clock.seconds += 7200
        life.tools.retries.clear(SDEP)  # the new process remembers nothing
        life.deliver()
        life.one_pass()
        assert life.reasons()["Reconciling"] == "NotVerified"
        life.cluster.answer = answering
        life.rest()
        assert life.live.status.revision.serving
        assert life.live.status.revision.serving.revision == B

    def test_a_canary_by_the_weights_of_a_route(self) -> None:
        life = Life()
        route = {"httpRoute": {"parentRefs": [{"name": "public"}], "hostnames": ["twin.example.com"]}}
        steps = {"shift": "Canary", "stepPercent": 10, "stepInterval": "10m"}
        target = {"sageMaker": None, "cluster": {"gpus": 1, "expose": route}}
        life.begin(target=target, rollout={"blueGreen": steps})
        life.rest()
        life.resolve(B)
        said = set()
        for _ in range(60):
            life.deliver()
            again = life.one_pass()
            life.cluster.nodes.settle()
            weights = [ref.get("weight") for ref in _route(life)["spec"]["rules"][0]["backendRefs"]]
            if weights == [90, 10]:
                said.add(life.message("Reconciling").partition("pods are ready, ")[2])
            life.clock.seconds += again or 0.0
        assert "10 % of the requests by the HTTPRoute go to them)" in said
        life.rest()
        assert life.live.status.revision.serving
        assert life.live.status.revision.serving.revision == B
        assert _route(life)["spec"]["rules"] == [{"backendRefs": [{"name": "twin", "port": 80}]}]
        assert [service["metadata"]["name"] for service in life.cluster.objects.each("Service", "ml")] == ["twin"]

    def test_without_its_model_version_what_serves_is_kept(self) -> None:
        life = Life()
        life.begin()
        life.rest()
        steps = len(life.cluster.steps)
        life.resolve(None)
        life.rest()
        assert life.reasons() == {"Ready": "Serving", "Stalled": "ModelVersionNotFound"}
        assert len(life.cluster.steps) == steps


def _crash_those_of(life: Life, commit: str, words: str) -> None:
    for pod in list(life.cluster.objects.each("Pod", "ml")):
        name = pod["metadata"]["name"]
        if "deletionTimestamp" in pod["metadata"]:
            life.cluster.nodes.end("ml", name)
        elif commit in str(pod["spec"]):
            life.cluster.nodes.crash("ml", name, message=words)


class TestRefusals:
    def test_what_the_api_server_refuses_is_said_in_its_words(self) -> None:
        life = Life()
        life.cluster.fail("execute", Rejected("ApiServerRefused", 'admission webhook "policy" denied: no latest tag'))
        life.begin()
        life.deliver()
        life.one_pass()
        assert life.reasons()["Stalled"] == "ApiServerRefused"
        assert "no latest tag" in life.message("Stalled")

    def test_an_api_server_that_does_not_answer_is_asked_again(self) -> None:
        life = Life()
        life.cluster.fail("observe", Transient("ApiServerUnreachable", "connection refused"))
        life.begin()
        life.rest()
        assert life.reasons() == {"Ready": "Serving"}

    @pytest.mark.parametrize(
        ("spec", "words"),
        [
            ({"deletionPolicy": "Retain"}, "--cascade=orphan"),
            ({"rollout": {"alarms": [{"name": "pager"}]}}, "CloudWatch"),
            ({"rollout": {"strategy": "Rolling"}, "replicas": 1}, "two replicas"),
            ({"autoscaling": {"provider": "HPA", "maxReplicas": 3}, "replicas": 2}, "not both"),
            ({"engine": {"env": [{"name": "MODEL_ID", "value": "x"}]}}, "MODEL_ID"),
        ],
    )
    def test_a_spec_that_cannot_be_had(self, spec: dict[str, Any], words: str) -> None:
        life = Life()
        engine = TGI | spec.get("engine", {})
        life.begin(**{**spec, "engine": engine})
        life.rest()
        assert life.reasons() == {"Ready": "InvalidSpec", "Stalled": "InvalidSpec"}
        assert words in life.message("Stalled")
        assert not life.cluster.steps

    def test_the_kind_of_target_cannot_change(self) -> None:
        life = Life()
        life.begin()
        life.rest()
        life.edit(
            target={
                "cluster": None,
                "sageMaker": {
                    "region": "eu-central-1",
                    "executionRoleArn": "arn:aws:iam::123456789012:role/x",
                    "instanceType": "ml.g5.xlarge",
                },
            }
        )
        life.rest()
        assert life.reasons() == {"Ready": "Serving", "Stalled": "PlacementChanged"}
        assert not life.world.sent

    def test_what_the_cluster_lacks_is_left_out_and_said(self) -> None:
        life = Life()
        life.cluster.lacks = {"PodDisruptionBudget", "HTTPRoute"}
        route = {"httpRoute": {"parentRefs": [{"name": "gateway"}], "hostnames": ["twin.example.com"]}}
        life.begin(target={"sageMaker": None, "cluster": {"expose": route}})
        life.rest()
        assert life.reasons() == {"Ready": "Serving", "OptionalApiMissing": "OptionalApiMissing"}
        assert "HTTPRoute" in life.message("OptionalApiMissing")
        assert life.live.status.endpoint
        assert life.live.status.endpoint.url == "http://twin.ml.svc.cluster.local/v1"

    def test_a_route_gives_the_public_url(self) -> None:
        life = Life()
        route = {"httpRoute": {"parentRefs": [{"name": "gateway"}], "hostnames": ["twin.example.com"]}}
        life.begin(target={"sageMaker": None, "cluster": {"expose": route}})
        life.rest()
        assert life.live.status.endpoint
        assert life.live.status.endpoint.url == "https://twin.example.com/v1"


class TestEnd:
    def test_expired_pods_go_and_the_object_stays(self) -> None:
        life = Life()
        life.begin(expireAfter="1h")
        life.rest()
        life.clock.seconds += 4000
        for _ in range(20):
            life.deliver()
            life.one_pass()
            life.cluster.nodes.settle()
        assert life.reasons() == {"Ready": "Expired", "Stalled": "Expired"}
        assert not life.cluster.pods("ml")
        assert not list(life.cluster.objects.each("Deployment", "ml"))
        assert not list(life.cluster.objects.each("Service", "ml"))
        assert SDEP in life.kube.objects

    def test_replicas_zero(self) -> None:
        life = Life()
        life.begin()
        life.rest()
        life.edit(replicas=0)
        life.rest()
        assert life.reasons() == {"Ready": "ScaledToZero"}
        assert not life.cluster.pods("ml")


class TestAutoscaling:
    def test_the_autoscaler_refers_to_what_serves(self) -> None:
        life = Life()
        life.begin(replicas=None, autoscaling={"provider": "HPA", "minReplicas": 2, "maxReplicas": 5})
        life.rest()
        (scaler,) = life.cluster.objects.each("HorizontalPodAutoscaler", "ml")
        assert life.live.status.revision.serving
        assert scaler["spec"]["scaleTargetRef"]["name"] == life.live.status.revision.serving.config
        assert life.live.status.replicas == 2
        life.resolve(B)
        life.rest()
        (scaler,) = life.cluster.objects.each("HorizontalPodAutoscaler", "ml")
        assert life.live.status.revision.serving.revision == B
        assert scaler["spec"]["scaleTargetRef"]["name"] == life.live.status.revision.serving.config
