"""Whether the adapters can be served beside the model, once their commits and the image are known."""

from slipway.api.v1alpha1.deployment_status import AdapterRevision
from slipway.api.v1alpha1.engine import Adapter
from slipway.domain.checks.image import image_of
from slipway.domain.checks.inputs import Inputs, Problem, invalid
from slipway.domain.checks.model import answer_of, served_model
from slipway.domain.model_versions import source_of
from slipway.domain.sagemaker.engines.environment import LONGEST_VALUE, environment, rules_of
from slipway.domain.sagemaker.engines.tgi import LORA_ADAPTERS


def check_adapters(inputs: Inputs) -> Problem | None:
    """Whether the image can serve the adapters, under the names that the spec gives them.

    Comes after check_image. Adapters without a commit are check_model's business.
    """
    spec = inputs.deployment.spec
    if not spec.engine.adapters:
        return None
    text = rules_of(spec.engine).no_adapters(spec.engine, image_of(inputs.deployment, inputs.catalogue))
    served = served_model(inputs)
    if text is None and served:
        pairs = zip(spec.engine.adapters, served.adapters, strict=True)
        found = (_unknown_by_name(revision) or _elsewhere(inputs, adapter, served.hub) for adapter, revision in pairs)
        text = next((problem for problem in found if problem), None)
        if text is None and (length := len(environment(spec, served, "").get(LORA_ADAPTERS, ""))) > LONGEST_VALUE:
            text = (
                f"spec.engine.adapters: their names and commits take {length} characters, of the {LONGEST_VALUE} that "
                "SageMaker allows in one variable of the environment. Serve fewer beside one model"
            )
    return invalid(text) if text else None


def check_adapters_in_cluster(inputs: Inputs) -> Problem | None:
    """Whether pods can get the adapters, and know them under the names that the spec gives them.

    From a cache an adapter is a folder, which any name can be given to. Comes after check_manifests.
    """
    spec, served = inputs.deployment.spec, served_model(inputs)
    if served is None or spec.target.cluster is None:
        return None
    named_by_repository = spec.engine.name == "TGI" and spec.target.cluster.cache is None
    for adapter, revision in zip(spec.engine.adapters, served.adapters, strict=True):
        text = (_unknown_by_name(revision) if named_by_repository else None) or _elsewhere(inputs, adapter, served.hub)
        if text:
            return invalid(text)
    return None


def _unknown_by_name(adapter: AdapterRevision) -> str | None:
    """TGI gives a name of one's own to folders only, and answers a request for an unknown one with the bare model.

    `ADAPTER_TO_INDEX.get(r.adapter_id, 0)` in
    https://github.com/huggingface/text-generation-inference/blob/main/server/text_generation_server/models/flash_causal_lm.py
    """
    if adapter.name == adapter.repo:
        return None
    return (
        f"spec.engine.adapters[{adapter.name}]: TGI knows an adapter by its repository only, and answers requests for "
        f"any other name with the model alone. Set its name to {adapter.repo}, which is what requests must say"
    )


def _elsewhere(inputs: Inputs, adapter: Adapter, hub: str | None) -> str | None:
    answered = answer_of(inputs.adapters.get(adapter.model_ref.name))
    source = source_of(answered.spec) if answered else None
    own = (source.endpoint if source else None) or inputs.hub
    if own == hub:
        return None
    return (
        f"spec.engine.adapters[{adapter.name}]: it comes from {own or 'the public Hub'} and the model from "
        f"{hub or 'the public Hub'}, but a container knows one Hub. Copy one of them to the other's Hub"
    )
