"""Image URIs, the host that an image needs, and GPUs per instance type."""

import re

import pytest
from botocore.loaders import Loader
from hypothesis import assume, given
from hypothesis import strategies as st

from slipway.domain.sagemaker.catalogue import (
    Catalogue,
    Container,
    Image,
    NotInCatalogue,
    UnknownEngine,
    UnknownPair,
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
     "engines": {"E": {"V": {"images": {"0.9.3": "repo:a", "0.10.0": "repo:b"},
                             "registries": {"eu-b-1": "2.example", "eu-a-1": "1.example", "eu-d-1": "4.example"},
                             "only": {"eu-d-1": ["0.9.3"]}}}}}
    """
)
E = Container("E", "V")

TGI = Container("TGI", "HuggingFace")
VLLM = Container("vLLM", "HuggingFace")
VLLM_AWS = Container("vLLM", "AWS")

SAGEMAKER = Loader().load_service_model("sagemaker", "service-2")["shapes"]


class TestImage:
    @pytest.mark.parametrize(
        ("container", "version", "region", "repository", "tag"),
        [
            (
                TGI,
                "3.3.6",
                "eu-central-1",
                "763104351884.dkr.ecr.eu-central-1.amazonaws.com/huggingface-pytorch-tgi-inference",
                "2.7.0-tgi3.3.6-gpu-py311-cu124-ubuntu22.04",
            ),
            (
                TGI,
                "2.2.0",
                "cn-north-1",
                "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn/huggingface-pytorch-tgi-inference",
                "2.3.0-tgi2.2.0-gpu-py310-cu121-ubuntu22.04-v2.0",
            ),
            (
                TGI,
                "2.4.0",
                "us-iso-east-1",
                "886529160074.dkr.ecr.us-iso-east-1.c2s.ic.gov/huggingface-pytorch-tgi-inference",
                "2.4.0-tgi2.4.0-gpu-py311-cu124-ubuntu22.04-v2.2",
            ),
            (
                VLLM,
                "0.25.1",
                "eu-central-1",
                "763104351884.dkr.ecr.eu-central-1.amazonaws.com/huggingface-vllm",
                "0.25.1-transformers5.10.2-gpu-py312-cu130-ubuntu22.04",
            ),
            (
                VLLM_AWS,
                "0.27.1",
                "us-gov-west-1",
                "442386744353.dkr.ecr.us-gov-west-1.amazonaws.com/vllm",
                "0.27.1-gpu-py312-cu130-ubuntu22.04-sagemaker",
            ),
        ],
    )
    def test_each_partition_has_its_own_account_and_suffix(
        self, container: Container, version: str, region: str, repository: str, tag: str
    ) -> None:
        assert CATALOGUE.image(container, version, region) == Image(f"{repository}:{tag}", version, tag)

    @pytest.mark.parametrize(
        ("container", "mark"), [(TGI, "-tgi{}-gpu-"), (VLLM, ":{}-transformers"), (VLLM_AWS, ":{}-gpu-")]
    )
    def test_a_version_means_exactly_itself(self, container: Container, mark: str) -> None:
        for version in CATALOGUE.versions(container):
            assert mark.format(version) in CATALOGUE.image(container, version, "us-east-1").uri

    def test_every_region_is_in_the_uri_of_its_image(self) -> None:
        for container in CATALOGUE.containers:
            for region in CATALOGUE.regions(container):
                latest = CATALOGUE.latest(container, region)
                assert f".dkr.ecr.{region}." in CATALOGUE.image(container, latest, region).uri

    @pytest.mark.parametrize("version", ["2.0", "3.3", "3", "latest", "", "v3.3.6", "3.3.6 ", "3.3.06"])
    def test_an_alias_or_a_near_miss_is_refused(self, version: str) -> None:
        with pytest.raises(UnknownVersion, match=re.escape(f"TGI {version} is not in")):
            CATALOGUE.image(TGI, version, "eu-central-1")

    @given(st.text(), st.text())
    def test_anything_else_is_a_value_error_that_lists_what_is_known(self, version: str, region: str) -> None:
        assume(version not in SMALL.versions(E) and region not in SMALL.regions(E))
        with pytest.raises(UnknownVersion, match=r"0\.10\.0, 0\.9\.3$"):
            SMALL.image(E, version, "eu-a-1")
        with pytest.raises(UnknownRegion, match=r"eu-a-1, eu-b-1, eu-d-1$"):
            SMALL.image(E, "0.9.3", region)
        with pytest.raises(UnknownRegion, match=r"eu-a-1, eu-b-1, eu-d-1$"):
            SMALL.latest(E, region)

    def test_refusals_name_what_was_asked_what_there_is_and_where_that_is_from(self) -> None:
        with pytest.raises(UnknownVersion) as version:
            SMALL.image(E, "0.9", "eu-a-1")
        with pytest.raises(UnknownRegion) as region:
            SMALL.image(E, "0.9.3", "eu-c-1")
        with pytest.raises(UnknownPair) as pair:
            SMALL.image(E, "0.10.0", "eu-d-1")
        with pytest.raises(UnknownEngine) as engine:
            SMALL.image(Container("E", "W"), "0.9.3", "eu-a-1")
        assert str(version.value) == (
            "E 0.9 is not in the image catalogue (a test) of V's containers; "
            "give a full version (x.y.z) that is: 0.10.0, 0.9.3"
        )
        assert str(region.value) == (
            "images of E in V's container are not published in region eu-c-1 as far as the image catalogue (a test) "
            "knows; regions: eu-a-1, eu-b-1, eu-d-1"
        )
        assert str(pair.value) == (
            "E in V's container has no version 0.10.0 in region eu-d-1 as far as the image catalogue (a test) knows; "
            "versions there: 0.9.3; regions with 0.10.0: eu-a-1, eu-b-1"
        )
        assert str(engine.value) == (
            "the image catalogue (a test) has no images of E in W's container; it has: E in V's container"
        )

    def test_one_except_clause_catches_them_all(self) -> None:
        assert issubclass(NotInCatalogue, ValueError)
        refusals = (UnknownEngine, UnknownVersion, UnknownRegion, UnknownPair)
        assert all(issubclass(e, NotInCatalogue) for e in refusals)


class TestListings:
    def test_versions_are_ordered_as_numbers(self) -> None:
        assert SMALL.versions(E) == ("0.10.0", "0.9.3")

    @pytest.mark.parametrize(("region", "version"), [("eu-a-1", "0.10.0"), ("eu-d-1", "0.9.3")])
    def test_the_newest_is_one_that_the_region_has(self, region: str, version: str) -> None:
        assert SMALL.latest(E, region) == version

    @pytest.mark.parametrize(
        ("container", "newest", "oldest"),
        [(TGI, "3.3.6", "0.6.0"), (VLLM, "0.29.0", "0.14.0"), (VLLM_AWS, "0.30.0", "0.23.0")],
    )
    def test_what_ships(self, container: Container, newest: str, oldest: str) -> None:
        assert CATALOGUE.latest(container, "eu-central-1") == newest
        assert CATALOGUE.versions(container)[-1] == oldest
        assert {"eu-central-1", "us-gov-west-1", "cn-northwest-1"} <= set(CATALOGUE.regions(container))

    def test_it_is_read_once_and_says_where_it_is_from(self) -> None:
        assert CATALOGUE.source.startswith("sagemaker-core ")
        assert shipped() is CATALOGUE

    def test_every_region_of_the_catalogue_has_something_to_offer(self) -> None:
        for container in CATALOGUE.containers:
            for region in CATALOGUE.regions(container):
                assert CATALOGUE.containers[container].in_region(region)

    def test_an_unknown_engine_is_refused_everywhere(self) -> None:
        known = r"it has: TGI in HuggingFace's container, vLLM in AWS's container, vLLM in HuggingFace's container$"
        for ask in (lambda c: CATALOGUE.latest(c, "eu-central-1"), CATALOGUE.versions, CATALOGUE.regions):
            with pytest.raises(UnknownEngine, match=known):
                ask(Container("TGI", "AWS"))


class TestWhoseImage:
    @pytest.mark.parametrize("container", [TGI, VLLM, VLLM_AWS])
    def test_an_image_of_the_catalogue_is_told_by_its_repository(self, container: Container) -> None:
        for region in ("eu-central-1", "cn-north-1"):
            uri = CATALOGUE.image(container, CATALOGUE.latest(container, region), region).uri
            assert CATALOGUE.container_of(uri) == container
            assert CATALOGUE.container_of(f"{uri.rpartition(':')[0]}@sha256:{'0' * 64}") == container

    @pytest.mark.parametrize(
        "uri", ["", "registry.example/tgi:3.3.6", "vllm-own:1", "localhost:5000/my/vllm2", "vllm/x"]
    )
    def test_any_other_is_nobodys(self, uri: str) -> None:
        assert CATALOGUE.container_of(uri) is None


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

    @pytest.mark.parametrize(
        ("container", "version", "host"),
        [
            (TGI, "3.3.6", CUDA_12_HOST),
            (TGI, "2.2.0", None),
            (TGI, "0.6.0", None),
            (VLLM, "0.29.0", CUDA_13_HOST),
            (VLLM, "0.17.0", CUDA_12_HOST),
            (VLLM_AWS, "0.30.0", CUDA_13_HOST),
        ],
    )
    def test_images_of_the_catalogue(self, container: Container, version: str, host: str | None) -> None:
        assert inference_ami_version(CATALOGUE.image(container, version, "eu-central-1").uri) == host

    def test_every_image_of_the_catalogue_has_the_host_of_its_cuda(self) -> None:
        for container, known in CATALOGUE.containers.items():
            for version, name in known.images.items():
                major, minor = re.findall(r"-cu(\d\d)(\d)-", name)[0]
                newer_than_123 = CUDA_12_HOST if (major, minor) >= ("12", "4") else None
                expected = CUDA_13_HOST if major == "13" else newer_than_123
                assert inference_ami_version(f"1.example/{name}") == expected, (container, version)


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
