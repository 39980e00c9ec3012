"""Sources, commits and credentials."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.models import ModelSource, RegistryToken
from tests.unit.domain.builders import A


@given(st.text(alphabet="0123456789abcdef", min_size=40, max_size=40))
def test_a_full_commit_is_pinned(commit: str) -> None:
    assert ModelSource("acme/twin", commit).is_pinned


@pytest.mark.parametrize(
    "revision", ["main", "v1.0", "refs/pr/7", A[:39], A + "a", A.upper(), "g" * 40, f" {A}", f"{A}\n", f"{A} ", ""]
)
def test_everything_else_may_move(revision: str) -> None:
    assert not ModelSource("acme/twin", revision).is_pinned


def test_a_token_shows_in_no_form_that_ends_up_in_a_log() -> None:
    token = RegistryToken("hf_secret")
    shown = [str(token), repr(token), f"{token}", f"{token!r}", repr({"token": token}), repr(ValueError(token))]
    assert not any("hf_secret" in text for text in shown)
