"""Which container image serves, and whether it is known."""

from slipway.api.v1alpha1.deployment import Deployment
from slipway.api.v1alpha1.deployment_status import DeploymentStatus
from slipway.domain.checks.inputs import Inputs, Problem, invalid
from slipway.domain.engines import engine_of
from slipway.domain.prompt_check import CHECK_FAILED
from slipway.domain.sagemaker.catalogue import Catalogue, Container, NotInCatalogue


def check_image(inputs: Inputs) -> Problem | None:
    """Whether the image is known."""
    try:
        image_of(inputs.deployment, inputs.catalogue)
    except NotInCatalogue as unknown:
        return invalid(f"{unknown} Or set spec.engine.image")
    return None


def image_of(deployment: Deployment, catalogue: Catalogue) -> str:
    """The container image: the spec's, or its version's, or the one that serves, or the newest one in the region.

    The one that serves does not count where spec.engine names another container than its image is of.
    Raises NotInCatalogue, whose message lists what is known.
    """
    engine, target = deployment.spec.engine, deployment.spec.target.sage_maker
    if engine.image:
        return engine.image
    if target is None:
        raise AssertionError("check_spec comes first")
    container = Container(engine.name, engine.container)
    kept = image_in_use(deployment.status)
    if engine.version is None and kept and _fits(kept, container, catalogue):
        return kept
    version = engine.version or catalogue.latest(container, target.region)
    return catalogue.image(container, version, target.region).uri


def _fits(image: str, container: Container, catalogue: Catalogue) -> bool:
    """Whether an image is of this container, as far as anything is known of it."""
    known = catalogue.container_of(image)
    return known == container if known else engine_of(image) in (container.engine, None)


def image_in_use(status: DeploymentStatus) -> str | None:
    """The image that serves, or is about to: a roll under way comes to its end. One that has failed is not kept.

    But where a check failed and nothing else serves: that image runs, and to drop it would be a roll that nobody
    asked for, whose own failure would bring this one back, and so on for ever.
    """
    serving, attempt = status.revision.serving, status.attempt
    if attempt and attempt.image and attempt.outcome == "InProgress":
        return attempt.image
    if serving and serving.image:
        return serving.image
    runs = attempt is not None and (attempt.outcome != "Failed" or attempt.reason == CHECK_FAILED)
    return attempt.image if attempt and runs else None
