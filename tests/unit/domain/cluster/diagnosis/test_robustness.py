"""Whatever a pod's status looks like, a diagnosis comes or none does, and no secret is in it."""

import base64
import json
import re
import string
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from slipway.domain.cluster.diagnosis import diagnose, diagnose_job, unexplained
from slipway.domain.cluster.diagnosis.reasons import Reason
from slipway.domain.secrets import without_secrets
from tests.unit.domain.cluster.diagnosis import logs
from tests.unit.domain.cluster.diagnosis.cases import CASES
from tests.unit.domain.cluster.diagnosis.pods import (
    NOW,
    Manifest,
    claim,
    crashed,
    gone,
    pod,
    unscheduled,
    waiting,
    workload,
)

LOGS = [getattr(logs, name) for name in dir(logs) if name.isupper()]
WORDS = st.one_of(
    st.text(max_size=200), st.sampled_from(LOGS), st.sampled_from(["0/3 nodes are available: ", "exec: ", ""])
)
REASONS = st.sampled_from(
    re.findall(
        r"\w+",
        """CrashLoopBackOff ImagePullBackOff ErrImagePull InvalidImageName CreateContainerConfigError RunContainerError
        ContainerCreating PostStartHookError Unschedulable SchedulingGated Evicted OOMKilled StartError Error Completed
        OutOfcpu FailedCreate DeadlineExceeded Failed Suspended ReplicaFailure PodScheduled DisruptionTarget True False
        Pending Lost Unknown""",
    )
)
TIMES = st.one_of(
    st.sampled_from(["2026-11-21T11:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "yesterday", ""]),
    st.datetimes().map(lambda moment: moment.isoformat()),
)
KEYS = st.sampled_from(
    re.findall(
        r"\w+",
        """metadata name creationTimestamp deletionTimestamp labels spec status containers image resources limits memory
        startupProbe periodSeconds failureThreshold initialDelaySeconds volumes persistentVolumeClaim claimName nodeName
        schedulingGates terminationGracePeriodSeconds phase reason message conditions type lastTransitionTime ready
        started containerStatuses initContainerStatuses state lastState waiting running terminated exitCode signal
        startedAt finishedAt restartCount failed startTime""",
    )
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), WORDS, REASONS, TIMES),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=20,
)
PATIENT = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A pod like those of the table, of which some parts are missing or of another shape."""
    whole = draw(st.sampled_from([found for case in CASES.values() for found in case.pods]))

    def spoiled(value: Any, depth: int) -> Any:
        if draw(st.integers(0, 11)) == 0:
            return draw(JSON)
        if isinstance(value, dict):
            return {key: spoiled(item, depth + 1) for key, item in value.items() if draw(st.integers(0, 9))}
        if isinstance(value, list):
            return [spoiled(item, depth + 1) for item in value]
        return value

    return spoiled(whole, 0)


def check(pods: list[Any], of: Any, claims: list[Any]) -> None:
    unexplained(pods)
    for diagnosis in (
        diagnose(pods, of, now=NOW, claims=claims),
        diagnose_job(of, pods, now=NOW, claims=claims),
    ):
        if diagnosis is not None:
            assert diagnosis.reason in {reason.value for reason in Reason}
            assert 0 < len(diagnosis.message) <= 900
            assert "\n" not in diagnosis.message
            assert "\x1b" not in diagnosis.message
            diagnosis.message.encode()


@PATIENT
@given(st.lists(damaged(), max_size=3), JSON, st.lists(JSON, max_size=2))
def test_parts_that_are_missing_or_of_another_shape_stop_nothing(pods: list[Any], of: Any, claims: list[Any]) -> None:
    check(pods, of, claims)


@PATIENT
@given(st.lists(JSON, max_size=3), JSON)
@example([None, 7, "pod", [], {"status": {"containerStatuses": {"name": "engine"}}}], None)
@example([{"status": {"containerStatuses": [{"state": {"running": None}, "restartCount": True}]}}], [])
def test_anything_at_all_stops_nothing(pods: list[Any], of: Any) -> None:
    check(pods, of, [])


@PATIENT
@given(WORDS, st.sampled_from([0, 1, 127, 137, 143, 255, 100000]), st.integers(0, 9))
def test_whatever_a_container_says_fits(words: str, code: int, restarts: int) -> None:
    check([pod(crashed(words, code=code, restarts=restarts))], workload(words), [])
    check(
        [unscheduled(words), pod(waiting("ErrImagePull", words))], workload(), [claim("Pending", storage_class=words)]
    )


ALPHANUMERIC = string.ascii_letters + string.digits
RANDOM = st.text(ALPHANUMERIC, min_size=24, max_size=40)
SECRETS = st.one_of(
    st.text(ALPHANUMERIC, min_size=34, max_size=34).map(lambda rest: (f"hf_{rest}", f"hf_{rest}")),
    st.text(string.ascii_uppercase + string.digits, min_size=16, max_size=16).map(lambda rest: (f"AKIA{rest}",) * 2),
    RANDOM.map(lambda key: (f"Authorization: Bearer {key}", key)),
    RANDOM.map(lambda key: (f"https://user:{key}@hub.example.com/x", key)),
    RANDOM.map(lambda key: (f"https://cdn-lfs.hf.co/x?Policy=1&Signature={key}&Key-Pair-Id=K", key)),
    RANDOM.map(lambda key: (f"--api-key {key}", key)),
    RANDOM.map(lambda key: (f"HF_TOKEN={key}", key)),
    RANDOM.map(lambda key: (f"'api_key': ['{key}']", key)),
    RANDOM.map(lambda key: (f'api_key: Some("{key}")', key)),
    RANDOM.map(lambda key: (f'{{"auths": {{"ghcr.io": {{"auth": "{base64.b64encode(key.encode()).decode()}"}}}}}}',
                            base64.b64encode(key.encode()).decode())),
    RANDOM.map(lambda key: (f"ghp_{key}", f"ghp_{key}")),
    RANDOM.map(lambda key: (f"eyJhbGciOiJIUzI1NiJ9.{key}.{key}", key)),
    RANDOM.map(lambda key: (f"sk-{key}", f"sk-{key}")),
)  # fmt: skip
"""What is written, and what of it is secret."""
AROUND = st.sampled_from(["", " ", "\n", "x", "'", "(", ": ", "\x1b[31m", "\u200b", "ValueError: ", "Error: "])


def everywhere(words: str) -> list[Manifest]:
    """Pods that say these words in every place that a diagnosis reads."""
    return [
        pod(crashed(words, restarts=3), name="a"),
        pod(crashed(words, restarts=3, reason="StartError"), name="b"),
        pod(waiting("ErrImagePull", words), name="c"),
        pod(waiting("CreateContainerConfigError", words), name="d"),
        pod(waiting("RunContainerError", words), name="e"),
        unscheduled(f"0/1 nodes are available: 1 {words}.", name="f"),
        gone("Evicted", words, name="g"),
        gone("UnexpectedAdmissionError", words, name="h"),
    ]


@PATIENT
@given(SECRETS, AROUND, AROUND, st.sampled_from(LOGS))
def test_no_secret_is_repeated(given_secret: tuple[str, str], before: str, after: str, log: str) -> None:
    written, secret = given_secret
    words = f"{log}\n{before}{written}{after}"
    failed = {"status": {"conditions": [{"type": "Failed", "status": "True", "message": words}]}}
    pods = everywhere(words)
    found = [diagnose([one], None, now=NOW) for one in pods]
    found += [diagnose([], workload(words), now=NOW), diagnose(pods, workload(words), now=NOW)]
    found += [diagnose_job(failed, [], now=NOW), diagnose_job(failed, pods[:1], now=NOW)]
    found += [diagnose([pod(crashed("", restarts=3))], None, now=NOW, logs={"twin-5d9c-x": words})]
    said = [diagnosis.message for diagnosis in found if diagnosis]
    assert len(said) >= 9
    assert all(secret not in message for message in said)


@PATIENT
@given(RANDOM, st.integers(0, 30), st.sampled_from(["", "\n"]))
def test_the_rest_of_a_token_whose_beginning_was_cut_away_is_left_out(key: str, cut: int, line: str) -> None:
    """The kubelet keeps the last 2048 bytes, wherever they begin."""
    rest = f"Bearer {key}"[cut:] + line + " and more" * 300
    words = rest.encode()[:2048].decode()
    diagnosis = diagnose([pod(crashed(words, restarts=3))], None, now=NOW)
    assert diagnosis
    left = key[max(0, cut - len("Bearer ")) :]
    assert len(left) < 6 or left not in diagnosis.message


@given(st.sampled_from(LOGS))
def test_what_is_no_secret_stays(log: str) -> None:
    assert without_secrets(log) == log


def test_a_secret_that_is_spread_by_colours_is_found() -> None:
    token = "hf_" + "aB3" * 12
    spread = "\x1b[1m".join(re.findall("..?", token))
    diagnosis = diagnose([pod(crashed(f"ValueError: {spread}", restarts=3))], None, now=NOW)
    assert diagnosis
    assert "aB3aB3" not in diagnosis.message


@pytest.mark.parametrize(
    "moment", ["2026-11-21T11:00:00", "2026-11-21", "2026-11-21T11:00:00.5+09:00", "9999-12-31T23:59:59-23:59"]
)
def test_times_of_another_form_stop_nothing(moment: str) -> None:
    for case in CASES.values():
        whole = json.dumps([case.pods, case.workload, case.claims])
        pods, of, claims = json.loads(re.sub(r'"\d{4}-\d\d-\d\dT[^"]*Z"', f'"{moment}"', whole))
        check(pods, of, claims)
