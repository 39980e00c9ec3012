"""The documentation is complete: every reason, setting, metric and AWS operation of the code, and nothing else."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from slipway.domain.cluster.diagnosis.reasons import Reason
from slipway.domain.sagemaker import failures
from slipway.domain.sagemaker.observation import EndpointState
from slipway.domain.sagemaker.permissions import NEEDED, TO_BEGIN_WITH
from slipway.reconcilers.reporting import OWN_CONDITIONS
from slipway.settings import ClusterSetting, PlacementSetting, Settings, TimingSetting
from slipway.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "operator" / "slipway"
REASON = re.compile(r"^[A-Z][A-Za-z]+$")
ERRORS = {"Rejected", "Transient", "NotFound", "Conflict", "RateLimited", "AlreadyExists", "Busy"}
SAYERS = {**dict.fromkeys(("Finding", "OutsideError", *ERRORS), 0), "failure": 1}
"""What takes a reason, and as which of its arguments."""
FORWARDED = {
    *("error.reason", "drifted.reason", "ready.reason", "ails.reason", "failure.reason", "refused.reason"),
    *("gone.reason", "c.reason", "endpoint.state.value", "reason", "error"),
}
"""Arguments that pass on what was named elsewhere."""
NOT_REPORTED = {EndpointState.IN_SERVICE, EndpointState.FAILED}
"""States that a plan describes with words of its own."""


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path, ast.parse(path.read_text())


def scopes(tree: ast.Module) -> Iterator[list[ast.AST]]:
    """The nodes of each function, and those of the module that are in no function."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = [list(ast.walk(function)) for function in functions]
    within = {id(node) for nodes in inside for node in nodes}
    yield [node for node in ast.walk(tree) if id(node) not in within]
    yield from inside


def assigned(scope: list[ast.AST]) -> dict[str, ast.expr]:
    """What simple names are set to in a scope."""
    names: dict[str, ast.expr] = {}
    for node in scope:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            names[node.targets[0].id] = node.value
    return names


