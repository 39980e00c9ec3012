"""What SageMaker reads of the services beside it, kept by moto: scalable targets, alarms, accounts."""

from __future__ import annotations

from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.iam.models import get_account_id_from, iam_backends
from moto.moto_api._internal.models import moto_api_backend
from moto.sts.models import sts_backends
from moto.utilities.utils import PARTITION_NAMES

DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def scaled_variants(account: str, region: str, endpoint: str) -> set[str]:
    """Variants of the endpoint that have a scalable target."""
    targets = applicationautoscaling_backends[account][region].targets.get(DIMENSION, {})
    prefix = f"endpoint/{endpoint}/variant/".lower()
    return {resource[len(prefix) :] for resource in targets if resource.lower().startswith(prefix)}


def forget_targets(account: str, region: str, endpoint: str) -> None:
    """[D] DeleteEndpoint deregisters what Application Auto Scaling knew of the endpoint."""
    backend = applicationautoscaling_backends[account][region]
    prefix = f"endpoint/{endpoint}/variant/".lower()
    for dimension in backend.targets.values():
        for resource in [r for r in dimension if r.lower().startswith(prefix)]:
            del dimension[resource]
            for key in [k for k, policy in backend.policies.items() if policy.resource_id == resource]:
                del backend.policies[key]


def alarm_exists(account: str, region: str, name: str) -> bool:
    return name in cloudwatch_backends[account][region].alarms


def alarm_state(account: str, region: str, name: str) -> str | None:
    """OK, ALARM or INSUFFICIENT_DATA; None for an alarm that is not there."""
    alarm = cloudwatch_backends[account][region].alarms.get(name)
    return None if alarm is None else str(alarm.state_value)


def account_of(access_key: str) -> str:
    return str(get_account_id_from(access_key))


def secret_of(access_key: str) -> str | None:
    """The secret key of one that `new_credentials` has given; None for any other: those have any secret."""
    key = iam_backends[account_of(access_key)]["aws"].access_keys.get(access_key)
    return None if key is None else str(key.secret_access_key)


def session_of(account: str, access_key: str) -> str | None:
    """The ARN of the session that this key came from; None if AssumeRole did not give it."""
    for partition in PARTITION_NAMES:
        role = sts_backends[account][partition].get_assumed_role_from_access_key(access_key)
        if role is not None:
            return str(role.arn)
    return None


def session_keys() -> list[str]:
    """The access keys that AssumeRole has given, in every account."""
    backends = [backend for account in list(sts_backends.values()) for backend in list(account.values())]
    return [role.access_key_id for backend in backends for role in backend.assumed_roles]


def new_credentials(account: str) -> tuple[str, str]:
    key = iam_backends[account]["aws"].create_temp_access_key()
    return str(key.access_key_id), str(key.secret_access_key)


def reset() -> None:
    moto_api_backend.reset()
