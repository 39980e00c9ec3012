"""Row "throttle": everybody who asks the same account and region waits, and then it passes."""

from slipway.targets.sagemaker.errors import THROTTLE_DELAY
from tests.integration.error_table.stage import calls, effects, outcomes, said, staged
from tests.testbed.workbench import Workbench

CODES = {
    "CreateModel": "ThrottlingException",
    "CreateEndpointConfig": "Throttling",
    "CreateEndpoint": "RequestLimitExceeded",
}
"""A code of AWS's for each."""


def test_throttling_holds_everybody_and_passes(bench: Workbench, commit: str) -> None:
    """That it holds everybody, tests/contract/test_sagemaker_accounts.py shows (TestLanes)."""
    with staged(bench, commit, endpoint_sweep=60):
        for operation, code in CODES.items():
            bench.sagemaker.throttle(operation, code=code)
        bench.deployment()
        assert said(bench, "AwsThrottled") == "CreateModel: Rate exceeded"
        bench.wait_serving(commit, timeout=60)
        for operation, code in CODES.items():
            assert outcomes(bench, operation) == [code, "done"]
            first, second = calls(bench, operation)
            assert second.time - first.time >= THROTTLE_DELAY * 0.9
        assert effects(bench) == dict.fromkeys(CODES, 1)
