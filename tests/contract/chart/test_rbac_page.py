"""docs/rbac.md lists exactly what is granted, each with what it is for."""

import re
from pathlib import Path

import pytest

from slipway.api.v1alpha1 import GROUP
from slipway.domain.cluster.apis import BY_KIND
from slipway.kube import PLURALS
from tests.testbed.rights import Grant, granted, grants_of, missing, rules_of, unused

PAGE = Path(__file__).parents[3] / "docs" / "rbac.md"
_ROW = re.compile(
    r"^\| (?P<group>[^|]+) \| (?P<resource>[^|`]+?)(?: `(?P<name>[^`]+)`)? \| (?P<verbs>[a-z, ]+) \| (?P<why>.+) \|$"
)
GET_PODS = Grant("", "pods", "", "get")
KUBE_SYSTEM = Grant("", "namespaces", "", "get", "kube-system")


def listed() -> list[Grant]:
    rows = [row for row in map(_ROW.match, PAGE.read_text().splitlines()) if row and row["verbs"] != "verbs"]
    return [
        Grant("" if row["group"] == "(core)" else row["group"], resource, subresource, verb, row["name"])
        for row in rows
        for resource, _, subresource in [row["resource"].partition("/")]
        for verb in row["verbs"].split(", ")
    ]


def test_the_page_lists_what_is_granted() -> None:
    assert sorted(map(str, listed())) == sorted(map(str, granted()))


def test_each_kind_that_the_code_asks_for_has_a_right_and_no_other_has_one() -> None:
    own = {(GROUP, plural) for plural in PLURALS.values()}
    of_pods = {(api.group, api.plural) for api in BY_KIND.values()}
    others = {("", "secrets"), ("", "events"), ("", "namespaces")}
    assert {(grant.group, grant.resource) for grant in granted()} == own | of_pods | others


def test_no_rule_has_a_wildcard() -> None:
    for what in ("apiGroups", "resources", "verbs"):
        rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], what: ["*"]}
        with pytest.raises(ValueError, match="wildcard"):
            grants_of(rule)


def test_rules_are_read_as_they_are_written() -> None:
    assert granted([{"kind": "Role", "rules": rules_of(granted())}]) == granted()


def test_what_is_missing_and_what_is_unused() -> None:
    assert missing({GET_PODS, KUBE_SYSTEM}, {KUBE_SYSTEM}) == {GET_PODS}
    assert missing({KUBE_SYSTEM._replace(name="default")}, {KUBE_SYSTEM}) == {KUBE_SYSTEM._replace(name="default")}
    assert unused({KUBE_SYSTEM}, {KUBE_SYSTEM, GET_PODS}) == {GET_PODS}
    wide = KUBE_SYSTEM._replace(name=None)
    assert unused({KUBE_SYSTEM}, {KUBE_SYSTEM, wide}) == {wide}, "the narrowest is used"
    assert unused({GET_PODS._replace(name="twin")}, {GET_PODS}) == set()
