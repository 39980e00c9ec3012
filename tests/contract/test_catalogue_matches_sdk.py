"""The image catalogue that ships says what the SageMaker SDK says.

Always runs, and fails rather than skips where the SDK cannot be installed: about 5 s, in an environment that
`tests.testbed.catalogue` describes. To bring the catalogue up to date: `python -m tests.testbed.catalogue`.
"""

import pytest

from slipway.domain.sagemaker.catalogue import UnknownPair, shipped
from slipway.domain.sagemaker.instance_types import gpu_count
from tests.testbed.catalogue import CONTAINERS, TARGET, SdkAnswers, Uris, ask_sdk, render


@pytest.fixture(scope="module")
def sdk() -> SdkAnswers:
    return ask_sdk()


def test_every_version_in_every_region(sdk: SdkAnswers) -> None:
    catalogue = shipped()
    ours: dict[str, dict[str, Uris]] = {}
    for container, known in catalogue.containers.items():
        ours.setdefault(container.engine, {})[container.vendor] = {
            version: {
                region: catalogue.image(container, version, region).uri
                for region in catalogue.regions(container)
                if version in known.in_region(region)
            }
            for version in catalogue.versions(container)
        }
    assert ours == sdk.uris
    assert catalogue.containers.keys() == CONTAINERS.keys()


def test_a_pair_that_the_sdk_does_not_know_is_refused(sdk: SdkAnswers) -> None:
    catalogue = shipped()
    pairs = [
        (container, version, region)
        for container in catalogue.containers
        for version in catalogue.versions(container)
        for region in catalogue.regions(container)
        if region not in sdk.uris[container.engine][container.vendor][version]
    ]
    assert pairs, "some versions of AWS's vLLM are not published in every region"
    for container, version, region in pairs:
        with pytest.raises(UnknownPair, match=f"no version {version} in region {region}"):
            catalogue.image(container, version, region)


def test_the_file_is_what_the_generator_writes(sdk: SdkAnswers) -> None:
    assert TARGET.read_text(encoding="utf-8") == render(sdk)


def test_gpu_counts_where_the_sdk_knows_the_type(sdk: SdkAnswers) -> None:
    both = {name: count for name, count in sdk.gpus.items() if gpu_count(name) is not None}
    assert len(both) > 20
    assert {name: gpu_count(name) for name in both} == both
