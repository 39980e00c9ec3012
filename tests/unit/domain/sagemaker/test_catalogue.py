"""Image URIs, the host that an image needs, and GPUs per instance type."""

import re

import pytest
from botocore.loaders import Loader
from hypothesis import assume, given
from hypothesis import strategies as st

from slipway.domain.sagemaker.catalogue import (
    Catalogue,
    Image,
    NotInCatalogue,
    UnknownEngine,
    UnknownRegion,
    UnknownVersion,
    shipped,
)
from slipway.domain.sagemaker.host import CUDA_12_HOST, CUDA_13_HOST, inference_ami_version
from slipway.domain.sagemaker.instance_types import gpu_count

CATALOGUE = shipped()

SMALL = Catalogue.from_json(
    """
    {"source": "a test",
     "engines": {"E": {"images": {"0.9.3": "repo:a", "0.10.0": "repo:b"},
                       "registries": {"eu-b-1": "2.example", "eu-a-1": "1.example"}}}}
    """
)

SAGEMAKER = Loader().load_service_model("sagemaker", "service-2")["shapes"]


TGI = "huggingface-pytorch-tgi-inference"


class TestImage:
    @pytest.mark.parametrize(
        ("version", "region", "registry", "tag"),
        [
            (
                "3.3.6",
                "eu-central-1",
                "763104351884.dkr.ecr.eu-central-1.amazonaws.com",
                "2.7.0-tgi3.3.6-gpu-py311-cu124-ubuntu22.04",
            ),
            (
                "2.2.0",
                "cn-north-1",
                "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn",
                "2.3.0-tgi2.2.0-gpu-py310-cu121-ubuntu22.04-v2.0",
            ),
            (
                "2.4.0",
                "us-iso-east-1",
                "886529160074.dkr.ecr.us-iso-east-1.c2s.ic.gov",
                "2.4.0-tgi2.4.0-gpu-py311-cu124-ubuntu22.04-v2.2",
            ),
        ],
    )
    def test_each_partition_has_its_own_account_and_suffix(
        self, version: str, region: str, registry: str, tag: str
    ) -> None:
        assert CATALOGUE.image("TGI", version, region) == Image(f"{registry}/{TGI}:{tag}", version, tag)

    def test_a_version_means_exactly_itself(self) -> None:
        for version in CATALOGUE.versions("TGI"):
            assert f"-tgi{version}-gpu-" in CATALOGUE.image("TGI", version, "us-east-1").tag

    def test_every_region_is_in_the_uri_of_its_image(self) -> None:
        for region in CATALOGUE.regions("TGI"):
            assert f".dkr.ecr.{region}." in CATALOGUE.image("TGI", "3.3.6", region).uri

    @pytest.mark.parametrize("version", ["2.0", "3.3", "3", "latest", "", "v3.3.6", "3.3.6 ", "3.3.06"])
    def test_an_alias_or_a_near_miss_is_refused(self, version: str) -> None:
        with pytest.raises(UnknownVersion, match=re.escape(f"TGI {version} is not in")):
            CATALOGUE.image("TGI", version, "eu-central-1")

    @given(st.text(), st.text())
    def test_anything_else_is_a_value_error_that_lists_what_is_known(self, version: str, region: str) -> None:
        assume(version not in SMALL.versions("E") and region not in SMALL.regions("E"))
        with pytest.raises(UnknownVersion, match=r"0\.10\.0, 0\.9\.3$"):
            SMALL.image("E", version, "eu-a-1")
        with pytest.raises(UnknownRegion, match=r"eu-a-1, eu-b-1$"):
            SMALL.image("E", "0.9.3", region)

    def test_refusals_name_what_was_asked_what_there_is_and_where_that_is_from(self) -> None:
        with pytest.raises(UnknownVersion) as version:
            SMALL.image("E", "0.9", "eu-a-1")
        with pytest.raises(UnknownRegion) as region:
            SMALL.image("E", "0.9.3", "eu-c-1")
        with pytest.raises(UnknownEngine) as engine:
            SMALL.image("F", "0.9.3", "eu-a-1")
        assert str(version.value) == (
            "E 0.9 is not in the image catalogue (a test); give a full version (x.y.z) that is: 0.10.0, 0.9.3"
        )
        assert str(region.value) == (
            "E images are not published in region eu-c-1 as far as the image catalogue (a test) knows; "
            "regions: eu-a-1, eu-b-1"
        )
        assert str(engine.value) == ("the image catalogue (a test) has no images of engine F; engines: E")

    def test_one_except_clause_catches_them_all(self) -> None:
        assert issubclass(NotInCatalogue, ValueError)
        assert all(issubclass(e, NotInCatalogue) for e in (UnknownEngine, UnknownVersion, UnknownRegion))


