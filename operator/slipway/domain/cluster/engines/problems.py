"""What a spec asks of an engine that it must not, or that the engine cannot do in the cluster."""

from collections.abc import Iterator

from slipway.api.v1alpha1.cluster_target import ClusterTarget
from slipway.api.v1alpha1.engine import Engine
from slipway.domain.cluster.engines import tgi
from slipway.domain.cluster.engines.known import rules_of, version_of
from slipway.domain.cluster.engines.options import meant, names
from slipway.domain.secrets import looks_like_token
from slipway.domain.served import ServedModel
from slipway.domain.tgi_adapters import ADAPTER_CONFIG_UNPINNED

_NOT_PLAIN = (
    "something that looks like an access token, which everyone who may read pods could read. Put it into a Secret and "
    "name that in spec.target.cluster.podTemplate, in env of the container engine, with valueFrom.secretKeyRef"
)


def engine_problem(engine: Engine, target: ClusterTarget, image: str) -> str | None:
    """The first thing that is wrong with spec.engine for pods that run this image; None: nothing."""
    return next(_problems(engine, target, image), None)


def engine_warnings(engine: Engine, target: ClusterTarget, served: ServedModel) -> tuple[str, ...]:
    """What will work, but not as one would think. None of it is true of weights from a cache."""
    if engine.name != "TGI" or target.cache:
        return ()
    found = (tgi.MIRROR_NEEDS_CACHE if served.hub else None, ADAPTER_CONFIG_UNPINNED if served.adapters else None)
    return tuple(text for text in found if text)


def _problems(engine: Engine, target: ClusterTarget, image: str) -> Iterator[str]:
    rules = rules_of(engine)
    if engine.container == "AWS":
        yield (
            "spec.engine.container AWS is for SageMaker. In the cluster leave it out, or name an image in "
            "spec.engine.image"
        )
    for variable in engine.env:
        if variable.name in rules.OWN_VARIABLES:
            yield f"spec.engine.env may not set {variable.name}: {rules.OWN_VARIABLES[variable.name]}"
        if looks_like_token(variable.value):
            yield f"spec.engine.env sets {variable.name} to {_NOT_PLAIN}"
    for option in sorted(names(engine.args)):
        own = meant(option, tuple(rules.OWN_OPTIONS))
        if own:
            yield f"spec.engine.args may not hold --{own}: {rules.OWN_OPTIONS[own]}"
    if any(looks_like_token(argument) for argument in engine.args):
        yield f"spec.engine.args holds {_NOT_PLAIN}"
    yield from _adapters(engine, target, image)
    if target.gpus == 0 and not engine.image:
        yield (
            f"spec.target.cluster.gpus is 0, but {engine.name}'s own image needs a GPU: name one that needs none in "
            "spec.engine.image"
        )


def _adapters(engine: Engine, target: ClusterTarget, image: str) -> Iterator[str]:
    if not engine.adapters:
        return
    text = rules_of(engine).no_adapters(version_of(engine, image), target.cache is not None)
    if text:
        yield text
    if meant("lora-modules", sorted(names(engine.args))):
        yield "spec.engine.args may not hold --lora-modules beside spec.engine.adapters, which does the same"
