"""docs/clients.md: its examples can be read by what they are for, and name what there is."""

import ast
import json
import re
from pathlib import Path

import pytest
import yaml

from slipway.domain.binding import SECRET_TYPE, binding_name, entries
from tests.unit.domain.test_binding import CONTENT, status

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
