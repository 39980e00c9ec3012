"""What both resources share: the base model, conditions, durations, and the marks that crds.py reads."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

_DURATION = re.compile(r"^(?:(?P<h>[0-9]{1,5})h)?(?:(?P<m>[0-9]{1,6})m)?(?:(?P<s>[0-9]{1,8})s)?$")
DURATION_PATTERN = r"^([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?$"


def seconds(duration: str) -> int:
    """Seconds in a duration such as `90s`, `15m` or `1h30m`.

    Raises ValueError for anything else.
    """
    match = _DURATION.fullmatch(duration)
    if match is None or not duration:
        raise ValueError(f"{duration!r} is not a duration such as 90s, 15m or 1h30m")
    hours, minutes, rest = (int(match[unit] or 0) for unit in "hms")
    return hours * 3600 + minutes * 60 + rest


def _checked_duration(value: str) -> str:
    seconds(value)
    return value


Duration = Annotated[
    str,
    Field(min_length=2, max_length=24, pattern=DURATION_PATTERN),
    AfterValidator(_checked_duration),
]
Timestamp = Annotated[str, Field(max_length=40, json_schema_extra={"format": "date-time"})]
"""RFC 3339 in UTC."""
ObjectName = Annotated[str, Field(min_length=1, max_length=253)]


def rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    """`json_schema_extra` with CEL rules, each an (expression, message) pair.

    Every rule stands a second time in `slipway.domain` with the same message, because API servers before 1.25
    do not know CEL: https://kubernetes.io/docs/reference/using-api/cel/
    """
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in pairs]}


class ApiModel(BaseModel):
    """Base of everything that is part of the API: camelCase outside, unknown fields are ignored (pruned)."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
    )

    def to_api(self) -> dict[str, Any]:
        """The model as the API server stores it: camelCase, no nulls, JSON types."""
        return self.model_dump(by_alias=True, exclude_none=True, mode="json")


class Condition(ApiModel):
    """One aspect of an object's state, in the shape of metav1.Condition."""

    type: Annotated[str, Field(max_length=316)]
    """Which aspect."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    """CamelCase word for programs. README.md lists all of them."""
    message: Annotated[str, Field(max_length=32768)] = ""
    """What is the case, and what to do about it."""
    last_transition_time: Timestamp
    """When `status` last changed."""
    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The generation of the spec that this condition was computed from."""


Conditions = Annotated[
    list[Condition],
    Field(
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    ),
]


class SecretKeyRef(ApiModel):
    """A key of a Secret in the object's own namespace."""

    name: ObjectName
    """Name of the Secret."""
    key: Annotated[str, Field(min_length=1, max_length=253)] = "token"
    """Key inside the Secret."""


class ObjectMeta(ApiModel):
    """The parts of metadata that the operator reads."""

    name: str
    namespace: str
    uid: str
    resource_version: str
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    finalizers: tuple[str, ...] = ()
    annotations: dict[str, str] = Field(default_factory=dict)


class ModelRef(ApiModel):
    """A ModelVersion in the same namespace."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the ModelVersion."""
