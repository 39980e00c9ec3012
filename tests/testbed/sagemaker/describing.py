"""DescribeEndpoint: an endpoint and what it moves to, as the service shows them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tests.testbed.sagemaker.resources import Change, Endpoint, Variant, digest, shown
from tests.testbed.sagemaker.rollout import Phase

Params = Mapping[str, Any]


def endpoint(one: Endpoint) -> Params:
    answer: dict[str, Any] = {
        "EndpointName": one.name,
        "EndpointArn": one.arn,
        "EndpointConfigName": one.config_name,
        "EndpointStatus": one.status,
        "CreationTime": shown(one.created),
        "LastModifiedTime": shown(one.modified),
    }
    change = one.change
    phase = change.phase if change is not None and change.kind == "update" else None
    if one.variants:
        answer["ProductionVariants"] = [_summary(variant, one, phase) for variant in one.variants]
    if one.capture is not None:
        answer["DataCaptureConfig"] = _capture(one.capture)
    if one.failure:
        answer["FailureReason"] = one.failure
    if one.deployment:
        answer["LastDeploymentConfig"] = one.deployment
    if change is not None and change.config is not None and change.kind in {"create", "update"}:
        answer["PendingDeploymentSummary"] = {
            "EndpointConfigName": change.config.name,
            "StartTime": shown(change.started),
            "ProductionVariants": [_pending(variant, change, phase) for variant in change.variants],
        }
    return answer


def _capture(capture: Params) -> Params:
    """[S] DataCaptureConfigSummary: all members are required, so a key that is not there is empty [M]."""
    enabled = capture.get("EnableCapture", True)  # [S] "defaults to enabled"
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
        "DestinationS3Uri": capture["DestinationS3Uri"],
        "KmsKeyId": capture.get("KmsKeyId", ""),
    }


def _images(variant: Variant, at: float) -> list[Params]:
    image = variant.started.image
    return [{"SpecifiedImage": image, "ResolvedImage": digest(image), "ResolutionTime": shown(at)}]


def _summary(variant: Variant, one: Endpoint, phase: Phase | None) -> Params:
    """While traffic shifts, the weight shown is what the old fleet still gets of it [M]."""
    left, share = (phase.left, phase.share) if phase else (1, 0)
    current = math.ceil(variant.current * left)
    summary: dict[str, Any] = {
        "VariantName": variant.name,
        "DeployedImages": _images(variant, variant.resolved_at or one.created),
        "CurrentWeight": float(variant.current_weight * (1 - share)),
        "DesiredWeight": variant.desired_weight,
        "CurrentInstanceCount": current,
        "DesiredInstanceCount": variant.desired,
    }
    if "InstancePools" in variant.config:
        summary["InstancePools"] = [
            {"InstanceType": kind, "CurrentInstanceCount": current if i == variant.chosen else 0}
            for i, (kind, _) in enumerate(variant.fleet)
        ]
    if "RoutingConfig" in variant.config:
        summary["RoutingConfig"] = variant.config["RoutingConfig"]
    return summary


def _pending(variant: Variant, change: Change, phase: Phase | None) -> Params:
    status, share, built = (phase.status, phase.share, phase.built) if phase else ("Creating", 0, 0)
    pending: dict[str, Any] = {
        "VariantName": variant.name,
        "DeployedImages": _images(variant, change.started),
        "CurrentWeight": float(variant.desired_weight * share),
        "DesiredWeight": variant.desired_weight,
        "CurrentInstanceCount": math.ceil(variant.desired * built),
        "DesiredInstanceCount": variant.desired,
        "VariantStatus": [{"Status": status, "StartTime": shown(change.phase_started or change.started)}],
    }
    if "InstanceType" in variant.config:
        pending["InstanceType"] = variant.config["InstanceType"]
    return pending
