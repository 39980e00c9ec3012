"""Putting a question to an endpoint, as its clients do."""

from slipway.api.v1alpha1.deployment_status import Placement
from slipway.domain.errors import NotFound, Rejected, Transient
from slipway.domain.prompt_check import CheckAnswer
from slipway.domain.sagemaker.check import CheckRequest
from slipway.targets.sagemaker.clients import RUNTIME, AwsSession
from slipway.targets.sagemaker.timed import Timed


async def check(clients: AwsSession, placement: Placement, question: CheckRequest) -> CheckAnswer:
    """Ask once. What the container says, and that it says nothing in time, is an answer.

    Time counts from when the question is sent: while many endpoints are asked at once, it may wait for its turn.

    Raises the errors of `slipway.domain.errors` for everything that is not the container's doing.
    """
    timed = Timed(question.timeout)
    try:
        answered = await clients.timed_call(
            timed,
            RUNTIME,
            placement.region,
            "invoke_endpoint",
            EndpointName=question.endpoint,
            ContentType="application/json",
            Accept="application/json",
            Body=question.body,
        )
    except NotFound as missing:
        # DescribeEndpoint has just shown it in service: the runtime learns of it a little later.
        raise Transient("EndpointNotVisible", missing.message) from missing
    except Transient:
        if not timed.ran_out:
            raise
        return CheckAnswer(latency=timed.seconds, problem=f"no answer within {question.timeout} s")
    except Rejected as refused:
        if refused.reason != "ModelError":
            raise
        return CheckAnswer(latency=timed.seconds, problem=refused.message)
    return CheckAnswer(body=answered["Body"], latency=timed.seconds)
