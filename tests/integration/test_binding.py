"""The Secret for clients on a real API server: made, mended, collected, and never somebody else's."""

import json
from base64 import b64decode
from datetime import UTC, datetime

import httpx2
import pytest

from tests.testbed.controlplane.audit import AuditedWrite
from tests.testbed.operator_process import OperatorProcess
from tests.testbed.workbench import OPERATOR_USER, REGION, Workbench

SOON = {"binding_recheck": 0.3}
NAME = "twin-binding"


def serve(bench: Workbench, commit: str) -> None:
    bench.model_version()
    bench.deployment()
    bench.wait_serving(commit)


def content(bench: Workbench) -> dict[str, str]:
    """What is in the Secret; empty if there is none."""
    found = bench.get("Secret", NAME) or {}
    return {key: b64decode(value).decode() for key, value in (found.get("data") or {}).items()}


def wait_content(bench: Workbench, wanted: dict[str, str]) -> None:
    bench.wait(lambda: content(bench) == wanted, f"the Secret {NAME} holds {wanted}")


def expected(bench: Workbench) -> dict[str, str]:
    host = f"runtime.sagemaker.{REGION}.amazonaws.com"
    return {
        "type": "openai",
        "provider": "sagemaker",
        "uri": f"https://{host}/endpoints/{bench.endpoint}/openai/v1",
        "host": host,
        "port": "443",
        "model": "tgi",
        "engine": "TGI",
        "region": REGION,
        "endpoint-name": bench.endpoint,
    }


def test_clients_find_it_by_the_status(bench: Workbench, commit: str) -> None:
    with bench.operator():
        serve(bench, commit)
    status = bench.status("Deployment")
    secret = bench.get("Secret", status["binding"]["name"])
    assert secret
    assert secret["type"] == "servicebinding.io/openai"
    assert content(bench) == expected(bench)
    assert status["endpoint"]["url"] == content(bench)["uri"]
    assert status["endpoint"]["model"] == content(bench)["model"]
    (owner,) = secret["metadata"]["ownerReferences"]
    assert owner["uid"] == bench.get("Deployment")["metadata"]["uid"]  # type: ignore[index]
    shown = bench.plane.kubectl("get", "sdep/twin", "-o", "wide", "-n", bench.namespace).stdout
    assert status["endpoint"]["url"] in shown


def test_what_it_says_is_enough_to_ask(bench: Workbench, commit: str) -> None:
    """A client that knows nothing but the Secret. The stand-in is elsewhere than the host, that is all."""
    with bench.operator():
        bench.model_version()
        bench.deployment(target={"endpointName": "Twin-In-Capitals"})
        bench.wait_serving(commit)
    binding = content(bench)
    url = binding["uri"].replace(f"https://{binding['host']}", bench.sagemaker.url) + "/chat/completions"
    headers = {"Authorization": f"Bearer {bench.sagemaker.bearer_token(region=binding['region'])}"}
    body = {"model": binding["model"], "messages": [{"role": "user", "content": "Who are you?"}]}
    answer = httpx2.post(url, headers=headers, json=body, timeout=10, trust_env=False)
    assert answer.status_code == 200, answer.text
    assert commit in answer.json()["choices"][0]["message"]["content"]


def test_it_is_mended_when_somebody_deletes_or_changes_it(bench: Workbench, commit: str) -> None:
    with bench.operator(timing=SOON):
        serve(bench, commit)
        bench.cluster.delete("Secret", bench.namespace, NAME)
        wait_content(bench, expected(bench))
        bench.secret(NAME, uri="https://evil.example")
        wait_content(bench, expected(bench))
        bench.cluster.patch("Secret", bench.namespace, NAME, {"data": {"model": None}})
        wait_content(bench, expected(bench))
        # What somebody adds is his.
        bench.secret(NAME, extra="value", host="evil.example")
        wait_content(bench, {**expected(bench), "extra": "value"})


