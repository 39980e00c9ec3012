"""The header of a safetensors file, written by whoever owns the repository."""

import json
from collections import Counter
from math import prod
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slipway.registries.safetensors import (
    LENGTH_BYTES,
    MAX_DIMENSIONS,
    MAX_ELEMENTS,
    MAX_HEADER,
    count_parameters,
    header_length,
)


def header(**tensors: Any) -> bytes:
    return json.dumps(tensors).encode()


def tensor(dtype: Any = "BF16", shape: Any = (2, 3)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [0, 12]}


class TestLength:
    @given(st.integers(2, MAX_HEADER), st.binary(max_size=8))
    def test_it_stands_in_the_first_eight_bytes(self, length: int, rest: bytes) -> None:
        assert header_length(length.to_bytes(LENGTH_BYTES, "little") + rest) == length

    @given(st.binary(max_size=LENGTH_BYTES - 1))
    def test_a_file_that_is_shorter_has_none(self, start: bytes) -> None:
        with pytest.raises(ValueError, match=f"a safetensors file of {len(start)} bytes"):
            header_length(start)

    @pytest.mark.parametrize("length", [0, 1, MAX_HEADER + 1, 2**64 - 1])
    def test_an_impossible_one_is_refused(self, length: int) -> None:
        with pytest.raises(ValueError, match=f"a safetensors header of {length} bytes"):
            header_length(length.to_bytes(LENGTH_BYTES, "little"))


DTYPES = st.sampled_from(["F32", "F16", "BF16", "I64", "F8_E4M3"])
SHAPES = st.lists(st.integers(0, 64), max_size=5)


class TestCount:
    @given(st.lists(st.tuples(DTYPES, SHAPES), max_size=8))
    def test_elements_are_summed_by_type(self, tensors: list[tuple[str, list[int]]]) -> None:
        expected = Counter[str]()
        for dtype, shape in tensors:
            expected[dtype] += prod(shape)
        found = header(**{f"layer.{number}": tensor(*one) for number, one in enumerate(tensors)})
        assert count_parameters(found) == expected

    def test_a_scalar_is_one_parameter(self) -> None:
        assert count_parameters(header(scale=tensor("F32", []))) == {"F32": 1}

    def test_metadata_is_no_tensor(self) -> None:
        assert count_parameters(header(__metadata__={"format": "pt"}, weight=tensor())) == {"BF16": 6}

    def test_an_empty_header_has_no_parameters(self) -> None:
        assert count_parameters(b"{}") == {}

    def test_the_spaces_that_pad_a_header_are_permitted(self) -> None:
        assert count_parameters(header(weight=tensor()) + b"   ") == {"BF16": 6}


class TestMalformed:
    @given(st.binary(max_size=64))
    @example(b"[" * 100_000)
    @example(b'{"a":' * 100_000)
    @example(b"1" * 10_000)
    @example(b'{"a": {"dtype": "F32", "shape": [1' + b"0" * 10_000 + b"]}}")
    @example(b"\xff\xfe{\x00}\x00")
    @example(b"\xef\xbb\xbf{}")
    def test_any_bytes_are_counted_or_refused(self, found: bytes) -> None:
        try:
            assert all(count >= 0 for count in count_parameters(found).values())
        except ValueError as refusal:
            assert str(refusal).startswith("a safetensors header ")  # noqa: PT017  # either outcome is right

    @given(
        st.dictionaries(
            st.text(max_size=3),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
                lambda children: (
                    st.lists(children, max_size=3)
                    | st.fixed_dictionaries({"dtype": children | DTYPES, "shape": children})
                ),
                max_leaves=8,
            ),
            max_size=3,
        )
    )
    def test_any_json_is_counted_or_refused(self, found: dict[str, Any]) -> None:
        try:
            counted = count_parameters(json.dumps(found).encode())
        except ValueError as refusal:
            assert str(refusal).startswith("a safetensors header ")  # noqa: PT017  # either outcome is right
        else:
            assert all(type(count) is int and 0 <= count <= 3 * MAX_ELEMENTS for count in counted.values())

    @pytest.mark.parametrize(
        "content",
        [[], "text", 7, None, {"w": None}, {"w": []}, {"w": {}}, {"w": {"dtype": "F32"}}, {"w": {"shape": []}}],
    )
    def test_what_is_not_a_header_is_refused(self, content: Any) -> None:
        with pytest.raises(ValueError, match=r"^a safetensors header "):
            count_parameters(json.dumps(content).encode())

    @pytest.mark.parametrize("dtype", [None, 7, "", "bf16", "F 32", "F" * 17, "<script>", ["F32"]])
    def test_a_type_that_is_none_is_refused(self, dtype: Any) -> None:
        with pytest.raises(ValueError, match="lacks dtype or shape"):
            count_parameters(header(weight=tensor(dtype)))

    @pytest.mark.parametrize(
        "shape",
        [
            [-1],
            [1.5],
            ["2"],
            [None],
            [True],
            [[2]],
            [MAX_ELEMENTS + 1],
            [MAX_ELEMENTS, 2],
            [1] * (MAX_DIMENSIONS + 1),
        ],
    )
    def test_an_impossible_shape_is_refused(self, shape: Any) -> None:
        with pytest.raises(ValueError, match="an impossible shape"):
            count_parameters(header(weight=tensor("F32", shape)))

    @pytest.mark.parametrize("shape", [7, "2", None, {"0": 1}])
    def test_a_shape_that_is_no_list_is_refused(self, shape: Any) -> None:
        with pytest.raises(ValueError, match="lacks dtype or shape"):
            count_parameters(header(weight=tensor("F32", shape)))

    @pytest.mark.parametrize("shape", [[MAX_ELEMENTS], [1] * MAX_DIMENSIONS, [0, MAX_ELEMENTS]])
    def test_the_largest_shape_is_permitted(self, shape: list[int]) -> None:
        assert count_parameters(header(weight=tensor("F32", shape))) == {"F32": prod(shape)}
