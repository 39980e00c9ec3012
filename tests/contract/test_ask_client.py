"""examples/client/ask.py: it knows what the binding says and nothing else, and says what is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import httpx2
import pytest

from tests.testbed.sagemaker import ACCOUNT, REGION, LocalSageMaker
from tests.testbed.sagemaker.front import Front

ROOT = Path(__file__).parents[2]
ASK = ROOT / "examples" / "client" / "ask.py"
SHA = "0123456789abcdef0123456789abcdef01234567"
OTHER = "210987654321"


@pytest.fixture
def sagemaker() -> Iterator[LocalSageMaker]:
    with LocalSageMaker() as local:
        local.seed(["Twin"], account=OTHER, repo="acme/twin", revision=SHA)
        yield local


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.defpath, "HOME": str(folder), "SERVICE_BINDING_ROOT": str(folder / "bindings"), **more}


def mounted(folder: Path, **entries: str) -> None:
    """As a kubelet mounts a Secret."""
    binding = folder / "bindings" / "twin"
    binding.mkdir(parents=True)
    for name, value in entries.items():
        (binding / name.replace("_", "-")).write_text(value)


def asked(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ASK), *(arguments or ("twin", "Who are you?"))]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def on_sagemaker(region: str = REGION) -> dict[str, str]:
    return {
        "type": "openai",
        "provider": "sagemaker",
        "uri": f"https://runtime.sagemaker.{region}.amazonaws.com/endpoints/Twin/openai/v1",
        "model": "tgi",
        "region": region,
    }


def test_on_sagemaker_it_signs_with_its_own_identity(tmp_path: Path, sagemaker: LocalSageMaker) -> None:
    mounted(tmp_path, **on_sagemaker())
    with Front(sagemaker.url, tmp_path / "front") as front:
        outside = {"HTTPS_PROXY": front.url, "SSL_CERT_FILE": str(front.ca_file), "AWS_EC2_METADATA_DISABLED": "true"}
        key, secret = sagemaker.credentials(OTHER)
        told = environment(tmp_path, **outside, AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret)

        good = asked(told)
        assert (good.returncode, SHA in good.stdout) == (0, True), good.stderr
        assert "sagemaker" in good.stderr
        assert sagemaker.calls[-1].account == OTHER != ACCOUNT
        assert secret not in good.stdout + good.stderr

        forged = asked({**told, "AWS_SECRET_ACCESS_KEY": "another"})
        assert forged.returncode == 1
        assert "403" in forged.stderr
        assert "UnrecognizedClientException" in forged.stderr

        nobody = asked(environment(tmp_path, **outside))
        assert nobody.returncode == 1
        assert "no AWS credentials" in nobody.stderr

        sagemaker.deny("sagemaker:CallWithBearerToken", account=OTHER)
        denied = asked(told)
        assert denied.returncode == 1
        assert "sagemaker:CallWithBearerToken" in denied.stderr


def test_the_front_leads_to_sagemaker_alone(tmp_path: Path, sagemaker: LocalSageMaker) -> None:
    with Front(sagemaker.url, tmp_path) as front, httpx2.Client(proxy=front.url, trust_env=False) as client:
        with pytest.raises(httpx2.ProxyError, match="403"):
            client.get("https://huggingface.co/")
        with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            client.get(f"https://runtime.sagemaker.{REGION}.amazonaws.com/")


def test_without_a_binding_it_says_so(tmp_path: Path) -> None:
    nothing = asked(environment(tmp_path))
    assert nothing.returncode == 1
    assert nothing.stderr.startswith("no answer: no binding twin")
    mounted(tmp_path, type="postgresql", uri="postgres://db")
    other = asked(environment(tmp_path))
    assert other.returncode == 1
    assert "no binding of type openai" in other.stderr


def test_who_is_not_there_does_not_answer(tmp_path: Path) -> None:
    mounted(tmp_path, type="openai", provider="cluster", uri="http://127.0.0.1:9/v1", model="tgi")
    gone = asked(environment(tmp_path))
    assert gone.returncode == 1
    assert "http://127.0.0.1:9/v1/chat/completions" in gone.stderr
    assert "Traceback" not in gone.stderr


def test_in_the_cluster_nothing_of_its_aws_identity_leaves_it(tmp_path: Path) -> None:
    requests = []

    class Engine(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            requests.append((self.path, dict(self.headers), body))
            self.send_response(200)
            self.end_headers()
            answer = {"choices": [{"message": {"role": "assistant", "content": "A place to launch from."}}]}
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Engine)
    Thread(target=server.serve_forever, daemon=True).start()
    mounted(
        tmp_path, type="openai", provider="cluster", uri=f"http://127.0.0.1:{server.server_port}/v1", model="acme/twin"
    )
    try:
        said = asked_with_keys(tmp_path)
    finally:
        server.shutdown()
        server.server_close()
    assert (said.returncode, said.stdout) == (0, "A place to launch from.\n"), said.stderr
    ((path, headers, body),) = requests
    assert (path, body["model"]) == ("/v1/chat/completions", "acme/twin")
    assert "Authorization" not in headers
    assert "AKIA" not in json.dumps([headers, body])


def asked_with_keys(folder: Path) -> subprocess.CompletedProcess[str]:
    return asked(environment(folder, AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY="secret"))
