"""The URL that a client is told."""

import re
from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.sagemaker.client_access import base_url

ENDPOINT_NAMES = st.from_regex(re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"), fullmatch=True)


def test_the_url_is_the_one_of_awss_documentation() -> None:
    assert base_url("us-west-2", "my-endpoint") == (
        "https://runtime.sagemaker.us-west-2.amazonaws.com/endpoints/my-endpoint/openai/v1"
    )


@given(ENDPOINT_NAMES)
def test_the_name_is_in_the_url_as_it_is_case_and_all(name: str) -> None:
    url = urlsplit(base_url("cn-north-1", name))
    assert (url.scheme, url.hostname) == ("https", "runtime.sagemaker.cn-north-1.amazonaws.com.cn")
    assert url.path == f"/endpoints/{name}/openai/v1"
    assert (url.query, url.fragment) == ("", "")
