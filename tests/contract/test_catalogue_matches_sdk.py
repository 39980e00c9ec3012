"""The image catalogue that ships says what the SageMaker SDK says.

Always runs, and fails rather than skips where the SDK cannot be installed: about 5 s, in an environment that
`tests.testbed.catalogue` describes. To bring the catalogue up to date: `python -m tests.testbed.catalogue`.
"""

import pytest

from slipway.domain.sagemaker.catalogue import shipped
from slipway.domain.sagemaker.instance_types import gpu_count
from tests.testbed.catalogue import ENGINES, TARGET, SdkAnswers, ask_sdk, render


@pytest.fixture(scope="module")
def sdk() -> SdkAnswers:
    return ask_sdk()


def test_every_version_in_every_region(sdk: SdkAnswers) -> None:
    catalogue = shipped()
    ours = {
        engine: {
            version: {region: catalogue.image(engine, version, region).uri for region in catalogue.regions(engine)}
            for version in catalogue.versions(engine)
        }
        for engine in catalogue.engines
    }
    assert ours == sdk.uris
    assert ours.keys() == ENGINES.keys()


def test_the_file_is_what_the_generator_writes(sdk: SdkAnswers) -> None:
    assert TARGET.read_text(encoding="utf-8") == render(sdk)


def test_gpu_counts_where_the_sdk_knows_the_type(sdk: SdkAnswers) -> None:
    both = {name: count for name, count in sdk.gpus.items() if gpu_count(name) is not None}
    assert len(both) > 20
    assert {name: gpu_count(name) for name in both} == both
