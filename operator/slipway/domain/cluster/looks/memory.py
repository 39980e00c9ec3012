"""What is remembered in annotations: of a revision on its apps/v1 Deployment, of a roll on the Service.

It is there and not in our own status, because it must be written together with what it is about: the count of a failed
revision with why it failed, the stage of a roll with the selector that it needs. A restore without status keeps it.
"""

from typing import Annotated, TypeVar

from pydantic import Field, ValidationError

from slipway.api.v1alpha1.common import ApiModel, SecretKeyRef, Timestamp
from slipway.api.v1alpha1.deployment_status import AdapterRevision
from slipway.domain.served import ServedModel

Memory = TypeVar("Memory", bound=ApiModel)


class Served(ApiModel):
    """What a revision's apps/v1 Deployment serves."""

    revision: str
    """Commit of the model."""
    repo: str
    """Repository of the model."""
    model_version: str
    """ModelVersion that it came from."""
    image: str
    """Container image."""
    engine: str
    """spec.engine.name."""
    model: str
    """What OpenAI clients give as `model`."""
    hub: str | None = None
    """Base URL of the Hub, where the ModelVersion names one."""
    token_secret_ref: SecretKeyRef | None = None
    """Where pods find the token for the Hub."""
    adapters: Annotated[list[AdapterRevision], Field(default_factory=list)]
    """Adapters beside the model."""


class Failure(ApiModel):
    """Why a revision failed."""

    reason: str
    """CamelCase word."""
    message: str
    """The pods' own words, and what to do."""
    at: Timestamp
    """When."""
    rollout: str
    """Digest of spec.rollout at the time: what failed may be tried again in another way."""
    trigger: str | None = None
    """Value of the reconcile-now annotation at the time."""


class Progress(ApiModel):
    """A roll under way."""

    to: str
    """Digest of the revision that comes."""
    plan: str
    """Digest of the stages: where they change, the roll begins anew."""
    stage: int
    """Index of the stage."""
    since: Timestamp
    """When this stage was entered."""
    complete: Timestamp | None = None
    """When it was seen to be complete: the time to hold counts from then."""
    began: Timestamp
    """When the roll began."""
    count: int
    """Replicas that the old revision had then, where neither spec nor stage decides it."""
    proven: bool = False
    """Whether the new revision has answered what it was asked, so that it may get requests."""
    shrinks: bool = False
    """Whether some stage has fewer pods of the old revision than before. Else its count may be an autoscaler's."""


def served_annotation(served: ServedModel, *, image: str, engine: str, model: str) -> str:
    """Value of the annotation SERVED."""
    return written(
        Served(
            revision=served.revision,
            repo=served.repo,
            model_version=served.model_version,
            image=image,
            engine=engine,
            model=model,
            hub=served.hub,
            token_secret_ref=served.token,
            adapters=list(served.adapters),
        )
    )


def written(memory: ApiModel) -> str:
    """As an annotation's value."""
    return memory.model_dump_json(by_alias=True, exclude_none=True)


def read(shape: type[Memory], text: str | None) -> Memory | None:
    """From an annotation's value; None if there is none, or somebody else has written it."""
    if text is None:
        return None
    try:
        return shape.model_validate_json(text)
    except ValidationError:
        return None
