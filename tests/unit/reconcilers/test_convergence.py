"""Whatever happens, in whatever order: the world comes to rest, in the right place, and nothing is lost on the way.

A state machine changes specs, commits, the world, and kills the process between any two effects. The passes are the
operator's own, and so are `plan`, `revised` and `next_status` in them; the status is plain data in an API server of
two dictionaries.
"""

from collections.abc import Hashable
from copy import deepcopy

from hypothesis import HealthCheck, event, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from slipway.api.v1alpha1 import RECONCILE_NOW
from slipway.domain.binding import entries
from slipway.domain.expiry import has_expired
from slipway.domain.names import TAG_RETAINED, Owner
from slipway.domain.revisions import rollout_digest
from slipway.domain.sagemaker.failures import CAPACITY, classify_failure
from slipway.domain.sagemaker.observation import EndpointState
from tests.unit.domain.builders import A, B, C, Json
from tests.unit.reconcilers.harness import ADOPTERS, MV, Harness
from tests.unit.reconcilers.world import Fault, World, WorldConfig, WorldModel

ENDPOINT = "ml-twin"
COMMITS = st.sampled_from([A, B, C])
FAULTS = st.lists(
    st.sampled_from([None, *Fault.__args__]),  # type: ignore[attr-defined]
    max_size=2,
)
ERRORS = {"metric": "Invocation5XXErrors", "threshold": 1.0, "statistic": "Sum"}
CHECK = {"prompt": "Are you there?"}
ROLLOUTS = st.fixed_dictionaries(
    {},
    optional={
        "check": st.just(CHECK),
        "blueGreen": st.sampled_from([{"shift": "Canary", "stepPercent": 10}, {"shift": "AllAtOnce"}]),
        "alarms": st.sampled_from(
            [[{"name": "pager"}], [{"metric": "ModelLatency", "threshold": 5e6}], [{"name": "pager"}, ERRORS]]
        ),
    },
)
SECRET = "twin-binding"
FOREIGN = {"metadata": {"name": SECRET, "resourceVersion": "1"}, "type": "Opaque", "data": {"password": "c2VjcmV0"}}
NEIGHBOUR = Owner("here", "ml", "twin-2", "uid-n")


