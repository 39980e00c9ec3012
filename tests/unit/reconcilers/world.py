"""SageMaker as its documentation describes it, small and in memory, behind the port that the operator uses.

Time stands still: a transition ends when `tick` says so. What must never happen, whatever the operator does, is
noted in `violations`. Faults sit between the operator and the service: an answer may be lost after the effect, and
the process may be killed before or after it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from slipway.api.v1alpha1.deployment_status import Placement
from slipway.domain.errors import Conflict, NotFound, OutsideError, RateLimited, Rejected, Transient
from slipway.domain.identity import OWN, Identity
from slipway.domain.names import TAG_INSTALLATION, TAG_RETAINED, Owner
from slipway.domain.prompt_check import CheckAnswer
from slipway.domain.sagemaker.check import CheckRequest
from slipway.domain.sagemaker.engines.environment import deployed
from slipway.domain.sagemaker.engines.tgi import MODEL_ID, MODEL_REVISION
from slipway.domain.sagemaker.observation import (
    DeployedModel,
    Endpoint,
    EndpointState,
    EndpointSummary,
    Inventory,
    InventoryWish,
    Observation,
    Question,
    StoredConfig,
)
from slipway.domain.sagemaker.permissions import Lacking, Permission
from slipway.domain.sagemaker.steps import (
    VARIANT,
    CreateEndpoint,
    CreateEndpointConfig,
    CreateModel,
    DeleteAlarms,
    DeleteEndpoint,
    DeleteEndpointConfig,
    DeleteModel,
    MarkOwner,
    MarkRetained,
    PutAlarm,
    SetInstanceCount,
    SetTags,
    Step,
    UpdateEndpoint,
)
from tests.unit.domain.builders import CAPACITY_WORDS, PING_WORDS

Tags = dict[str, str]
Fault = Literal["refused", "throttled", "lost", "killed before", "killed after"]
S = EndpointState


class Killed(BaseException):
    """The process is gone in the middle of a pass."""


@dataclass
class WorldModel:
    tags: Tags
    environment: dict[str, str]


@dataclass
class WorldConfig:
    tags: Tags
    model: str
    instances: int
    variant: str = VARIANT


@dataclass
class WorldEndpoint:
    name: str
    tags: Tags
    config: str
    state: EndpointState
    modified: int
    desired: int = 1
    current: int = 0
    failure: str | None = None
    target: str | None = None
    """Config of the fleet that is being started."""
    count: int | None = None
    """Number of instances that is being reached."""
    watched: tuple[str, ...] = ()
    """Alarms that are watched while it is updated."""


@dataclass
class World:
    """One account in one region: the port `slipway.targets.port.Target`."""

    models: dict[str, WorldModel] = field(default_factory=dict)
    configs: dict[str, WorldConfig] = field(default_factory=dict)
    endpoints: dict[str, WorldEndpoint] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)
    """Commits whose container never answers its health check."""
    shortages: int = 0
    """So many of the next fleets, or additions to one, find no capacity."""
    mute: set[str] = field(default_factory=set)
    """Commits whose container is healthy, but answers no prompt."""
    alarms: dict[str, str] = field(default_factory=dict)
    """State of the CloudWatch alarms, by name."""
    alarm_trips: bool = False
    """The next update that is watched by an alarm is rolled back because of it."""
    rollback_fails: bool = False
    """The next failed update cannot be rolled back either."""
    current_account: str = "123456789012"
    faults: list[Fault] = field(default_factory=list)
    """For the next mutating calls, one each."""
    violations: list[str] = field(default_factory=list)
    sent: list[Step] = field(default_factory=list)
    """Every mutating call that had an effect."""
    protected: Callable[[], set[str]] = set
    """Configs that must be kept: the one in service and the one before, as the status knows them."""
    on_try: Callable[[str], None] = lambda config: None
    """Called with a config for which a fleet is started."""
    on_failure: Callable[[str, str], None] = lambda config, words: None
    on_scaling: Callable[[], None] = lambda: None
    """Called when another number of instances is asked for."""
    on_scaling_failure: Callable[[], None] = lambda: None
    may_adopt: Callable[[], bool] = lambda: False
    """Whether an endpoint without tags may be taken over now."""
    checks: int = 0
    """How often an endpoint was asked."""
    identity: Identity = OWN
    """Whose rights the port is used with."""
    may_not: Lacking | None = None
    """What a look ahead at the permissions finds."""
    looks: list[str] = field(default_factory=list)
    """Every look, by the port's method."""
    _moments: int = 0

    # The port: looking

    def under(self, identity: Identity) -> "World":
        self.identity = identity
        return self

    async def account(self, region: str) -> str:
        self.looks.append("account")
        return self.identity.account or self.current_account

    async def lacking(self, placement: Placement, owner: Owner, needed: tuple[Permission, ...]) -> Lacking | None:
        self.looks.append("lacking")
        return self.may_not

    async def summary(self, placement: Placement) -> EndpointSummary | None:
        found = self._visible(placement)
        return EndpointSummary(found.name, found.state, _moment(found.modified)) if found else None

    async def observe(self, placement: Placement, question: Question) -> Observation:
        found = self._visible(placement)
        config, model_exists = None, False
        if question.config and question.model and (found is None or found.config != question.config):
            if self._ours(self.configs.get(question.config), question):
                config = StoredConfig(self.configs[question.config].instances)
            model_exists = self._ours(self.models.get(question.model), question)
        settled = found is not None and found.state is S.IN_SERVICE and found.config == question.config
        look = question.inventory is InventoryWish.ALWAYS or (question.inventory is InventoryWish.SETTLED and settled)
        return Observation(
            endpoint=self._shown(placement, found) if found else None,
            config=config,
            model_exists=model_exists,
            inventory=self._inventory(placement, question) if look else None,
            serving_revision=self._serving_revision(found, question),
            alarms=self._alarms(found, question),
            fallback_exists=question.fallback in self.configs if question.fallback else None,
        )

    def _alarms(self, found: WorldEndpoint | None, question: Question) -> dict[str, str] | None:
        waits = found is not None and found.state.is_moving
        if not question.alarms or (waits and question.inventory is not InventoryWish.ALWAYS):
            return None
        return {name: self.alarms[name] for name in question.alarms if name in self.alarms}

    async def check(self, placement: Placement, question: CheckRequest) -> CheckAnswer:
        fault = self.faults.pop(0) if self.faults else None
        if fault == "killed before":
            raise Killed
        if fault in ("refused", "lost"):
            raise Transient("AwsUnreachable", "no connection")
        found = self.endpoints[question.endpoint]
        if not found.state.serves or found.tags.get(TAG_INSTALLATION) != "here":
            self.violations.append(f"asked {found.name}, which is {found.state} and not ours to ask")
        self.checks += 1
        if fault == "killed after":
            raise Killed
        if self._commit(found.config) in self.mute:
            return CheckAnswer(problem="it mumbles")
        answers = {"TGI": b'[{"generated_text": "here I am"}]', "vLLM": b'{"choices": [{"text": "here I am"}]}'}
        return CheckAnswer(body=answers[question.engine], latency=0.25)

    def _commit(self, config: str) -> str | None:
        model = self.models.get(self.configs[config].model) if config in self.configs else None
        told = deployed(model.environment, "") if model else None
        return told.revision if told else None

    def _visible(self, placement: Placement) -> WorldEndpoint | None:
        account = self.identity.account or self.current_account
        return self.endpoints.get(placement.endpoint_name) if placement.account == account else None

    def _ours(self, found: WorldModel | WorldConfig | None, question: Question) -> bool:
        if found is not None and not question.owner.owns(found.tags):
            raise Rejected("NameConflict", "it belongs to somebody else")
        return found is not None

    def _shown(self, placement: Placement, found: WorldEndpoint) -> Endpoint:
        return Endpoint(
            name=found.name,
            arn=f"endpoint/{found.name}",
            state=found.state,
            config=found.config,
            last_modified=_moment(found.modified),
            tags=dict(found.tags),
            failure=found.failure,
            desired_instances=found.desired,
            current_instances=found.current,
            variants=(self._variant(found),),
        )

    def _variant(self, found: WorldEndpoint) -> str:
        return self.configs[found.config].variant if found.config in self.configs else VARIANT

    def _inventory(self, placement: Placement, question: Question) -> Inventory:
        owner = question.owner

        def mine(things: dict[str, WorldModel] | dict[str, WorldConfig]) -> list[str]:
            return [
                name
                for name, thing in things.items()
                if name.startswith(owner.prefix)
                and owner.owns(thing.tags)
                and thing.tags.get(TAG_RETAINED, question.endpoint_name) == question.endpoint_name
            ]

        endpoint = self.endpoints.get(placement.endpoint_name)
        unmarked = [f"config/{n}" for n in mine(self.configs) if TAG_RETAINED not in self.configs[n].tags]
        unmarked += [f"model/{n}" for n in mine(self.models) if TAG_RETAINED not in self.models[n].tags]
        if endpoint and question.owner.owns(endpoint.tags) and TAG_RETAINED not in endpoint.tags:
            unmarked.append(f"endpoint/{endpoint.name}")
        tags = {f"config/{name}": dict(self.configs[name].tags) for name in mine(self.configs)}
        tags |= {f"model/{name}": dict(self.models[name].tags) for name in mine(self.models)}
        return Inventory(tuple(mine(self.configs)), tuple(mine(self.models)), tuple(unmarked), tags)

    def _serving_revision(self, found: WorldEndpoint | None, question: Question) -> DeployedModel | None:
        if found is None or not found.state.serves or found.config in question.known_configs:
            return None
        config = self.configs.get(found.config)
        model = self.models.get(config.model) if config else None
        if config is None or model is None:
            return None
        told = deployed(model.environment, "")
        return DeployedModel(told.repo, told.revision, config.model) if told else None

    # The port: doing

    async def execute(self, placement: Placement, step: Step) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault == "killed before":
            raise Killed
        if fault == "refused":
            raise Transient("AwsUnreachable", "no connection")
        if fault == "throttled":
            raise RateLimited("AwsThrottled", "Rate exceeded", 5.0)
        if placement.role_arn != self.identity.role_arn:
            self.violations.append(f"acted under {self.identity} where {placement} is another's")
        self._do(placement, step)
        self.sent.append(step)
        if fault == "killed after":
            raise Killed
        if fault == "lost":
            raise Transient("AwsUnreachable", "the answer was lost")

    def _do(self, placement: Placement, step: Step) -> None:
        match step:
            case MarkOwner():
                found = self.endpoints[step.arn.removeprefix("endpoint/")]
                permitted = TAG_INSTALLATION not in found.tags and self.may_adopt()
                if found.tags.get(TAG_INSTALLATION) != step.owner.installation and not permitted:
                    self.violations.append(f"took over the foreign endpoint {found.name}")
                found.tags = {k: v for k, v in found.tags.items() if k != TAG_RETAINED} | step.owner.tags()
            case MarkRetained():
                for arn in step.arns:
                    self._tags(arn)[TAG_RETAINED] = placement.endpoint_name
            case DeleteEndpoint():
                self._delete_endpoint(step.name)
            case DeleteEndpointConfig():
                self._delete_config(step.name)
            case DeleteModel():
                self._delete_model(step.name)
            case PutAlarm():
                self.alarms.setdefault(step.alarm.name, "INSUFFICIENT_DATA")
            case DeleteAlarms():
                self._delete_alarms(step.names)
            case _:
                self._bring_about(step)

    def _bring_about(self, step: Step) -> None:
        match step:
            case CreateModel():
                tags = {**step.model.tags, **step.owner.tags()}
                self._create(self.models, step.model.name, WorldModel(tags, step.model.environment))
            case CreateEndpointConfig():
                if step.config.model not in self.models:
                    raise NotFound("ModelNotFound", f"Could not find model {step.config.model}")
                config, tags = step.config, {**step.config.tags, **step.owner.tags()}
                new = WorldConfig(tags, config.model, config.initial_instances, config.variant)
                self._create(self.configs, step.config.name, new)
            case CreateEndpoint():
                self._create_endpoint(step)
            case UpdateEndpoint():
                self._update(step)
            case SetTags():
                self._set_tags(step)
            case SetInstanceCount():
                found = self._at_rest(step.name)
                if step.variant != self._variant(found):
                    raise Rejected("ValidationFailed", f"Could not find variant {step.variant}")
                found.state, found.count, found.desired = S.UPDATING, step.instances, step.instances
                self._touch(found)
                self.on_scaling()
            case _:
                raise AssertionError(f"the world knows no {step}")

    def _set_tags(self, step: SetTags) -> None:
        tags = self._tags(step.arn)
        if tags.get(TAG_INSTALLATION) != "here":
            self.violations.append(f"changed the tags of the foreign {step.arn}")
        for key in step.remove:
            tags.pop(key, None)
        tags.update(step.add)

    def _create(self, things: dict[str, object] | dict, name: str, new: WorldModel | WorldConfig) -> None:  # type: ignore[type-arg]
        if name in things:
            return self._must_be_ours(things[name].tags, new.tags, name)
        things[name] = new
        return None

    def _must_be_ours(self, theirs: Tags, mine: Tags, name: str) -> None:
        ours = {key: value for key, value in mine.items() if key.startswith("slipway.dev/")}
        if any(theirs.get(key) != value for key, value in ours.items() if not key.endswith("/uid")):
            raise Rejected("NameConflict", f"Cannot create already existing {name}")

    def _create_endpoint(self, step: CreateEndpoint) -> None:
        if step.name in self.endpoints:
            return self._must_be_ours(self.endpoints[step.name].tags, step.owner.tags(), step.name)
        self._must_exist(step.config)
        self._moments += 1
        self.endpoints[step.name] = WorldEndpoint(
            step.name,
            {**step.tags, **step.owner.tags()},
            step.config,
            S.CREATING,
            self._moments,
            desired=self.configs[step.config].instances,
            target=step.config,
        )
        self.on_try(step.config)
        return None

    def _update(self, step: UpdateEndpoint) -> None:
        found = self._at_rest(step.name)
        self._must_exist(step.config)
        if found.config == step.config:
            raise Rejected("ValidationFailed", "Cannot update endpoint with the endpoint configuration it already uses")
        if self.configs[step.config].variant != self._variant(found):
            self.violations.append(f"{found.name}: an update changes the variant's name")
        if step.policy and step.policy.shift == "ROLLING" and found.desired < 2:
            raise Rejected("ValidationFailed", "MaximumBatchSize must be between 5 and 50 percent")
        watched = step.policy.alarms if step.policy else ()
        missing = [name for name in watched if name not in self.alarms]
        if missing:
            raise Rejected("ValidationFailed", f"Could not find CloudWatch alarm {missing[0]}")
        found.state, found.target, found.watched = S.UPDATING, step.config, watched
        self._touch(found)
        self.on_try(step.config)

    def _must_exist(self, config: str) -> None:
        if config not in self.configs:
            raise Transient("EndpointConfigNotVisible", f"Could not find endpoint configuration {config}")
        if self.configs[config].model not in self.models:
            raise NotFound("ModelNotFound", f"Could not find model {self.configs[config].model}")

    def _at_rest(self, name: str) -> WorldEndpoint:
        found = self.endpoints.get(name)
        if found is None:
            raise NotFound("EndpointNotFound", f"Could not find endpoint {name}")
        if found.state.is_moving:
            raise Conflict("EndpointBusy", f"Cannot update in-progress endpoint {name}")
        if found.state is S.FAILED:
            raise Rejected("ValidationFailed", f"Cannot update endpoint {name} because it is in Failed state")
        return found

    def _delete_endpoint(self, name: str) -> None:
        found = self.endpoints.get(name)
        if found is None:
            return
        if found.state.is_moving:
            raise Conflict("EndpointBusy", f"Cannot update in-progress endpoint {name}")
        if found.state is S.UPDATE_ROLLBACK_FAILED and self.protected():
            self.violations.append("deleted an endpoint that serves after a failed roll back")
        self._check_foreign(found.tags, name)
        found.state, found.target = S.DELETING, None
        self._touch(found)

    def _delete_config(self, name: str) -> None:
        users = [e.name for e in self.endpoints.values() if name in (e.config, e.target) and e.state is not S.DELETING]
        # Without an endpoint there is nothing to roll back, and a config may be made anew with another count.
        if users or (self.endpoints and name in self.protected()):
            self.violations.append(f"deleted the config {name}, which {users or 'a roll back'} needs")
        found = self.configs.pop(name, None)
        if found:
            self._check_foreign(found.tags, name)

    def _delete_model(self, name: str) -> None:
        users = [n for n, config in self.configs.items() if config.model == name]
        if users:
            self.violations.append(f"deleted the model {name}, which the configs {users} need")
        found = self.models.pop(name, None)
        if found:
            self._check_foreign(found.tags, name)

    def _delete_alarms(self, names: tuple[str, ...]) -> None:
        for name in names:
            if not name.startswith("slw-"):
                self.violations.append(f"deleted the foreign alarm {name}")
            self.alarms.pop(name, None)

    def _check_foreign(self, tags: Tags, name: str) -> None:
        if tags.get(TAG_INSTALLATION) != "here":
            self.violations.append(f"deleted the foreign {name}")

    def _tags(self, arn: str) -> Tags:
        kind, _, name = arn.partition("/")
        things = {"config": self.configs, "model": self.models, "endpoint": self.endpoints}[kind]
        return things[name].tags  # type: ignore[attr-defined,no-any-return]

    # The service's own doing

    def tick(self, name: str) -> None:
        """End the transition that is under way."""
        found = self.endpoints.get(name)
        if found is None or not found.state.is_moving:
            return
        self._touch(found)
        if found.state is S.DELETING:
            del self.endpoints[name]
        elif found.count is not None:
            self._end_scaling(found, found.count)
        elif found.target is None:
            found.state = S.IN_SERVICE
        else:
            self._end_start(found, found.target)

    def _end_scaling(self, found: WorldEndpoint, count: int) -> None:
        if count > found.current and self.shortages > 0:
            self.shortages -= 1
            found.failure, found.desired = CAPACITY_WORDS, found.current
            self.on_scaling_failure()
        else:
            found.current = count
        found.count, found.state = None, S.IN_SERVICE

    def _end_start(self, found: WorldEndpoint, config: str) -> None:
        words = self._why_not(config) or self._alarm_words(found)
        if words is None:
            found.config, found.current, found.state = config, found.desired, S.IN_SERVICE
        elif found.state is S.CREATING:
            found.failure, found.state = words, S.FAILED
            self.on_failure(config, words)
        else:
            failed_twice, self.rollback_fails = self.rollback_fails, False
            found.failure, found.state = words, S.UPDATE_ROLLBACK_FAILED if failed_twice else S.IN_SERVICE
            self.on_failure(config, words)
        found.target = None

    def _why_not(self, config: str) -> str | None:
        if self.shortages > 0:
            self.shortages -= 1
            return CAPACITY_WORDS
        return PING_WORDS if self._commit(config) in self.bad else None

    def _alarm_words(self, found: WorldEndpoint) -> str | None:
        watched, found.watched = found.watched, ()
        trips, self.alarm_trips = self.alarm_trips and bool(watched), self.alarm_trips and not watched
        raised = [name for name in watched if trips or self.alarms.get(name) == "ALARM"]
        return f"Endpoint update failed: the alarm {raised[0]} went into ALARM" if raised else None

    def _touch(self, found: WorldEndpoint) -> None:
        self._moments += 1
        found.modified = self._moments

    # What other people do

    def outside_config(self, name: str, revision: str, variant: str = VARIANT) -> None:
        """Somebody else's model and config."""
        self.models[name] = WorldModel({}, {MODEL_ID: "other/model", MODEL_REVISION: revision})
        self.configs[name] = WorldConfig({}, name, 1, variant)

    def outside_update(self, name: str, config: str) -> bool:
        """Somebody else brings another config into service, by hand."""
        found = self.endpoints.get(name)
        if found is None or found.state is not S.IN_SERVICE or found.config == config:
            return False
        if self.configs[config].variant != self._variant(found):
            return False  # SageMaker refuses it
        found.config = config
        self._touch(found)
        return True

    def outside_endpoint(self, name: str, tags: Tags, config: str) -> None:
        """Somebody else's endpoint."""
        self._moments += 1
        self.endpoints[name] = WorldEndpoint(name, tags, config, S.IN_SERVICE, self._moments, current=1)


def _moment(number: int) -> str:
    return f"2026-11-05T10:{number // 60 % 60:02}:{number % 60:02}.{number:06}+00:00"


__all__ = ["Killed", "OutsideError", "World"]