class TestListings:
    def test_versions_are_ordered_as_numbers(self) -> None:
        assert SMALL.versions("E") == ("0.10.0", "0.9.3")
        assert SMALL.latest("E") == "0.10.0"

    def test_what_ships(self) -> None:
        assert CATALOGUE.source.startswith("sagemaker-core ")
        assert CATALOGUE.latest("TGI") == "3.3.6"
        assert CATALOGUE.versions("TGI")[-1] == "0.6.0"
        assert {"eu-central-1", "us-gov-west-1", "cn-northwest-1"} <= set(CATALOGUE.regions("TGI"))
        assert shipped() is CATALOGUE

    def test_an_unknown_engine_is_refused_everywhere(self) -> None:
        for ask in (CATALOGUE.latest, CATALOGUE.versions, CATALOGUE.regions):
            with pytest.raises(UnknownEngine, match=r"engines: TGI$"):
                ask("vLLM")


PARTS = st.lists(st.sampled_from(["2.7.0", "tgi3.3.6", "gpu", "py311", "ubuntu22.04", "v2.0"]), max_size=4)
REPOSITORIES = st.sampled_from(["repo", "1.dkr.ecr.eu-west-1.amazonaws.com/a/repo", "localhost:5000/repo-cu130"])


def tagged(repository: str, before: list[str], cuda: str, after: list[str]) -> str:
    return f"{repository}:{'-'.join([*before, cuda, *after])}"


class TestHost:
    @given(REPOSITORIES, PARTS, st.sampled_from(["cu13", "cu130", "cu133"]), PARTS)
    def test_cuda_13_wherever_it_stands_in_the_tag(
        self, repository: str, before: list[str], cuda: str, after: list[str]
    ) -> None:
        assert inference_ami_version(tagged(repository, before, cuda, after)) == CUDA_13_HOST

    @given(REPOSITORIES, PARTS, st.integers(124, 129), PARTS)
    def test_late_cuda_12(self, repository: str, before: list[str], cuda: int, after: list[str]) -> None:
        assert inference_ami_version(tagged(repository, before, f"cu{cuda}", after)) == CUDA_12_HOST

    @given(
        REPOSITORIES,
        PARTS,
        st.sampled_from(["cu118", "cu121", "cu123", "cu12", "cpu", "cu140", "cu1", "xcu130", "cu130x", "cu1240"]),
        PARTS,
    )
    def test_other_tags_leave_the_choice_to_sagemaker(
        self, repository: str, before: list[str], cuda: str, after: list[str]
    ) -> None:
        assert inference_ami_version(tagged(repository, before, cuda, after)) is None

    @given(REPOSITORIES, PARTS, st.sampled_from(["cu130", "cu124"]))
    def test_a_digest_says_nothing_about_cuda(self, repository: str, before: list[str], cuda: str) -> None:
        digest = f"@sha256:{'0' * 64}"
        assert inference_ami_version(repository + digest) is None
        assert inference_ami_version(tagged(repository, before, cuda, []) + digest) is None

    @given(st.text())
    def test_any_text_has_an_answer(self, text: str) -> None:
        assert inference_ami_version(text) in {None, CUDA_12_HOST, CUDA_13_HOST}

    def test_sagemaker_accepts_the_answers(self) -> None:
        assert {CUDA_12_HOST, CUDA_13_HOST} <= {*SAGEMAKER["ProductionVariantInferenceAmiVersion"]["enum"]}

    @pytest.mark.parametrize(("version", "host"), [("3.3.6", CUDA_12_HOST), ("2.2.0", None), ("0.6.0", None)])
    def test_images_of_the_catalogue(self, version: str, host: str | None) -> None:
        assert inference_ami_version(CATALOGUE.image("TGI", version, "eu-central-1").uri) == host


class TestGpuCount:
    @pytest.mark.parametrize("instance_type", SAGEMAKER["ProductionVariantInstanceType"]["enum"])
    def test_every_type_that_botocore_knows_is_known(self, instance_type: str) -> None:
        is_gpu = re.match(r"ml\.[gp]\d", instance_type) is not None
        count = gpu_count(instance_type)
        assert count is not None
        assert (count > 0) == is_gpu

    @pytest.mark.parametrize(
        ("instance_type", "count"),
        [
            ("ml.g5.2xlarge", 1),
            ("ml.g5.24xlarge", 4),
            ("ml.g4dn.12xlarge", 4),
            ("ml.g4dn.16xlarge", 1),
            ("ml.g7e.12xlarge", 2),
            ("ml.p5.4xlarge", 1),
            ("ml.p5.48xlarge", 8),
            ("ml.p6e-gb200.36xlarge", 4),
            ("ml.inf2.48xlarge", 0),
            ("ml.m5.large", 0),
            ("ml.g5.3xlarge", None),
            ("ml.g99.xlarge", None),
            ("g5.2xlarge", None),
            ("ml.g5", None),
            ("ml.m5", None),
            ("", None),
        ],
    )
    def test_counts(self, instance_type: str, count: int | None) -> None:
        assert gpu_count(instance_type) == count
