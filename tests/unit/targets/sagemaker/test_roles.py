"""Names of sessions."""

import re

from hypothesis import given
from hypothesis import strategies as st

from slipway.targets.sagemaker.roles import session_name


@given(st.text(max_size=300))
def test_every_installation_makes_a_name_that_sts_takes(installation: str) -> None:
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"""
    assert re.fullmatch(r"[A-Za-z0-9_+=,.@-]{2,64}", session_name(installation))


def test_it_names_the_installation() -> None:
    assert session_name("example-cluster") == "slipway-example-cluster"
    assert session_name("3f2a/slipway two") == "slipway-3f2a-slipway-two"
