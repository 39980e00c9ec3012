"""Which container image serves, and whether it is known."""

from slipway.api.v1alpha1.deployment import Deployment, DeploymentStatus
from slipway.domain.checks.inputs import Inputs, Problem, invalid
from slipway.domain.sagemaker.catalogue import Catalogue, NotInCatalogue


def check_image(inputs: Inputs) -> Problem | None:
    """Whether the image is known."""
    try:
        image_of(inputs.deployment, inputs.catalogue)
    except NotInCatalogue as unknown:
        return invalid(f"{unknown} Or set spec.engine.image")
    return None


def image_of(deployment: Deployment, catalogue: Catalogue) -> str:
    """The container image: the spec's, or its version's, or the one that serves, or the newest one.

    Raises NotInCatalogue, whose message lists what is known.
    """
    engine, target = deployment.spec.engine, deployment.spec.target.sage_maker
    if engine.image:
        return engine.image
    if target is None:
        raise AssertionError("check_spec comes first")
    kept = image_in_use(deployment.status)
    if engine.version is None and kept:
        return kept
    version = engine.version or catalogue.latest(engine.name)
    return catalogue.image(engine.name, version, target.region).uri


def image_in_use(status: DeploymentStatus) -> str | None:
    """The image that serves, or is about to: a roll under way comes to its end. One that has failed is not kept."""
    serving, attempt = status.revision.serving, status.attempt
    if attempt and attempt.image and attempt.outcome == "InProgress":
        return attempt.image
    if serving and serving.image:
        return serving.image
    return attempt.image if attempt and attempt.outcome != "Failed" else None
