"""From the Hub's JSON to facts: whatever somebody wrote into a repository, and that it fits into a status."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.errors import OutsideError
from slipway.domain.models import Access, Architecture, ModelFacts, ModelSource, Parameters
from slipway.registries import huggingface_facts as facts
from slipway.registries.huggingface import HuggingFaceHub
from slipway.registries.huggingface_http import Answer, HubHttp, Request
from slipway.registries.safetensors import MAX_ELEMENTS
from tests.unit.domain.builders import A

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=200),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=6,
)
LARGEST = 2**63 - 1
FIELDS = ["private", "gated", "cardData", "tags", "siblings", "safetensors", "license", "license_name", "parameters"]
CONFIG_FIELDS = [
    "architectures",
    "num_hidden_layers",
    "num_attention_heads",
    "hidden_size",
    "text_config",
    "attn_config",
]


def fits(number: int | None) -> bool:
    return number is None or 0 < number <= LARGEST


class TestHostile:
    @given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING))
    def test_any_record_has_facts_that_fit_a_status(self, info: dict[str, Any]) -> None:
        assert facts.access(info) in Access
        assert len(facts.license_of(info) or "") <= facts.TEXT
        sizes = facts.file_sizes(info)
        assert all(-1 <= size <= LARGEST for size in sizes.values())
        assert fits(facts.total_size(facts.weight_files(sizes, None)))
        counted = facts.parameters(info)
        assert counted is None or (fits(counted.total) and all(map(fits, counted.by_dtype.values())))

    @given(st.dictionaries(st.sampled_from(CONFIG_FIELDS), ANYTHING))
    def test_any_config_has_a_shape_that_fits_a_status(self, config: dict[str, Any]) -> None:
        found = facts.architecture(config)
        numbers = (found.layers, found.heads, found.kv_heads, found.head_dim, found.max_positions)
        assert all(map(fits, numbers))
        assert len(found.name or "") <= facts.TEXT

    @given(ANYTHING)
    def test_any_list_of_commits_has_a_date_with_a_zone_or_none(self, commits: Any) -> None:
        for given_one in (commits, [commits], [{"date": commits}]):
            found = facts.committed_at(given_one)
            assert found is None or found.tzinfo is not None

    @given(ANYTHING)
    def test_any_index_names_files_or_none(self, weight_map: Any) -> None:
        found = facts.indexed_files({"weight_map": weight_map})
        assert found is None or all(isinstance(path, str) for path in found)


class TestAccess:
    @pytest.mark.parametrize(
        ("info", "access"),
        [
            ({}, Access.PUBLIC),
            ({"private": False, "gated": False}, Access.PUBLIC),
            ({"gated": "auto"}, Access.GATED),
            ({"gated": "manual"}, Access.GATED),
            ({"private": True}, Access.PRIVATE),
            ({"private": True, "gated": "auto"}, Access.PRIVATE),
        ],
    )
    def test_private_weighs_more_than_gated(self, info: dict[str, Any], access: Access) -> None:
        assert facts.access(info) is access


class TestLicense:
    @pytest.mark.parametrize(
        ("info", "license_"),
        [
            ({}, None),
            ({"cardData": {"license": "mit"}}, "mit"),
            ({"cardData": {"license": ["mit", "apache-2.0"]}}, "mit, apache-2.0"),
            ({"cardData": {"license": "other", "license_name": "llama3.1"}}, "llama3.1"),
            ({"cardData": {"license": "other"}}, "other"),
            ({"tags": ["pytorch", "license:mit"]}, "mit"),
            ({"cardData": {"license": "mit"}, "tags": ["license:gpl"]}, "mit"),
            ({"cardData": {"license": "  two\n words "}}, "two words"),
        ],
    )
    def test_the_card_weighs_more_than_the_tags(self, info: dict[str, Any], license_: str | None) -> None:
        assert facts.license_of(info) == license_


class TestFiles:
    SIZES = {
        "model.safetensors": 1,
        "model-00001-of-2.safetensors": 2,
        "pytorch_model.bin": 4,
        "training_args.bin": 8,
        "original/consolidated.safetensors": 16,
        "config.json": 32,
    }

    def sizes(self, *names: str) -> dict[str, int]:
        return {name: self.SIZES[name] for name in names}

    @pytest.mark.parametrize(
        ("present", "indexed", "loaded"),
        [
            (list(SIZES), None, ["model.safetensors"]),
            (list(SIZES), {"model-00001-of-2.safetensors"}, ["model-00001-of-2.safetensors"]),
            (["model-00001-of-2.safetensors", "pytorch_model.bin"], None, ["model-00001-of-2.safetensors"]),
            (["pytorch_model.bin", "training_args.bin"], None, ["pytorch_model.bin"]),
            (["original/consolidated.safetensors", "config.json"], None, []),
        ],
    )
    def test_what_an_engine_loads_is_counted_once(
        self, present: list[str], indexed: set[str] | None, loaded: list[str]
    ) -> None:
        assert facts.weight_files(self.sizes(*present), indexed) == self.sizes(*loaded)

    def test_a_shard_that_is_missing_makes_the_size_unknown(self) -> None:
        assert facts.total_size(facts.weight_files({"a.safetensors": 1}, {"a.safetensors", "b.safetensors"})) is None
        assert facts.total_size({"a": 5, "b": -1}) is None
        assert facts.total_size({"a": 1, "b": 2}) == 3
        assert facts.total_size({}) is None

    def test_a_sum_that_is_too_large_is_not_known(self) -> None:
        assert facts.total_size({"a": LARGEST, "b": 1}) is None


class TestShape:
    @pytest.mark.parametrize(
        ("config", "shape"),
        [
            (
                {"num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_size": 4096},
                Architecture(None, 32, 32, 8, 128, None),
            ),
            (
                {"n_layer": 12, "n_head": 12, "n_embd": 768, "n_positions": 1024},
                Architecture(None, 12, 12, 12, 64, 1024),
            ),
            ({"num_attention_heads": 8, "multi_query": True}, Architecture(None, None, 8, 1, None, None)),
            ({"num_attention_heads": 3, "hidden_size": 100}, Architecture(None, None, 3, 3, None, None)),
            ({"text_config": {"num_hidden_layers": 4}, "architectures": ["X"]}, Architecture("X", 4)),
            ({"num_hidden_layers": True, "num_attention_heads": "8"}, Architecture()),
            ({}, Architecture()),
        ],
    )
    def test_numbers_under_their_several_names(self, config: dict[str, Any], shape: Architecture) -> None:
        assert facts.architecture(config) == shape


MADE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class TestDates:
    @pytest.mark.parametrize(
        ("commits", "date"),
        [
            ([{"date": "2026-01-02T03:04:05.000Z"}, {"date": "2025-01-01T00:00:00Z"}], MADE),
            ([{"date": "2026-01-02T05:04:05+02:00"}], MADE),
            ([{"date": "2026-01-02T03:04:05"}], None),
            ([{"date": "yesterday"}], None),
            ([], None),
        ],
    )
    def test_the_newest_commit_has_a_date_if_it_says_where(self, commits: Any, date: datetime | None) -> None:
        assert facts.committed_at(commits) == date


class Hub:
    """Answers of a Hub by the end of the URL."""

    def __init__(self, info: dict[str, Any], files: dict[str, bytes]) -> None:
        self.info, self.files = {"sha": A, **info}, files

    async def read(self, _: HubHttp, request: Request) -> bytes:
        if "/commits/" in request.url:
            return b"[]"
        if "/api/models/" in request.url:
            return json.dumps(self.info).encode()
        return self.files[request.url.rpartition("/")[2]]


MAIN = ModelSource("acme/twin", "main")
T = TypeVar("T")


async def asked(monkeypatch: pytest.MonkeyPatch, hub: Hub, question: Callable[[HuggingFaceHub], Awaitable[T]]) -> T:
    async def read(self: HubHttp, request: Request) -> bytes:
        return await hub.read(self, request)

    monkeypatch.setattr(HubHttp, "read", read)
    registry = HuggingFaceHub()
    try:
        return await question(registry)
    finally:
        await registry.close()


async def described(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> ModelFacts:
    return await asked(monkeypatch, hub, lambda registry: registry.describe(MAIN, A, None))


def safetensors(tensors: int, elements: int) -> bytes:
    header = json.dumps({str(n): {"dtype": "F32", "shape": [elements]} for n in range(tensors)}).encode()
    return len(header).to_bytes(8, "little") + header


class TestCounting:
    INFO = {"siblings": [{"rfilename": "model.safetensors", "size": 5}, {"rfilename": "config.json", "size": 2}]}

    async def test_parameters_that_the_hub_did_not_count_are(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hub = Hub(self.INFO, {"model.safetensors": safetensors(3, 7), "config.json": b"{}"})
        found = await described(monkeypatch, hub)
        assert (found.parameters, found.size_bytes) == (Parameters(21, {"F32": 21}), 5)

    async def test_a_number_that_no_status_can_hold_is_not_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The API server would refuse the status, so that the object would never say what is wrong."""
        hub = Hub(self.INFO, {"model.safetensors": safetensors(2**15 + 1, MAX_ELEMENTS), "config.json": b"{}"})
        try:
            found = await described(monkeypatch, hub)
        except OutsideError as refusal:
            assert refusal.reason == "HubResponseInvalid"  # noqa: PT017  # refusing it is as good
        else:
            assert found.parameters is None

    @pytest.mark.parametrize("commit", [A[:39], f"{A}\n", "main", "", None, 7])
    async def test_a_record_that_names_no_commit_is_refused(self, monkeypatch: pytest.MonkeyPatch, commit: Any) -> None:
        hub = Hub({**self.INFO, "sha": commit}, {})
        with pytest.raises(OutsideError, match="HubResponseInvalid"):
            await described(monkeypatch, hub)

    @pytest.mark.parametrize("commit", [A[:39], f"{A}\n", "main", "", None, 7])
    async def test_so_is_one_of_a_mirror_that_knows_records_only(
        self, monkeypatch: pytest.MonkeyPatch, commit: Any
    ) -> None:
        async def send(_: HubHttp, request: Request) -> Answer:
            return Answer(404, {})

        monkeypatch.setattr(HubHttp, "send", send)
        hub = Hub({"sha": commit}, {})
        with pytest.raises(OutsideError, match="HubResponseInvalid"):
            await asked(monkeypatch, hub, lambda registry: registry.resolve(MAIN, None, max_age=0))
