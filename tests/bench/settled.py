"""Objects and endpoints as the operator leaves them when everything serves: made with its own pure functions.

Whether they are exactly that shows in the measurement: a restarted operator must not write, and not describe.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from slipway.api.v1alpha1.deployment import Deployment
from slipway.api.v1alpha1.deployment_status import Attempt, Binding, DeploymentStatus, Placement
from slipway.api.v1alpha1.model_version import ModelVersion
from slipway.domain import binding, deployments, model_versions
from slipway.domain.binding import Bound
from slipway.domain.checks.image import image_of
from slipway.domain.conditions import timestamp
from slipway.domain.deployments import Result
from slipway.domain.model_versions import Outcome
from slipway.domain.models import Access, ModelFacts
from slipway.domain.names import Owner, default_endpoint_name
from slipway.domain.sagemaker import catalogue, progress
from slipway.domain.sagemaker.desired import Desired, desired
from slipway.domain.sagemaker.observation import Endpoint, EndpointState, Observation
from slipway.domain.served import ServedModel
from tests.bench.fleet import COMMIT, REPO, Object
from tests.bench.sagemaker import ExistingEndpoint
from tests.testbed.sagemaker import ACCOUNT
from tests.testbed.workbench import INSTALLATION


def resolved(raw: Object) -> Object:
    """The status of a ModelVersion whose commit was found."""
    parsed = ModelVersion.model_validate(raw)
    source = model_versions.source_of(parsed.spec)
    if source is None:
        raise AssertionError("every ModelVersion of the bench names a repository")
    now = datetime.now(UTC)
    facts = ModelFacts(access=Access.PUBLIC, task="text-generation", license="apache-2.0", size_bytes=16_060_522_752)
    outcome = Outcome(resolved=model_versions.resolved_from(source, COMMIT, facts, now), head=COMMIT)
    return model_versions.next_status(parsed, outcome, now).to_api()


@dataclass(frozen=True)
class Served:
    """A Deployment, and what it wants of SageMaker."""

    deployment: Deployment
    owner: Owner
    wanted: Desired
    endpoint_name: str

    @classmethod
    def of(cls, raw: Object) -> "Served":
        """For a Deployment of the bench as the API server stored it."""
        parsed = Deployment.model_validate(raw)
        target, metadata = parsed.spec.target.sage_maker, parsed.metadata
        if target is None:
            raise AssertionError("every Deployment of the bench is on SageMaker")
        owner = Owner(INSTALLATION, metadata.namespace, metadata.name, metadata.uid)
        served = ServedModel(repo=REPO, revision=COMMIT, model_version=parsed.spec.model_ref.name)
        image = image_of(parsed, catalogue.shipped())
        wanted = desired(parsed.spec, target, served, image, owner)
        return cls(parsed, owner, wanted, default_endpoint_name(metadata.namespace, metadata.name))

    def existing(self) -> ExistingEndpoint:
        """What SageMaker must hold."""
        wanted = self.wanted
        return ExistingEndpoint(
            self.endpoint_name, wanted.config.name, wanted.model.name, REPO, COMMIT, self.owner.tags()
        )

    def status(self, row: dict[str, Any]) -> Object:
        """The status of the Deployment; `row` is the endpoint's of ListEndpoints."""
        now = datetime.now(UTC)
        seen = Observation(
            Endpoint(
                name=row["EndpointName"],
                arn=row["EndpointArn"],
                state=EndpointState.IN_SERVICE,
                config=self.wanted.config.name,
                last_modified=row["LastModifiedTime"].astimezone(UTC).isoformat(timespec="microseconds"),
                tags=self.owner.tags(),
                desired_instances=1,
                current_instances=1,
            )
        )
        target = self.deployment.spec.target.sage_maker
        region = target.region if target else ""
        result = Result(
            seen=seen,
            placement=Placement(target="SageMaker", account=ACCOUNT, region=region, endpoint_name=self.endpoint_name),
            attempt=self._attempt(now),
            image=self.wanted.image,
            config=self.wanted.config.name,
            revision=progress.revised(self.deployment.status, seen, self.wanted, self.owner, now),
            bound=Bound(Binding(name=binding.binding_name(self.owner.name))),
            settled=True,
        )
        return deployments.next_status(self.deployment, result, now).to_api()

    def secret(self, status: Object) -> Object:
        """The Secret for clients that belongs to this status."""
        entries = binding.entries(DeploymentStatus.model_validate(status))
        if entries is None:
            raise AssertionError("every Deployment of the bench serves")
        return binding.manifest(self.deployment.metadata, entries)

    def _attempt(self, now: datetime) -> Attempt:
        wanted = self.wanted
        return Attempt(
            config=wanted.config.name,
            model=wanted.model.name,
            revision=COMMIT,
            repo=REPO,
            model_version=wanted.served.model_version,
            image=wanted.image,
            started_at=timestamp(now),
            outcome="Succeeded",
            rollout=wanted.fingerprint,
        )
