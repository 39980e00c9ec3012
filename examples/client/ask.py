#!/usr/bin/env python3
"""Asks the model that a binding Secret leads to, wherever it is served.

    SERVICE_BINDING_ROOT=/bindings python ask.py twin "What is a slipway?"

All that it knows are the entries of the Secret, which a pod mounts as the folder $SERVICE_BINDING_ROOT/twin. They are
read for each question, so that a Deployment may move from SageMaker into the cluster, or back, while this program
stays as it is. The answer goes to stdout; where it came from, and what went wrong, to stderr.

Nothing but Python for a model in the cluster. For one on SageMaker: botocore (pip install boto3), and an AWS identity
of the process's own with docs/iam/client-permissions.json. HTTPS_PROXY, HTTP_PROXY, NO_PROXY and SSL_CERT_FILE mean
what they mean everywhere.
"""

import base64
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

TIMEOUT = 60
"""Seconds. SageMaker gives an answer no more: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html"""


class NoAnswerError(Exception):
    """There is nobody to ask, or no answer; the message says why."""


def read_binding(name: str) -> dict[str, str]:
    """The entries of the binding: https://servicebinding.io/spec/core/1.1.0/#workload-projection"""
    folder = Path(os.environ.get("SERVICE_BINDING_ROOT", "/bindings")) / name
    try:
        binding = {file.name: file.read_text() for file in folder.iterdir() if file.is_file()}
    except OSError as problem:
        raise NoAnswerError(f"no binding {name}, {folder}: {problem.strerror}") from None
    if binding.get("type") != "openai" or "uri" not in binding:
        raise NoAnswerError(f"{folder} is no binding of type openai: nothing serves, or it is another service's")
    return binding


def aws_token(region: str) -> str:
    """A bearer token for SageMaker, signed with the AWS credentials that this process finds. It takes no request.

    The same as generate_token of the package sagemaker-core, without its hundreds of megabytes.
    """
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.session import Session

    credentials = Session().get_credentials()
    if credentials is None:
        raise NoAnswerError("the model is on SageMaker, and this process has no AWS credentials")
    host = "sagemaker.amazonaws.com"
    signed = AWSRequest("POST", f"https://{host}/", {"host": host}, params={"Action": "CallWithBearerToken"})
    SigV4QueryAuth(credentials.get_frozen_credentials(), "sagemaker", region, expires=300).add_auth(signed)
    request = signed.url.removeprefix("https://") + "&Version=1"
    return "sagemaker-api-key-" + base64.b64encode(request.encode()).decode()


def headers_for(binding: Mapping[str, str]) -> dict[str, str]:
    """What a request carries: a token where the provider asks for one. A Service of the cluster asks for none."""
    headers = {"Content-Type": "application/json"}
    if binding.get("provider") == "sagemaker":
        headers["Authorization"] = f"Bearer {aws_token(binding['region'])}"
    return headers


def ask(binding: Mapping[str, str], prompt: str) -> str:
    """One question, by OpenAI's API. Raises NoAnswerError."""
    body = {"model": binding["model"], "messages": [{"role": "user", "content": prompt}], "max_tokens": 150}
    url = f"{binding['uri']}/chat/completions"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers_for(binding))  # noqa: S310 - the binding's
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            return str(json.load(answer)["choices"][0]["message"]["content"])
    except urllib.error.HTTPError as refused:
        raise NoAnswerError(f"{refused.code} {refused.reason}: {refused.read().decode(errors='replace')}") from None
    except (OSError, ValueError, LookupError) as problem:
        raise NoAnswerError(f"{url}: {problem}") from None


def main(name: str, prompt: str) -> int:
    """Returns the exit status: 1 if there is no answer."""
    try:
        binding = read_binding(name)
        print(f"provider {binding['provider']}, model {binding['model']}, {binding['uri']}", file=sys.stderr)
        print(ask(binding, prompt))
    except NoAnswerError as why:
        print(f"no answer: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit('usage: ask.py BINDING "QUESTION"')
    sys.exit(main(sys.argv[1], sys.argv[2]))
