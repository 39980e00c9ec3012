"""ListModels, ListEndpointConfigs and ListEndpoints: filters, order, pages."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from tests.testbed.sagemaker import refusals
from tests.testbed.sagemaker.resources import Config, Endpoint, Model, shown
from tests.testbed.sagemaker.states import World

Params = Mapping[str, Any]
Listed = Model | Config | Endpoint
# [D] ListEndpoints' default; the other two do not say theirs and are taken to be the same [M].
DEFAULT_PAGE = 10


def list_models(world: World, params: Params) -> Params:
    page, token = _page(world.models.values(), params)
    answer: dict[str, Any] = {
        "Models": [{"ModelName": m.name, "ModelArn": m.arn, "CreationTime": shown(m.created)} for m in page]
    }
    return answer | token


def list_endpoint_configs(world: World, params: Params) -> Params:
    page, token = _page(world.configs.values(), params)
    answer: dict[str, Any] = {
        "EndpointConfigs": [
            {"EndpointConfigName": c.name, "EndpointConfigArn": c.arn, "CreationTime": shown(c.created)} for c in page
        ]
    }
    return answer | token


def list_endpoints(world: World, params: Params) -> Params:
    found: Iterable[Endpoint] = world.endpoints.values()
    if "StatusEquals" in params:
        found = [e for e in found if e.status == params["StatusEquals"]]
    after, before = _time(params.get("LastModifiedTimeAfter")), _time(params.get("LastModifiedTimeBefore"))
    if after is not None:
        found = [e for e in found if e.modified > after]
    if before is not None:
        found = [e for e in found if e.modified < before]
    page, token = _page(found, params)
    answer: dict[str, Any] = {
        "Endpoints": [
            {
                "EndpointName": e.name,
                "EndpointArn": e.arn,
                "CreationTime": shown(e.created),
                "LastModifiedTime": shown(e.modified),
                "EndpointStatus": e.status,
            }
            for e in page
            if isinstance(e, Endpoint)
        ]
    }
    return answer | token


def _by_created(one: Listed) -> tuple[Any, str]:
    return one.created, one.name


def _by_name(one: Listed) -> tuple[Any, str]:
    return one.name.lower(), one.name


def _by_status(one: Listed) -> tuple[Any, str]:
    return getattr(one, "status", ""), one.name


def _page(found: Iterable[Listed], params: Params) -> tuple[list[Listed], dict[str, Any]]:
    """One page and its NextToken. The token holds where the last page ended."""
    key = {"Name": _by_name, "Status": _by_status}.get(params.get("SortBy", ""), _by_created)
    descending = params.get("SortOrder", "Descending") == "Descending"
    size = params.get("MaxResults", DEFAULT_PAGE)
    listed = list(_filtered(found, params))
    if key is not _by_created:  # by creation they lie already: dicts keep the order of insertion
        listed.sort(key=key)
    if descending:
        listed.reverse()
    start = _start(listed, key, _read_token(params), descending=descending)
    page = listed[start : start + size]
    more = len(listed) > start + size
    return page, {"NextToken": _write_token(key(page[-1]), params)} if more else {}


def _start(
    listed: list[Listed],
    key: Callable[[Listed], tuple[Any, str]],
    last: tuple[Any, str] | None,
    *,
    descending: bool,
) -> int:
    """Where the page after `last` begins, by bisection."""
    if last is None:
        return 0
    low, high = 0, len(listed)
    while low < high:
        middle = (low + high) // 2
        here = key(listed[middle])
        if here < last if descending else here > last:
            high = middle
        else:
            low = middle + 1
    return low


def _filtered(found: Iterable[Listed], params: Params) -> Iterable[Listed]:
    if params.get("NameContains"):
        part = params["NameContains"].lower()
        found = [one for one in found if part in one.name.lower()]
    after, before = _time(params.get("CreationTimeAfter")), _time(params.get("CreationTimeBefore"))
    if after is not None:
        found = [one for one in found if one.created > after]
    if before is not None:
        found = [one for one in found if one.created < before]
    return found


def _time(value: float | str | None) -> float | None:
    if value is None or isinstance(value, (int, float)):
        return value
    return datetime.fromisoformat(value).timestamp()


def _question(params: Params) -> str:
    """A token belongs to the filters it was given for; MaxResults may change between pages."""
    asked = {key: value for key, value in params.items() if key not in {"NextToken", "MaxResults"}}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]


def _write_token(last: tuple[Any, str], params: Params) -> str:
    return base64.urlsafe_b64encode(json.dumps([_question(params), *last]).encode()).decode()


def _read_token(params: Params) -> tuple[Any, str] | None:
    if not params.get("NextToken"):
        return None
    try:
        question, value, name = json.loads(base64.urlsafe_b64decode(params["NextToken"]))
    except (ValueError, binascii.Error):
        raise refusals.invalid("The NextToken is not valid.") from None  # [M]
    if question != _question(params):
        raise refusals.invalid("The NextToken is not valid.")  # [M]
    return value, name