def words(node: ast.expr, names: dict[str, ast.expr]) -> set[str]:
    """The strings that an expression may be. Raises LookupError where that cannot be read off the source."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    if isinstance(node, ast.IfExp):
        return words(node.body, names) | words(node.orelse, names)
    if isinstance(node, ast.BoolOp):
        return set[str]().union(*(words(value, names) for value in node.values if not isinstance(value, ast.Name)))
    if isinstance(node, ast.Name) and node.id in names:
        return words(names[node.id], {name: value for name, value in names.items() if name != node.id})
    if ast.unparse(node) in FORWARDED:
        return set()
    raise LookupError(f"line {node.lineno}: cannot tell what the reason {ast.unparse(node)} is")


def reason_in(call: ast.Call) -> ast.expr | None:
    """The argument that is a reason; None: the call has none."""
    function = call.func
    name = (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )
    place = 0 if name == "kind" else SAYERS.get(name)  # `kind` holds one of ERRORS
    return call.args[place] if place is not None and len(call.args) > place else None


def in_table(node: ast.Tuple) -> bool:
    """An entry of a table such as ("words", NotFound, "Reason") or (_throttled, "Reason")."""
    makers = {element.id for element in node.elts if isinstance(element, ast.Name)}
    return bool(makers & (ERRORS | {"_throttled"})) and isinstance(node.elts[-1], ast.Constant | ast.IfExp)


def constants() -> dict[str, ast.expr]:
    """Module-level constants of all modules, for those that are imported elsewhere."""
    found: dict[str, ast.expr] = {}
    for _, tree in trees():
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                found |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
    return found


def reasons_in_source() -> set[str]:
    shared, found = constants(), set[str]()
    for path, tree in trees():
        for scope in scopes(tree):
            names = shared | assigned(scope)
            for node in scope:
                try:
                    if isinstance(node, ast.Call) and (reason := reason_in(node)) is not None:
                        found |= words(reason, names)
                    if isinstance(node, ast.Tuple) and in_table(node):
                        found |= words(node.elts[-1], names)
                except LookupError as unclear:
                    raise AssertionError(f"{path.relative_to(ROOT)}: {unclear}") from None
    found |= {reason for _, reason in failures._MARKS} | {failures.classify_failure("")}
    found |= {reason.value for reason in Reason}
    return found | {state.value for state in EndpointState if state not in NOT_REPORTED}


def documented(page: str, heading: str) -> list[str]:
    """The words in the first column of the tables below a heading, down to the next heading of its level."""
    level = heading.split(" ")[0]
    text = (ROOT / page).read_text().split(f"\n{heading}\n")[1]
    text = re.split(rf"\n#{{1,{len(level)}}} ", text)[0]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row)]


def test_every_reason_is_documented_and_exists() -> None:
    in_source = reasons_in_source()
    assert all(REASON.match(reason) for reason in in_source), in_source
    page = documented("docs/conditions.md", "## Reasons")
    assert in_source - set(page) == set(), "missing in docs/conditions.md"
    assert set(page) - in_source == set(), "documented, but not in the source"


def test_every_type_of_condition_is_documented_and_exists() -> None:
    assert sorted(documented("docs/conditions.md", "## Types")) == sorted(OWN_CONDITIONS)


def test_every_reason_of_a_diagnosis_is_explained_and_exists() -> None:
    text = (ROOT / "docs" / "diagnosis.md").read_text()
    explained = re.findall(r"^\| `([A-Za-z]+)` \|", text, re.MULTILINE)
    assert sorted(explained) == sorted(reason.value for reason in Reason)


def test_the_collector_sees_what_it_should() -> None:
    """One reason of each way to name one; without them, a silent collector would pass the test above."""
    assert {
        "InvalidSpec", "NameConflict", "EndpointMissing", "InsufficientCapacity", "Updating", "QuotaExceeded",
        "EndpointConfigNotFound", "AwsRefused", "ValidationFailed", "AwsUnavailable", "HubResponseInvalid",
        "SecretKeyNotFound", "HubRateLimited", "EndpointFailed", "HealthCheckFailed", "UnpinnedReference",
        "WrongRevision", "StartupTimedOut", "OptionalApiMissing", "LoadingWeights", "NotVerified",
    } <= reasons_in_source()  # fmt: skip


def test_a_reason_that_cannot_be_read_off_the_source_is_reported() -> None:
    calls = (node for node in ast.walk(ast.parse("Finding(compute(), 'text')")) if isinstance(node, ast.Call))
    (reason,) = (reason for call in calls if (reason := reason_in(call)) is not None)
    with pytest.raises(LookupError, match="compute"):
        words(reason, {})


NESTED: dict[str, type[BaseModel]] = {"timing": TimingSetting, "cluster": ClusterSetting}
"""Settings that are groups of settings."""


def test_every_setting_is_documented_and_exists() -> None:
    top = {f"SLIPWAY_{name.upper()}" for name in Settings.model_fields if name not in NESTED}
    nested = {f"SLIPWAY_{group}__{name}".upper() for group, fields in NESTED.items() for name in fields.model_fields}
    assert sorted(documented("README.md", "## Settings")) == sorted(top | nested | {"SLIPWAY_CONFIG"})


def test_the_example_of_placements_has_every_field() -> None:
    text = (ROOT / "README.md").read_text().split("\n## Settings\n")[1]
    (example,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    (entry,) = json.loads(example)
    assert set(entry) == set(PlacementSetting.model_fields)
    PlacementSetting.model_validate(entry)


def test_defaults_in_the_settings_table_are_the_codes() -> None:
    rows = re.findall(r"^\| `SLIPWAY_([A-Z_]+)` \| ([^|]*) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    shown = {name.lower(): value.strip().strip("`") for name, value in rows}
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    for group, fields in NESTED.items():
        defaults |= {f"{group}__{name}": field.default for name, field in fields.model_fields.items()}
    for name, default in defaults.items():
        if isinstance(default, bool):
            assert shown[name] == str(default).lower(), name
        elif isinstance(default, int | float):
            assert float(shown[name]) == default, name
        elif isinstance(default, str):
            assert shown[name] == default, name


def test_every_metric_is_documented_and_exists() -> None:
    class NoQueue:
        depth = 0

        def longest_wait(self) -> float:
            return 0.0

    metrics = Metrics()
    metrics.watch_queue(NoQueue())  # type: ignore[arg-type]
    names = {
        f"{family.name}_total" if family.type == "counter" else family.name for family in metrics.registry.collect()
    }
    assert set(documented("README.md", "## Metrics and health")) == names


SERVICES = {
    "GetCallerIdentity": "sts",
    "GetRole": "iam",
    "SimulatePrincipalPolicy": "iam",
    "PutMetricAlarm": "cloudwatch",
    "DescribeAlarms": "cloudwatch",
    "DeleteAlarms": "cloudwatch",
}
"""Of operations that are not SageMaker's."""


def operations() -> set[str]:
    """The boto3 operations in targets/sagemaker, as IAM actions."""
    verbs = ("invoke", "put", "create", "update", "delete", "describe", "list", "add", "get", "simulate")
    name = re.compile(rf"^(?:{'|'.join(verbs)})_[a-z_]+$")
    found = {"describe_endpoint_config", "describe_model"}  # written as f"describe_{kind}" in one place
    for path in (SOURCE / "targets" / "sagemaker").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and name.match(node.value):
                found.add(node.value)
    camel = {"".join(part.title() for part in operation.split("_")) for operation in found}
    return {f"{SERVICES.get(action, 'sagemaker')}:{action}" for action in camel}


NO_OPERATION = {"iam:PassRole", "sts:AssumeRole", "sts:TagSession", "cloudwatch:TagResource"}
"""Actions of other operations (PassRole, TagSession, TagResource), or called by botocore (AssumeRole)."""


def test_the_operators_policy_allows_what_the_code_asks_for_and_nothing_else() -> None:
    policy = json.loads((ROOT / "docs" / "iam" / "operator-permissions.json").read_text())
    allowed = {
        action
        for statement in policy["Statement"]
        for action in (statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]])
    }
    assert allowed == {need.action for need in NEEDED} | TO_BEGIN_WITH
    assert operations() <= allowed
    assert allowed - operations() <= NO_OPERATION


def test_links_in_the_documentation_lead_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?://)([^)#\s]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"
