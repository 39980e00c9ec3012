"""The way of rolling out, and its alarms, as AWS takes them."""

from typing import Any

from slipway.domain.sagemaker.rollout import AlarmRequest, RolloutPolicy


def deployment_config(policy: RolloutPolicy) -> dict[str, Any]:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeploymentConfig.html"""
    size = {"Type": "CAPACITY_PERCENT", "Value": policy.step_percent}
    longest = {"MaximumExecutionTimeoutInSeconds": policy.longest} if policy.longest else {}
    if policy.shift == "ROLLING":
        rolling = {"MaximumBatchSize": size, "WaitIntervalInSeconds": policy.interval, **longest}
        result: dict[str, Any] = {"RollingUpdatePolicy": rolling}
    else:
        traffic: dict[str, Any] = {"Type": policy.shift, "WaitIntervalInSeconds": policy.interval}
        if policy.shift != "ALL_AT_ONCE":
            traffic["CanarySize" if policy.shift == "CANARY" else "LinearStepSize"] = size
        blue_green = {"TrafficRoutingConfiguration": traffic, "TerminationWaitInSeconds": policy.termination_wait}
        result = {"BlueGreenUpdatePolicy": {**blue_green, **longest}}
    if policy.alarms:
        result["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in policy.alarms]}
    return result


def metric_alarm(alarm: AlarmRequest) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html

    Metrics and their dimensions: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html. An
    endpoint without traffic has no data, which must not roll anything back.
    """
    percentile = alarm.statistic.startswith("p")
    return {
        "AlarmName": alarm.name,
        "AlarmDescription": f"Rolls back an update of the SageMaker endpoint {alarm.endpoint} (made by Slipway)",
        "Namespace": "AWS/SageMaker",
        "MetricName": alarm.metric,
        "Dimensions": [
            {"Name": "EndpointName", "Value": alarm.endpoint},
            {"Name": "VariantName", "Value": alarm.variant},
        ],
        "ExtendedStatistic" if percentile else "Statistic": alarm.statistic,
        "Period": alarm.period,
        "EvaluationPeriods": alarm.periods,
        "Threshold": alarm.threshold,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }
