"""What IAM's refusals say: which principal lacks which action on which resource.

The form of the message: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

import re

_DENIAL = re.compile(
    r"User: (?P<principal>\S+) is not authorized to perform: (?P<action>[\w-]+:\w+)"
    r"(?: on resource: (?P<resource>\S+))?(?P<rest>.*)",
    re.DOTALL,
)
_LACKS = re.compile(r"IAM identity .*does not have (?P<action>[\w-]+:\w+) permission", re.DOTALL)
"""What is said where a service acts with its caller's rights:
https://github.com/awslabs/stable-diffusion-aws-extension/issues/161"""
_SESSION = re.compile(r"arn:[^:]*:sts::(?P<account>[0-9]{12}):assumed-role/(?P<role>[^/]+)/.*")
_CROSS_ACCOUNT = "Cross-account pass role is not allowed"


def advice_on(words: str) -> str | None:
    """What to do about a refusal, to be put after AWS's own words; None if they are in another form."""
    if _CROSS_ACCOUNT in words:
        return ". spec.target.sageMaker.executionRoleArn must be a role of the endpoint's own account"
    found = _DENIAL.search(words)
    if found is None:
        lacks = _LACKS.search(words)
        return f". Allow {lacks['action']} to the role that Slipway acts under here" if lacks else None
    resource = (found["resource"] or "*").rstrip(".,")
    what = f"{found['action']} on {resource}"
    who = _who(found["principal"])
    if "explicit deny" in found["rest"]:
        return f". A policy forbids {what} to {who}: take the explicit deny away"
    if found["action"] == "iam:PassRole":
        return f". Allow {what} to {who}, for sagemaker.amazonaws.com: see spec.target.sageMaker.executionRoleArn"
    return f". Allow {what} to {who}"


def _who(principal: str) -> str:
    """A session is nobody that a policy could be attached to: its role is."""
    session = _SESSION.fullmatch(principal)
    return f"the role {session['role']} of account {session['account']}" if session else principal
