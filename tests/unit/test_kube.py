"""The API server's refusals as our errors, and what a Secret may hold."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.exceptions import ApiException

from slipway.domain.errors import Conflict, NotFound, OutsideError, RateLimited, Rejected, Transient
from slipway.kube import Kube, translated


def refused(status: int, body: str | None = '{"message": "the server said no"}', **headers: str) -> OutsideError:
    error = ApiException(status=status, reason="No")
    error.body, error.headers = body, {name.replace("_", "-"): value for name, value in headers.items()}
    return translated(error)


class TestTranslated:
    @pytest.mark.parametrize(
        ("status", "kind", "reason"),
        [
            (400, Rejected, "ApiServerRefused"),
            (401, Rejected, "ApiServerRefused"),
            (403, Rejected, "ApiServerRefused"),
            (404, NotFound, "NotFound"),
            (408, Transient, "ApiServerError"),
            (410, Transient, "ApiServerError"),
            (409, Conflict, "Conflict"),
            (422, Rejected, "ApiServerRefused"),
            (423, Transient, "ApiServerError"),
            (429, RateLimited, "ApiServerBusy"),
            (500, Transient, "ApiServerError"),
            (503, Transient, "ApiServerError"),
            (0, Transient, "ApiServerError"),
        ],
    )
    def test_each_status_has_its_class_and_keeps_the_servers_words(
        self, status: int, kind: type[OutsideError], reason: str
    ) -> None:
        error = refused(status)
        assert (type(error), error.reason, error.message) == (kind, reason, "the server said no")

    def test_a_field_that_does_not_exist_is_a_refusal_whatever_the_status_says(self) -> None:
        words = "failed to create typed patch object (ml/twin; /v1, Kind=Service): .spec.prots: field not declared"
        error = refused(500, json.dumps({"message": words}))
        assert (type(error), error.message) == (Rejected, words)

    def test_a_missing_right_is_named_with_the_way_to_give_it(self) -> None:
        words = (
            'secrets "hf" is forbidden: User "system:serviceaccount:slipway:slipway" cannot get resource "secrets" '
            'in API group "" in the namespace "ml"'
        )
        message = refused(403, json.dumps({"message": words})).message
        assert message.startswith(words)
        assert "docs/rbac.md" in message
        apply = refused(403, json.dumps({"message": 'services "twin" is forbidden: '})).message
        assert apply.startswith(
            'services "twin" is forbidden: there is none yet, and an apply takes the right to create'
        )
        assert "docs/rbac.md" in apply
        quota = 'services "twin" is forbidden: exceeded quota: none'
        assert refused(403, json.dumps({"message": quota})).message == quota

    @pytest.mark.parametrize("body", [None, "", "<html></html>", "[]", "{}", "7"])
    def test_an_answer_without_words_has_its_status(self, body: str | None) -> None:
        assert refused(503, body).message == "HTTP 503 No"

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [({"Retry_After": "7"}, 7), ({}, 1), ({"Retry_After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 1)],
    )
    def test_a_busy_server_says_how_long_to_wait(self, headers: dict[str, str], seconds: float) -> None:
        error = refused(429, **headers)
        assert isinstance(error, RateLimited)
        assert error.retry_after == seconds


@pytest.fixture
async def kube() -> AsyncIterator[Kube]:
    made = Kube(Configuration(), timeout=1)
    yield made
    await made.close()


def answering(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    async def request(self: Kube, method: str, path: str, **_: Any) -> Any:
        assert (method, path) == ("get", "/api/v1/namespaces/ml/secrets/hf")
        if isinstance(answer, Exception):
            raise answer
        return json.loads(json.dumps(answer))

    monkeypatch.setattr(Kube, "_request", request)


def encoded(value: bytes) -> str:
    return b64encode(value).decode()


class TestSecrets:
    async def test_a_value_comes_without_the_new_line_that_an_editor_left(
        self, kube: Kube, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answering(monkeypatch, {"data": {"token": encoded(b"hf_secret\n")}})
        assert await kube.secret_value("ml", "hf", "token") == "hf_secret"

    async def test_a_secret_that_is_missing_is_named(self, kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
        answering(monkeypatch, NotFound("NotFound", "secrets hf not found"))
        with pytest.raises(NotFound, match=r"SecretNotFound: there is no Secret hf in namespace ml"):
            await kube.secret_value("ml", "hf", "token")

    @pytest.mark.parametrize("secret", [{}, {"data": None}, {"data": {"another": encoded(b"x")}}])
    async def test_a_key_that_is_missing_is_named_and_the_others_are_not(
        self, kube: Kube, monkeypatch: pytest.MonkeyPatch, secret: Any
    ) -> None:
        answering(monkeypatch, secret)
        with pytest.raises(NotFound, match=r"SecretKeyNotFound: the Secret hf has no key token") as caught:
            await kube.secret_value("ml", "hf", "token")
        assert "another" not in caught.value.message

    @pytest.mark.parametrize(
        "value", [b"", b" \n", b"secret\nsecret", b"secret\xff\xfe", "sécret".encode(), b"secret\x00"]
    )
    async def test_a_value_that_can_be_no_token_is_refused_and_not_repeated(
        self, kube: Kube, monkeypatch: pytest.MonkeyPatch, value: bytes
    ) -> None:
        answering(monkeypatch, {"data": {"token": encoded(value)}})
        with pytest.raises(Rejected, match=r"SecretUnusable: the key token of the Secret hf") as caught:
            await kube.secret_value("ml", "hf", "token")
        assert "secret" not in caught.value.message
