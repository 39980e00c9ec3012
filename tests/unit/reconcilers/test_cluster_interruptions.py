"""What comes between the passes over a Deployment in the cluster: expiry that is taken back, a status that is lost, a
Service that somebody deletes, as its user sees them."""

from typing import Any

import pytest

from slipway.domain.cluster.looks.observation import ObjectRef
from slipway.domain.cluster.rolls.steps import Apply, Step
from tests.testbed.fakes.kube_objects import Place
from tests.unit.domain.builders import A, B
from tests.unit.reconcilers.harness import SDEP
from tests.unit.reconcilers.test_cluster import CHECK, Life

SERVICE = Place("ml", "Service", "twin")
CACHED = {"sageMaker": None, "cluster": {"gpus": 1, "cache": {"size": "10Gi"}}}


def serving(**spec: Any) -> Life:
    life = Life()
    life.begin(**spec)
    life.rest()
    assert life.reasons() == {"Ready": "Serving"}
    return life


def some_passes(life: Life, number: int) -> None:
    for _ in range(number):
        life.deliver()
        life.one_pass()
        life.cluster.nodes.settle()


def lose_the_status(life: Life) -> None:
    life.kube.put(SDEP, {key: value for key, value in life.kube.objects[SDEP].items() if key != "status"})


def of_the_serving_revision(life: Life) -> str:
    found = life.live.status.revision.serving
    assert found
    return found.revision


class TestTheStatus:
    def test_a_service_that_is_deleted_changes_nothing_in_it(self) -> None:
        life = serving(rollout=CHECK)
        asked = len(life.cluster.asked)
        life.cluster.objects.delete(SERVICE)
        for _ in range(6):
            some_passes(life, 1)
            assert of_the_serving_revision(life) == A
        assert life.reasons() == {"Ready": "Serving"}
        assert len(life.cluster.asked) == asked

    def test_a_strangers_service_in_its_place_serves_nobody(self) -> None:
        life = serving()
        life.cluster.objects.delete(SERVICE)
        stranger = {"name": "twin", "namespace": "ml"}
        port = {"port": 80, "protocol": "TCP"}
        life.cluster.objects.create(
            {"apiVersion": "v1", "kind": "Service", "metadata": stranger, "spec": {"ports": [port]}}
        )
        some_passes(life, 2)
        assert life.reasons() == {"Ready": "NameConflict", "Stalled": "NameConflict"}
        assert len(life.cluster.pods("ml")) == 2
        life.cluster.objects.delete(SERVICE)
        life.rest()
        assert life.reasons() == {"Ready": "Serving"}

    @pytest.mark.parametrize("after", range(0, 14, 2))
    def test_one_that_is_lost_in_a_roll_shows_no_unproven_revision(self, after: int) -> None:
        life = serving(rollout=CHECK)
        life.resolve(B)
        some_passes(life, after)
        lose_the_status(life)
        for _ in range(10):
            some_passes(life, 1)
            prompted = {pod for pod, request in life.cluster.asked if request.path == "/generate"}
            assert of_the_serving_revision(life) == A or len(prompted) > 1
        life.rest()
        assert of_the_serving_revision(life) == B
        assert life.reasons() == {"Ready": "Serving"}

    def test_at_rest_nothing_is_written_to_get_it_back_but_itself(self) -> None:
        life = serving()
        steps = len(life.cluster.steps)
        lose_the_status(life)
        life.rest()
        assert of_the_serving_revision(life) == A
        assert len(life.cluster.steps) == steps


class TestExpiry:
    @pytest.mark.parametrize("after", [1, 20])
    def test_it_serves_again_when_it_is_taken_back(self, after: int) -> None:
        life = serving(rollout=CHECK)
        life.clock.seconds += 4000
        life.edit(expireAfter="1h")
        some_passes(life, after)
        life.edit(expireAfter=None)
        life.rest()
        assert life.reasons() == {"Ready": "Serving"}
        assert of_the_serving_revision(life) == A
        assert life.live.status.ready_replicas == 2


class TestQuestions:
    def test_they_are_asked_although_something_beside_never_becomes_as_it_should(self) -> None:
        life = serving(rollout=CHECK)
        policy = next(life.cluster.objects.each("NetworkPolicy", "ml"))["metadata"]["name"]
        place = Place("ml", "NetworkPolicy", policy)

        def change(step: Step) -> None:
            if isinstance(step, Apply) and step.manifest["kind"] == "NetworkPolicy":
                life.cluster.objects.merge(place, {"metadata": {"labels": {"app.kubernetes.io/instance": "mine"}}})

        life.cluster.after_write = change
        life.cluster.objects.merge(place, {"metadata": {"labels": {"app.kubernetes.io/instance": "mine"}}})
        life.resolve(B)
        for _ in range(60):
            life.deliver()
            again = life.one_pass()
            life.cluster.nodes.settle()
            life.clock.seconds += again or 0.0
        assert of_the_serving_revision(life) == B
        assert "Drifted" in life.reasons()


class TestTheCache:
    def test_what_serves_stays_on_the_volume_although_the_status_is_lost(self) -> None:
        life = serving(target=CACHED)
        life.resolve(B)
        lose_the_status(life)
        some_passes(life, 3)
        jobs = {
            ObjectRef("Job", job["metadata"]["name"]): str(job["spec"])
            for job in life.cluster.objects.each("Job", "ml")
            if B in str(job["spec"])
        }
        assert len(jobs) == 1
        assert A in next(iter(jobs.values()))

    def test_a_job_that_has_given_up_is_tried_again_on_demand(self) -> None:
        life = serving(target=CACHED)
        life.resolve(B)
        for _ in range(3):
            life.deliver()
            life.one_pass()
            life.cluster.nodes.run()
        (job,) = (job["metadata"]["name"] for job in life.cluster.objects.each("Job", "ml") if B in str(job["spec"]))
        life.cluster.nodes.finish_job("ml", job, succeeded=False, message="Job has reached the backoff limit")
        life.deliver()
        life.one_pass()
        assert life.reasons()["Ready"] == "Serving"
        assert "Stalled" in life.reasons()
        before = life.cluster.objects.get(Place("ml", "Job", job))
        life.trigger("now")
        for _ in range(3):
            life.deliver()
            life.one_pass()
        after = life.cluster.objects.get(Place("ml", "Job", job))
        assert before
        assert after
        assert after["metadata"]["uid"] != before["metadata"]["uid"]
        life.rest()
        assert of_the_serving_revision(life) == B
