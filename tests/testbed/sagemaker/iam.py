"""The few operations of IAM and STS that moto does not answer, or answers too kindly.

[S] Members and wrappers: the service models of iam and sts. [M] Codes and texts of the refusals.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from xml.sax.saxutils import escape

from tests.testbed.sagemaker import refusals
from tests.testbed.sagemaker.identities import OWN_ROLE, Principal
from tests.testbed.sagemaker.permissions import Permissions
from tests.testbed.sagemaker.rules import Rules
from tests.testbed.sagemaker.wire import Answer

Params = Mapping[str, str]
_ENTITY = re.compile(r"arn:[^:]*:iam::(?P<account>\d{12}):(?P<kind>role|user|group)/(?P<path>.+)")
_IAM = "https://iam.amazonaws.com/doc/2010-05-08/"
_STS = "https://sts.amazonaws.com/doc/2011-06-15/"


def _answer(operation: str, namespace: str, result: str) -> Answer:
    xml = (
        f'<{operation}Response xmlns="{namespace}"><{operation}Result>{result}</{operation}Result>'
        f"<ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></{operation}Response>"
    )
    return Answer(200, xml.encode(), {"Content-Type": "text/xml"})


def get_caller_identity(caller: Principal) -> Answer:
    """[D] For a role, the ARN of its session."""
    _, _, session = caller.arn.rpartition("/")
    result = (
        f"<Arn>{escape(caller.arn)}</Arn><UserId>{_id(caller.role)}:{escape(session)}</UserId>"
        f"<Account>{caller.account}</Account>"
    )
    return _answer("GetCallerIdentity", _STS, result)


def roles(rules: Rules, account: str) -> dict[str, str]:
    """The roles of an account that the double knows, ARNs by name: the caller's own, to pass, to assume."""
    listed = [f"arn:aws:iam::{account}:role/{OWN_ROLE}", *rules.roles, *rules.assumable]
    return {arn.rpartition("/")[2]: arn for arn in reversed(listed) if arn.split(":")[4] == account}


def get_role(rules: Rules, caller: Principal, params: Params) -> Answer | None:
    """None: moto may know it."""
    arn = roles(rules, caller.account).get(params.get("RoleName", ""))
    if arn is None:
        return None
    path = arn.partition(":role")[2].rpartition("/")[0] + "/"
    result = (
        f"<Role><Path>{escape(path)}</Path><RoleName>{escape(params['RoleName'])}</RoleName>"
        f"<RoleId>{_id(params['RoleName'])}</RoleId><Arn>{escape(arn)}</Arn>"
        "<CreateDate>2026-01-01T00:00:00Z</CreateDate></Role>"
    )
    return _answer("GetRole", _IAM, result)


def simulate(rules: Rules, permissions: Permissions, caller: Principal, params: Params) -> Answer:
    """SimulatePrincipalPolicy, from the same list that the calls themselves are checked against."""
    source = params.get("PolicySourceArn", "")
    role = _role(rules, caller, source)
    actions, resources = _members(params, "ActionNames"), _members(params, "ResourceArns") or ["*"]
    services = {action.partition(":")[0] for action in actions}
    if not actions or not all(re.fullmatch(r"[\w-]+:\w+", action) for action in actions):
        raise refusals.Refusal("InvalidInput", f"Invalid Action Name: {actions}")
    if len(services) > 1:
        listed = ",".join(actions)
        raise refusals.Refusal(
            "InvalidInput", f"Invalid Input Actions: {listed} require different authorization information"
        )
    results = []
    for action in actions:
        for resource in resources:
            decision = permissions.decide(caller.account, role, (action, resource))
            results.append(_result(action, resource, decision))
    listed = "".join(f"<member>{one}</member>" for one in results)
    more = "<IsTruncated>false</IsTruncated>"
    return _answer("SimulatePrincipalPolicy", _IAM, f"<EvaluationResults>{listed}</EvaluationResults>{more}")


def _result(action: str, resource: str, decision: str) -> str:
    return (
        f"<EvalActionName>{escape(action)}</EvalActionName><EvalResourceName>{escape(resource)}</EvalResourceName>"
        f"<EvalDecision>{decision}</EvalDecision><MatchedStatements/><MissingContextValues/>"
        "<ResourceSpecificResults><member>"
        f"<EvalResourceName>{escape(resource)}</EvalResourceName><EvalResourceDecision>{decision}"
        "</EvalResourceDecision><MatchedStatements/><MissingContextValues/></member></ResourceSpecificResults>"
    )


def _role(rules: Rules, caller: Principal, source: str) -> str:
    """The name of the role to simulate, which must be one of the caller's account."""
    found = _ENTITY.fullmatch(source)
    if found is None:
        raise refusals.Refusal(
            "InvalidInput", f"Invalid Entity Arn: {source} does not clearly define entity type and name."
        )
    if found["account"] != caller.account:
        raise refusals.denied(caller.arn, "iam:SimulatePrincipalPolicy", source, service="iam")
    name = found["path"].rpartition("/")[2]
    known = roles(rules, caller.account).get(name, "")
    if found["kind"] != "role" or known.partition(":role/")[2] != found["path"]:
        raise refusals.Refusal("NoSuchEntity", f"The {found['kind']} with name {name} cannot be found.", 404)
    return name


def _members(params: Params, name: str) -> list[str]:
    """A list as the query protocol spells it: ActionNames.member.1, ActionNames.member.2, ..."""
    found: list[str] = []
    while (key := f"{name}.member.{len(found) + 1}") in params:
        found.append(params[key])
    return found


def _id(role: str) -> str:
    return "AROA" + hashlib.sha256(role.encode()).hexdigest()[:17].upper()