def test_what_is_not_known_any_more_leaves_it(bench: Workbench, commit: str) -> None:
    """An entry that was applied once, as by a former version of the operator, is owned and goes."""
    with bench.operator():
        serve(bench, commit)
    applied = bench.get("Secret", NAME)
    assert applied
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": applied["type"],
        "metadata": {
            "name": NAME,
            "namespace": bench.namespace,
            "ownerReferences": applied["metadata"]["ownerReferences"],
        },
        "data": {**applied["data"], "former": "eA=="},
    }
    apply = ("apply", "--server-side", "--force-conflicts", "--field-manager=slipway", "--filename=-")
    bench.plane.kubectl(*apply, stdin=json.dumps(manifest))
    assert content(bench)["former"] == "x"
    with bench.operator():
        wait_content(bench, expected(bench))


def test_somebody_elses_secret_is_left_alone_until_it_is_gone(bench: Workbench, commit: str) -> None:
    bench.secret(NAME, password="theirs")
    before = bench.get("Secret", NAME)
    with bench.operator(timing=SOON) as operator:
        bench.model_version()
        bench.deployment()
        found = bench.wait_reason("Deployment", "twin", "BindingFailed", "BindingConflict")
        assert NAME in found["message"]
        assert bench.serving() == commit
        assert "binding" not in bench.status("Deployment")
        assert bench.get("Secret", NAME) == before
        bench.cluster.delete("Secret", bench.namespace, NAME)
        bench.wait_serving(commit)
        wait_content(bench, expected(bench))
    assert "theirs" not in operator.log.read_text() + bench.everything_written()


def test_a_secret_that_cannot_be_changed_is_reported_with_the_servers_words(bench: Workbench, commit: str) -> None:
    with bench.operator(timing=SOON):
        serve(bench, commit)
        bench.cluster.patch("Secret", bench.namespace, NAME, {"data": {"uri": "eA=="}, "immutable": True})
        found = bench.wait_reason("Deployment", "twin", "BindingFailed", "ApiServerRefused")
        assert "immutable" in found["message"]
        assert bench.serving() == commit
        bench.cluster.delete("Secret", bench.namespace, NAME)
        bench.wait_serving(commit)
        wait_content(bench, expected(bench))


def test_it_goes_with_the_deployment(bench: Workbench, commit: str) -> None:
    if "garbage collection is off" in bench.plane.origin:
        pytest.skip(bench.plane.origin)
    with bench.operator(timing=SOON):
        serve(bench, commit)
        assert content(bench)
        bench.cluster.delete("Deployment", bench.namespace, "twin")
        bench.wait_gone("Deployment")
        bench.wait(lambda: bench.get("Secret", NAME) is None, "the Secret is collected")
        # One of the same name gets one of its own.
        again = bench.deployment()
        bench.wait_serving(commit)
        (owner,) = bench.get("Secret", NAME)["metadata"]["ownerReferences"]  # type: ignore[index]
        assert owner["uid"] == again["metadata"]["uid"]


def test_at_rest_it_is_looked_at_and_not_written(bench: Workbench, commit: str) -> None:
    if not bench.plane.owned:
        pytest.skip(f"needs the API server's audit log; this is {bench.plane.origin}")

    def writes(since: datetime) -> list[AuditedWrite]:
        # The event about the last transition may be recorded later than the status.
        return [write for write in bench.plane.audit_writes(OPERATOR_USER, since) if write.resource != "events"]

    def looks(operator: OperatorProcess) -> float:
        return bench.metric(operator, "slipway_reconcile_total", kind="Deployment", result="done")

    with bench.operator(timing=SOON) as operator:
        serve(bench, commit)
        wait_content(bench, expected(bench))
        since, before = datetime.now(UTC), looks(operator)
        bench.wait(lambda: looks(operator) >= before + 5, "five looks at the Secret")
        assert writes(since) == []
    since = datetime.now(UTC)
    with bench.operator(timing=SOON) as operator:
        bench.wait(lambda: looks(operator) >= 5, "five looks after a restart")
        assert writes(since) == []
