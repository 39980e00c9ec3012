"""What differs has to be applied again; what the API server writes in its own way does not."""

from typing import Any

import pytest

from slipway.domain.cluster.looks.comparison import differs, is_foreign_change
from slipway.domain.cluster.marks import CONTENT


def thing(spec: Any, **annotations: str) -> dict[str, Any]:
    return {"kind": "Thing", "metadata": {"name": "a", "annotations": annotations}, "spec": spec}


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        ("1Gi", "1024Mi"), ("500m", "0.5"), ("2", 2), ("1G", "1000M"), ("16Ki", "16384"), ({"a": 1, "b": 2}, {"a": 1}),
        ([{"a": 1, "more": 2}], [{"a": 1}]), (None, {}), (None, []), (None, False), (None, ""),
    ],
)  # fmt: skip
def test_these_are_the_same(there: Any, wanted: Any) -> None:
    assert not differs(thing({"x": there}), thing({"x": wanted}))


@pytest.mark.parametrize(
    ("there", "wanted"),
    [("1Gi", "1G"), ("a", "b"), ({"a": 1}, {"a": 2}), ({}, {"a": 1}), ([1], [1, 2]), ([1, 2], [2, 1]), (True, 1000)],
)
def test_these_are_not(there: Any, wanted: Any) -> None:
    assert differs(thing({"x": there}), thing({"x": wanted}))


def test_a_foreign_change_is_one_after_ours() -> None:
    ours = thing({"x": 1}, **{CONTENT: "abc"})
    assert is_foreign_change(thing({"x": 2}, **{CONTENT: "abc"}), ours)
    assert not is_foreign_change(thing({"x": 2}, **{CONTENT: "before"}), ours)
    assert not is_foreign_change(thing({"x": 1, "y": 2}, **{CONTENT: "abc"}), ours)


def test_marks_that_others_add_do_not_matter() -> None:
    assert not differs(thing({"x": 1}, other="theirs"), thing({"x": 1}))
    assert differs(thing({"x": 1}), thing({"x": 1}, ours="here"))