class Life(RuleBasedStateMachine):
    """One Deployment from its creation to its end, and to its successor of the same name."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(
            protected=self._protected,
            on_try=self._tried,
            on_failure=self._failed,
            on_scaling=self._scaled,
            on_scaling_failure=self._not_scaled,
            may_adopt=self._may_adopt,
        )
        self.world.alarms["pager"] = "OK"
        self.world.models["neighbour"] = WorldModel(NEIGHBOUR.tags(), {})
        self.world.configs["neighbour"] = WorldConfig(NEIGHBOUR.tags(), "neighbour", 1)
        self.harness = Harness(self.world, rules=(ADOPTERS,))
        self.triggers = 0
        self.meddling = 0
        """How often somebody else changed something: permits another try of what failed."""
        self.failed: dict[str, Hashable] = {}
        """Configs that failed for another reason than capacity, and under which circumstances."""
        self.retried: list[str] = []
        self.not_scaled: tuple[Hashable, float] | None = None
        """The circumstances of the last change of the count that found no capacity, and until when it has to rest."""
        self.asked_to_scale: Hashable = None
        """The circumstances under which another count was asked for last."""
        self.hurried = 0
        """How often it was repeated before that."""

    # What must be kept

    def _protected(self) -> set[str]:
        """What the stored status promises to keep, while the object is not being deleted and has not expired."""
        found = self.harness.deployment
        if found is None or found.metadata.deletion_timestamp or has_expired(found, self.harness.clock.now()):
            return set()
        kept = (found.status.revision.serving, found.status.revision.previous)
        return {entry.config for entry in kept if entry}

    def _may_adopt(self) -> bool:
        found = self.harness.deployment
        return bool(found and found.spec.target.sage_maker and found.spec.target.sage_maker.adopt)

    def _circumstances(self) -> Hashable:
        found = self.harness.deployment
        metadata = found.metadata if found else None
        model = self.harness.kube.objects.get(MV, {}).get("metadata", {}).get("resourceVersion")
        # A request for another try that comes while one is under way counts for the next one.
        trigger = found.status.attempt.trigger if found and found.status.attempt else None
        return (metadata and (metadata.uid, metadata.generation), trigger, self.meddling, model)

    def _scaled(self) -> None:
        circumstances, until = self.not_scaled or (None, 0.0)
        self.asked_to_scale = self._circumstances_of_the_count()
        if circumstances == self.asked_to_scale and self.harness.clock.seconds < until:
            self.hurried += 1

    def _not_scaled(self) -> None:
        """What somebody else asked for is no failure of ours."""
        if self.asked_to_scale == self._circumstances_of_the_count():
            until = self.harness.clock.seconds + self.harness.timing.capacity_delay
            self.not_scaled = self.asked_to_scale, until

    def _circumstances_of_the_count(self) -> Hashable:
        found = self.harness.deployment  # None: it was deleted, and somebody scales the endpoint that was retained
        metadata = found.metadata if found else None
        asked = metadata and (metadata.uid, metadata.generation, metadata.annotations.get(RECONCILE_NOW))
        return asked, self.meddling

    def _tried(self, config: str) -> None:
        self.not_scaled = None  # another config may have other instances
        if self.failed.get(config, ()) == self._circumstances():
            self.retried.append(config)

    def _failed(self, config: str, words: str) -> None:
        found = self.harness.deployment
        attempt = found.status.attempt if found else None
        # One that began before the way of rolling out was changed may be repeated in the new way.
        in_this_way = found and attempt and attempt.rollout == rollout_digest(found.spec.rollout)
        if classify_failure(words) != CAPACITY and in_this_way:
            self.failed[config] = self._circumstances()

    # What people do

    @initialize(
        commit=COMMITS,
        replicas=st.sampled_from([None, 2]),
        rollout=ROLLOUTS,
        theirs=st.sampled_from([None, None, "AllTraffic", "primary"]),
        serves=st.booleans(),
    )
    def create(self, commit: str, replicas: int | None, rollout: Json, theirs: str | None, serves: bool) -> None:
        """`theirs`: the variant of an endpoint that exists already, and is to be adopted."""
        if theirs:
            self.world.outside_config("before", "main", theirs)
            self.world.outside_endpoint(ENDPOINT, {"team": "search"}, "before")
        target = {"sageMaker": {"adopt": theirs is not None}}
        self.harness.apply(commit, replicas=replicas, rollout=rollout, target=target)
        if serves:
            self.harness.calm()

    def _lives(self) -> bool:
        found = self.harness.deployment
        return found is not None and found.metadata.deletion_timestamp is None

    @precondition(lambda self: self._lives())
    @rule(commit=st.one_of(COMMITS, st.none()))
    def the_model_moves(self, commit: str | None) -> None:
        """None: the ModelVersion is deleted."""
        self.harness.resolve(commit)

    @precondition(lambda self: self._lives())
    @rule(replicas=st.sampled_from([None, 1, 2, 3]))
    def scale(self, replicas: int | None) -> None:
        self.harness.edit(replicas=replicas)

    @precondition(lambda self: self._lives())
    @rule(instance_type=st.sampled_from(["ml.g5.xlarge", "ml.g5.2xlarge"]))
    def change_the_instance_type(self, instance_type: str) -> None:
        self.harness.edit(target={"sageMaker": {"instanceType": instance_type}})

    @precondition(lambda self: self._lives())
    @rule(image=st.sampled_from(["registry.example/tgi:3.3.6-cu124", "registry.example/tgi:9", None]))
    def change_the_image(self, image: str | None) -> None:
        self.harness.edit(engine={"image": image})

    @precondition(lambda self: self._lives())
    @rule(rollout=ROLLOUTS)
    def roll_out_in_another_way(self, rollout: Json) -> None:
        self.harness.edit(rollout=None)
        self.harness.edit(rollout=rollout)

    @precondition(lambda self: self._lives())
    @rule(tags=st.dictionaries(st.sampled_from(["team", "stage"]), st.sampled_from(["a", "b"])))
    def tag(self, tags: dict[str, str]) -> None:
        self.harness.edit(target={"sageMaker": {"tags": None}})
        self.harness.edit(target={"sageMaker": {"tags": tags}})

    @precondition(lambda self: self._lives())
    @rule(engine=st.sampled_from(["TGI", "vLLM"]))
    def change_the_engine(self, engine: str) -> None:
        self.harness.edit(engine={"name": engine})

    @precondition(lambda self: self._lives())
    @rule(after=st.sampled_from([None, None, "1s", "2h", "9999h"]))
    def let_it_expire(self, after: str | None) -> None:
        self.harness.edit(expireAfter=after)

    @rule()
    def somebody_changes_a_tag(self) -> None:
        if found := self.world.endpoints.get(ENDPOINT):
            self.meddling += 1
            found.tags["team"] = "theirs"

    @precondition(lambda self: self._lives())
    @rule(drift=st.sampled_from(["Correct", "Correct", "Report"]))
    def decide_about_drift(self, drift: str) -> None:
        self.harness.edit(drift=drift)

    @precondition(lambda self: self._lives())
    @rule()
    def ask_for_another_try(self) -> None:
        self.triggers += 1
        self.harness.trigger(str(self.triggers))

    @precondition(lambda self: self.harness.deployment is not None)
    @rule(retain=st.booleans(), sure=st.integers(0, 3))
    def delete(self, retain: bool, sure: int) -> None:
        if sure:
            return  # a rare event, so that most runs get somewhere
        self.harness.edit(deletionPolicy="Retain" if retain else "Delete")
        self.harness.delete()

    @precondition(lambda self: self.harness.deployment is None)
    @rule(commit=COMMITS)
    def create_anew(self, commit: str) -> None:
        self.meddling += 1
        self.harness.apply(commit)

    # What the world does

    @rule(bad=st.sets(COMMITS, max_size=1))
    def containers_break_or_are_mended(self, bad: set[str]) -> None:
        self.world.bad = bad

    @rule(mute=st.sets(COMMITS, max_size=1))
    def containers_fall_silent_or_are_mended(self, mute: set[str]) -> None:
        self.meddling += 1
        self.world.mute = mute

    @rule()
    def an_alarm_will_trip(self) -> None:
        self.world.alarm_trips = True

    @rule(state=st.sampled_from(["OK", "ALARM"]))
    def the_users_alarm_changes(self, state: str) -> None:
        self.world.alarms["pager"] = state

    @rule(number=st.integers(1, 2))
    def capacity_runs_out(self, number: int) -> None:
        self.world.shortages = number

    @rule()
    def the_next_roll_back_fails_too(self) -> None:
        self.world.rollback_fails = True

    @rule()
    def a_transition_ends(self) -> None:
        self.world.tick(ENDPOINT)

    @rule(seconds=st.sampled_from([1.0, 60.0, 1000.0]))
    def time_passes(self, seconds: float) -> None:
        self.harness.clock.seconds += seconds

    @rule(revision=st.sampled_from([C, "main"]))
    def somebody_brings_another_config_into_service(self, revision: str) -> None:
        self.meddling += 1
        self.world.outside_config("theirs", revision)
        self.world.outside_update(ENDPOINT, "theirs")

    @rule()
    def somebody_deletes_the_endpoint(self) -> None:
        self.meddling += 1
        self.world.endpoints.pop(ENDPOINT, None)

    @rule(count=st.integers(1, 3))
    def somebody_changes_the_count(self, count: int) -> None:
        found = self.world.endpoints.get(ENDPOINT)
        # While a FailureReason sticks, any other motion of an endpoint may be taken for the failure of a request
        # that was never sent: the service does not say which config the words are about.
        if found and found.state is EndpointState.IN_SERVICE and found.failure is None:
            self.meddling += 1
            found.state, found.count, found.desired = EndpointState.UPDATING, count, count
            self.world._touch(found)

    @rule()
    def somebody_deletes_the_secret(self) -> None:
        self.harness.kube.secrets.pop(SECRET, None)

    @rule()
    def somebody_takes_the_name_of_the_secret(self) -> None:
        self.harness.kube.secrets[SECRET] = deepcopy(FOREIGN)

    # What the operator does

    @rule(faults=FAULTS, kill=st.sampled_from([None, None, None, "before", "after"]))
    def a_pass(self, faults: list[Fault | None], kill: str | None) -> None:
        self.world.faults = list(faults)  # type: ignore[arg-type]
        self.harness.kube.kill = kill
        self.harness.deliver()
        self.harness.one_pass()
        self.world.faults, self.harness.kube.kill = [], None

    @rule(number=st.integers(2, 12))
    def several_passes(self, number: int) -> None:
        """So that runs get somewhere."""
        for _ in range(number):
            self.harness.deliver()
            self.harness.one_pass()
            self.world.tick(ENDPOINT)

    @rule()
    def a_pass_on_what_is_not_true_any_more(self) -> None:
        """The watch lags behind."""
        self.harness.one_pass()

    @rule()
    def everything_comes_to_rest(self) -> None:
        self.world.alarms["pager"] = "OK"  # a roll waits for it as long as it lasts
        self.harness.calm()
        before = self.harness.kube.writes, len(self.world.sent)
        self.harness.deliver()
        self.harness.one_pass()
        assert (self.harness.kube.writes, len(self.world.sent)) == before
        self._is_right()

    # What holds

    @invariant()
    def nothing_was_destroyed_that_must_be_kept(self) -> None:
        assert self.world.violations == []
        assert "neighbour" in self.world.models
        assert "neighbour" in self.world.configs

    @invariant()
    def nobody_elses_secret_was_touched(self) -> None:
        there = self.harness.kube.secrets.get(SECRET)
        assert there is None or there["type"] != FOREIGN["type"] or there == FOREIGN

    @invariant()
    def what_failed_was_not_tried_again(self) -> None:
        assert self.retried == []

    @invariant()
    def what_found_no_capacity_was_not_repeated_at_once(self) -> None:
        assert self.hurried == 0

    def _is_right(self) -> None:
        note(self.harness.describe())
        owner = self.harness.owner
        ours = {n for n, c in self.world.configs.items() if owner.owns(c.tags)}
        if self.harness.deployment is None:
            found = [e.tags for e in self.world.endpoints.values() if owner.owns(e.tags)]
            found += [thing.tags for n, thing in self.world.configs.items() if n in ours]
            found += [thing.tags for thing in self.world.models.values() if owner.owns(thing.tags)]
            assert all(TAG_RETAINED in tags for tags in found), "left behind without a mark"
            assert self.harness.kube.secrets.get(SECRET) in (None, FOREIGN)
            return
        self._binds_clients()
        status, conditions = self.harness.live.status, self.harness.conditions()
        conditions.pop("BindingFailed", None)
        event(" ".join(f"{kind}={reason}" for kind, (_, reason) in conditions.items()))
        endpoint = self.world.endpoints.get(ENDPOINT)
        assert "Reconciling" not in conditions, "nothing happens any more, but the status says so"
        if status.revision.serving:
            assert conditions["Ready"][0] == "True"
            assert endpoint
            assert endpoint.config == status.revision.serving.config
            assert status.replicas == endpoint.desired
        if conditions["Ready"][1] == "Expired":
            theirs = endpoint is None or not owner.owns(endpoint.tags)
            # A predecessor of the same name may have left its endpoint on purpose; nobody has taken it over since.
            assert theirs or TAG_RETAINED in endpoint.tags, "expired, and still on the bill"
            assert all(TAG_RETAINED in self.world.configs[name].tags for name in ours)
        elif conditions == {"Ready": ("True", "Serving")}:
            self._serves_what_is_wanted(ours)
        elif endpoint and not owner.owns(endpoint.tags):
            assert conditions["Stalled"][1] in {"NameConflict", "ModelVersionNotFound"}
        elif "Stalled" in conditions:
            assert conditions["Stalled"][1] in {
                "EndpointFailed",
                "RolloutFailed",
                "CheckFailed",
                "EndpointMissing",
                "ModelVersionNotFound",
                "UpdateRollbackFailed",
            }
        else:
            assert "Drifted" in conditions, "neither serves what is wanted nor says why"
            assert self.harness.live.spec.drift == "Report"

    def _binds_clients(self) -> None:
        """Where something serves, the Secret says how to reach it, or the status says that it cannot."""
        content = entries(self.harness.live.status)
        if content is None:
            return
        refused = self.harness.kube.secrets.get(SECRET) == FOREIGN
        assert ("BindingFailed" in self.harness.conditions()) == refused
        assert (self.harness.live.status.binding is None) == refused
        assert refused or self.harness.secret == content

    def _serves_what_is_wanted(self, ours: set[str]) -> None:
        status, endpoint = self.harness.live.status, self.world.endpoints[ENDPOINT]
        resolved = self.harness.kube.objects[MV]["status"]["resolved"]["revision"]
        assert endpoint.state is EndpointState.IN_SERVICE
        assert endpoint.tags.items() >= self.harness.owner.tags().items()
        wants_alarms = {alarm.metric for alarm in self.harness.live.spec.rollout.alarms if alarm.metric}
        assert len([name for name in self.world.alarms if name.startswith("slw-")]) == len(wants_alarms)
        assert status.revision.serving
        assert status.revision.serving.revision == status.revision.desired == resolved
        replicas = self.harness.live.spec.replicas
        assert replicas in (None, endpoint.current)
        assert len(ours) <= 2
        assert [entry.outcome for entry in status.history].count("Serving") == 1

    def teardown(self) -> None:
        """Every run ends at rest."""
        if self.harness.generation:
            self.everything_comes_to_rest()
            self.nothing_was_destroyed_that_must_be_kept()
            self.what_failed_was_not_tried_again()
            self.what_found_no_capacity_was_not_repeated_at_once()
            if self._lives():
                self._deletion_leaves_nothing()

    def _deletion_leaves_nothing(self) -> None:
        placed = self.harness.live.status.placement is not None
        self.harness.edit(deletionPolicy="Delete")
        self.harness.delete()
        self.harness.calm()
        assert self.harness.deployment is None
        owner = self.harness.owner
        things = [*self.world.endpoints.values(), *self.world.configs.values(), *self.world.models.values()]
        left = [thing.tags for thing in things if owner.owns(thing.tags)]
        assert [name for name in self.world.alarms if name.startswith("slw-")] == []
        # One that never had anything does not remove what a predecessor of its name left on purpose.
        assert [tags for tags in left if placed or TAG_RETAINED not in tags] == []


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=200, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
