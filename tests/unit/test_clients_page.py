"""docs/clients.md: its examples can be read by what they are for, and name what there is."""

import ast
import json
import os
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from slipway.api.v1alpha1.deployment_status import ClusterPlacement
from slipway.domain.binding import SECRET_TYPE, binding_name, entries
from tests.unit.domain.test_binding import CONTENT, at, status

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "clients.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_every_entry_of_the_secret_is_in_the_table_and_no_other() -> None:
    section = PAGE.split("## The binding Secret")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert sorted(key for row in rows for key in re.findall(r"`([^`]+)`", row)) == sorted(CONTENT)
    assert entries(status()) == CONTENT
    assert f"`{SECRET_TYPE}`" in section


@pytest.mark.parametrize("snippet", PYTHON, ids=range(len(PYTHON)))
def test_python_is_python_and_reads_entries_that_there_are(snippet: str) -> None:
    ast.parse(snippet)
    assert set(re.findall(r"binding\[['\"]([a-z-]+)['\"]\]", snippet)) <= CONTENT.keys()


def test_the_pod_mounts_the_secret_where_the_code_reads_it() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    pod = yaml.safe_load(text)
    (container,) = pod["spec"]["containers"]
    (mount,), (variable,) = container["volumeMounts"], container["env"]
    assert mount["mountPath"] == f"{variable['value']}/twin"
    assert variable["name"] == "SERVICE_BINDING_ROOT"
    (volume,) = pod["spec"]["volumes"]
    assert volume["projected"]["sources"] == [{"secret": {"name": binding_name("twin")}}]


def test_the_permissions_are_those_that_the_page_names() -> None:
    policy = json.loads((ROOT / "docs" / "iam" / "client-permissions.json").read_text())
    actions = [statement["Action"] for statement in policy["Statement"]]
    assert actions == ["sagemaker:InvokeEndpoint", "sagemaker:CallWithBearerToken"]
    assert all(action in PAGE for action in actions)


def test_in_the_cluster_the_secret_differs_as_the_page_says() -> None:
    url = re.findall(r"`(http://[^`]*svc[^`]*)`", PAGE)[0]
    found = entries(status(placement=ClusterPlacement(), endpoint=at(name="twin", url=url)))
    assert found
    assert CONTENT.keys() - found.keys() == {"region"}
    row = next(line for line in PAGE.splitlines() if line.startswith("| `region`"))
    assert "Not in the cluster" in row
    assert found["provider"] == "cluster"
    assert "`sagemaker` or `cluster`" in PAGE


def test_tgis_own_schema_is_asked_at_the_root_of_the_service(tmp_path: Path) -> None:
    """The program of the page, against a server that answers there as TGI does."""
    asked: list[tuple[str, Any]] = []

    class Engine(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'[{"generated_text": "A place to launch from."}]')

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Engine)
    Thread(target=server.serve_forever, daemon=True).start()
    (binding := tmp_path / "twin").mkdir()
    (binding / "uri").write_text(f"http://127.0.0.1:{server.server_port}/v1")
    (program,) = (snippet for snippet in PYTHON if "urllib" in snippet)
    environment = {"PATH": os.defpath, "SERVICE_BINDING_ROOT": str(tmp_path)}
    try:
        command = [sys.executable, "-c", program]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
    finally:
        server.shutdown()
        server.server_close()
    assert result.stdout == "A place to launch from.\n"
    assert [(path, set(body)) for path, body in asked] == [("/", {"inputs", "parameters"})]
