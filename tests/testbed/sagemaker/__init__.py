"""A local SageMaker over HTTP, on moto's server: at least as strict as the real one.

    with LocalSageMaker() as sagemaker:
        sagemaker.add_role("arn:aws:iam::123456789012:role/sagemaker")
        client = boto3.client("sagemaker", endpoint_url=sagemaker.url, ...)

A test holds an update at a phase and lets it on (`hold`, `release_step`, `release`), trips its alarms through
CloudWatch's own API, says what becomes of invocations (`script_invocation`), takes permissions and credentials away
(`deny`, `expire_sessions`, `invalidate`), makes calls and deployments fail (`fail`, `throttle`, `next_failure`,
`no_capacity`), and changes things behind the caller's back (`change_config`, `remove_endpoint`, ...).

What is marked [M] in the sources was written from memory of the real service, not read anywhere.
"""

from tests.testbed.sagemaker.calls import Call, Fault
from tests.testbed.sagemaker.defaults import ACCOUNT, HF_VLLM_IMAGE, IMAGE, REGION, ROLE, VLLM_IMAGE
from tests.testbed.sagemaker.invoking import Outcome, Script
from tests.testbed.sagemaker.local import LocalSageMaker, Resource
from tests.testbed.sagemaker.permissions import Denial
from tests.testbed.sagemaker.refusals import ALARM_REASON, CAPACITY_REASON

__all__ = [
    "ACCOUNT",
    "ALARM_REASON",
    "CAPACITY_REASON",
    "HF_VLLM_IMAGE",
    "IMAGE",
    "REGION",
    "ROLE",
    "VLLM_IMAGE",
    "Call",
    "Denial",
    "Fault",
    "LocalSageMaker",
    "Outcome",
    "Resource",
    "Script",
]
