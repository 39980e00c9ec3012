"""The Hugging Face adapter where the port's contract ends: the network, TLS, proxies, hostile answers,
secrets.
"""

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
import textwrap
import traceback
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import httpx2
import pytest

from slipway.domain.errors import NotFound, OutsideError, RateLimited, Rejected, Transient
from slipway.domain.models import Access, ModelFacts, ModelSource, Parameters, RegistryToken
from slipway.registries.huggingface import HuggingFaceHub
from slipway.registries.huggingface_errors import retry_after
from slipway.registries.huggingface_http import _trust
from tests.testbed.hub import (
    LLAMA_8B_PARAMETERS,
    Content,
    LocalHub,
    PrivateAuthority,
    llama_8b_repository,
    sparse_safetensors,
)

REPO = "org/model"
MAIN = ModelSource(REPO, "main")
SECRET = "hf_ThisMustNeverBeSeenAnywhere"
TOKEN = RegistryToken(SECRET)


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub() as hub:
        hub.create_repo(REPO)
        hub.commit(REPO, llama_8b_repository())
        hub.add_token(SECRET, "alice")
        yield hub


@pytest.fixture
async def registry(hub: LocalHub) -> AsyncIterator[HuggingFaceHub]:
    registry = adapter(hub.url)
    yield registry
    await registry.close()


def adapter(endpoint: str, *, timeout: float = 0.5, ca_bundle: Path | None = None) -> HuggingFaceHub:
    return HuggingFaceHub(default_endpoint=endpoint, timeout=timeout, ca_bundle=ca_bundle, requests_per_second=1000)


async def refusal(
    registry: HuggingFaceHub, source: ModelSource = MAIN, token: RegistryToken | None = None
) -> OutsideError:
    with pytest.raises(OutsideError) as caught:
        await registry.resolve(source, token, max_age=0)
    return caught.value


async def describe(hub: LocalHub, registry: HuggingFaceHub, files: Mapping[str, bytes | Content]) -> ModelFacts:
    hub.create_repo("org/other", counts_parameters=False)
    commit = hub.commit("org/other", files)
    return await registry.describe(ModelSource("org/other", "main"), commit, None)


# Errors

STATUSES: list[tuple[int, str, str, RegistryToken | None, type[OutsideError], str]] = [
    (400, "", "Bad request", None, Rejected, "HubRejected"),
    (401, "", "", None, NotFound, "RepositoryNotFound"),
    (401, "RepoNotFound", "Invalid username or password.", None, NotFound, "RepositoryNotFound"),
    (401, "RepoNotFound", "Invalid username or password.", TOKEN, NotFound, "RepositoryNotFound"),
    (401, "RepoNotFound", "Invalid credentials in Authorization header", TOKEN, Rejected, "TokenInvalid"),
    (401, "", "User Access Token 'x' is expired", TOKEN, Rejected, "TokenInvalid"),
    (401, "GatedRepo", "Access to model is restricted", TOKEN, Rejected, "GatedRepository"),
    (403, "GatedRepo", "you are not in the authorized list", TOKEN, Rejected, "GatedRepository"),
    (403, "", "Access to this resource is disabled.", None, Rejected, "RepositoryDisabled"),
    (403, "", "Please enable access to public gated repositories", TOKEN, Rejected, "Forbidden"),
    (404, "RevisionNotFound", "Invalid rev id: x", None, NotFound, "RevisionNotFound"),
    (408, "", "", None, Transient, "HubUnavailable"),
    (409, "", "", None, Transient, "HubUnavailable"),
    (423, "", "", None, Transient, "HubUnavailable"),
    (429, "", "We had to rate limit you", None, RateLimited, "HubRateLimited"),
    (451, "", "Unavailable for legal reasons", None, Rejected, "HubRejected"),
    (500, "", "Internal Error", None, Transient, "HubUnavailable"),
    (502, "", "", None, Transient, "HubUnavailable"),
    (503, "", "", None, Transient, "HubUnavailable"),
    (599, "", "", None, Transient, "HubUnavailable"),
]


@pytest.mark.parametrize(("status", "code", "message", "token", "kind", "reason"), STATUSES)
async def test_every_refusal_has_its_reason_and_keeps_the_servers_words(
    hub: LocalHub,
    registry: HuggingFaceHub,
    status: int,
    code: str,
    message: str,
    token: RegistryToken | None,
    kind: type[OutsideError],
    reason: str,
) -> None:
    hub.fail(status, code=code, message=message)
    error = await refusal(registry, token=token)
    assert (type(error), error.reason) == (kind, reason)
    assert message in error.message
    assert str(status) in error.message


async def test_a_token_may_lack_the_right_to_read_gated_repositories(hub: LocalHub, registry: HuggingFaceHub) -> None:
    hub.change(REPO, gated="auto")
    hub.add_token("hf_fine_grained", "bob", gated_access=[REPO], reads_gated=False)
    error = await refusal(registry, token=RegistryToken("hf_fine_grained"))
    assert error.reason == "Forbidden"
    assert "fine-grained" in error.message


async def test_gating_is_noticed_without_a_config(hub: LocalHub, registry: HuggingFaceHub) -> None:
    hub.create_repo("org/gated", gated="auto")
    commit = hub.commit("org/gated", {"weights.gguf": Content(b"GGUF", 10**9)})
    with pytest.raises(Rejected) as caught:
        await registry.describe(ModelSource("org/gated", "main"), commit, TOKEN)
    assert caught.value.reason == "GatedRepository"
    hub.grant("alice", "org/gated")
    found = await registry.describe(ModelSource("org/gated", "main"), commit, TOKEN)
    assert (found.access, found.architecture, found.size_bytes) == (Access.GATED, None, None)


@pytest.mark.parametrize("fault", ["hang", "trickle"])
async def test_a_server_that_never_finishes_is_given_up(hub: LocalHub, fault: str) -> None:
    impatient = adapter(hub.url, timeout=0.1)
    getattr(hub, fault)(times=2)
    async with asyncio.timeout(3):
        error = await refusal(impatient)
    assert (type(error), error.reason) == (Transient, "HubTimeout")
    with pytest.raises(Transient):
        await impatient.describe(MAIN, "0" * 40, None)
    await impatient.close()


async def test_a_hung_endpoint_holds_up_no_other(hub: LocalHub) -> None:
    with LocalHub() as hung:
        hung.hang(times=100)
        registry = adapter(hub.url, timeout=30)
        stuck = [
            asyncio.ensure_future(registry.resolve(ModelSource(REPO, f"b{number}", hung.url), None, max_age=0))
            for number in range(20)
        ]
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            assert await registry.resolve(MAIN, None, max_age=0)
        assert not any(task.done() for task in stuck)
        await registry.close()
        assert all(isinstance(end, BaseException) for end in await asyncio.gather(*stuck, return_exceptions=True))


async def test_a_reset_connection_is_unreachable(hub: LocalHub, registry: HuggingFaceHub) -> None:
    hub.reset()
    error = await refusal(registry)
    assert (type(error), error.reason) == (Transient, "HubUnreachable")


async def test_nobody_listening_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        registry = adapter(f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert (await refusal(registry)).reason == "HubUnreachable"
    await registry.close()


async def test_an_unknown_name_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    registry = adapter("http://hub.invalid")
    error = await refusal(registry)
    assert (type(error), error.reason) == (Transient, "HubUnreachable")
    assert "hub.invalid" in error.message
    await registry.close()


async def test_a_login_page_is_no_answer(hub: LocalHub, registry: HuggingFaceHub) -> None:
    hub.garble(times=2)
    error = await refusal(registry)
    assert (type(error), error.reason) == (Transient, "HubResponseInvalid")
    assert "proxy" in error.message


@pytest.mark.parametrize(
    ("endpoint", "repo", "revision", "reason"),
    [
        ("ftp://hub", REPO, "main", "EndpointInvalid"),
        ("http://", REPO, "main", "EndpointInvalid"),
        ("http://hub:port", REPO, "main", "EndpointInvalid"),
        (f"https://me:{SECRET}@hub", REPO, "main", "EndpointInvalid"),
        (None, "../../api", "main", "RepositoryInvalid"),
        (None, "a/b/c", "main", "RepositoryInvalid"),
        (None, REPO, "..", "RevisionInvalid"),
        (None, REPO, " ", "RevisionInvalid"),
    ],
)
async def test_what_no_hub_could_answer_is_not_asked(
    hub: LocalHub, registry: HuggingFaceHub, endpoint: str | None, repo: str, revision: str, reason: str
) -> None:
    error = await refusal(registry, ModelSource(repo, revision, endpoint))
    assert (type(error), error.reason) == (Rejected, reason)
    assert SECRET not in error.message
    assert hub.log == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"RateLimit": '"api";r=0;t=55'}, 56.0),
        ({"ratelimit": '"api";r=3;t=55', "retry-after": "7"}, 7.0),
        ({"Retry-After": "soon"}, 30.0),
        ({}, 30.0),
    ],
)
def test_the_time_to_wait(headers: Mapping[str, str], seconds: float) -> None:
    assert retry_after(httpx2.Headers(headers)) == seconds


def test_the_time_to_wait_may_be_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert 90 < retry_after({"Retry-After": later}) <= 100


async def test_a_hub_cannot_silence_the_operator_for_ever(hub: LocalHub, registry: HuggingFaceHub) -> None:
    hub.fail(429, headers={"Retry-After": "999999999"})
    error = await refusal(registry)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 3600.0


async def test_requests_are_paced_even_one_after_the_other(hub: LocalHub) -> None:
    registry = HuggingFaceHub(default_endpoint=hub.url, requests_per_second=20)
    started = asyncio.get_running_loop().time()
    for _ in range(24):
        await registry.resolve(MAIN, None, max_age=0)
    assert asyncio.get_running_loop().time() - started >= 0.15  # twenty at once, then one in 50 ms
    await registry.close()


async def test_the_hubs_own_quota_is_kept_to_the_resolver(hub: LocalHub, registry: HuggingFaceHub) -> None:
    hub.quota.anonymous["api"] = 0
    assert await registry.resolve(MAIN, None, max_age=0)
    hub.quota.anonymous["resolvers"] = 1
    assert (await refusal(registry)).reason == "HubRateLimited"


# Secrets


def slipway_frames(start: TracebackType | None) -> str:
    """Local variables of our own frames in a traceback, as a debugger's report would show them."""
    frames = [frame for frame, _ in traceback.walk_tb(start) if "/slipway/" in frame.f_code.co_filename]
    return repr([frame.f_locals for frame in frames])


@pytest.mark.parametrize("fault", ["echo", "hang", "reset", "garble", "revoked", "new line", "limit"])
async def test_the_token_shows_nowhere(hub: LocalHub, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    registry, token = adapter(hub.url, timeout=0.1), TOKEN
    if fault == "echo":
        hub.fail(403, message=f"token {SECRET} of alice may not")
    elif fault == "limit":
        hub.fail(429, message=f"{SECRET} asks too often")
    elif fault == "revoked":
        hub.revoke_token(SECRET)
    elif fault == "new line":
        token = RegistryToken(f"{SECRET}\nX-Other: 1")
    else:
        getattr(hub, fault)(times=2)
    error: BaseException | None = await refusal(registry, token=token)
    await registry.close()
    assert SECRET not in caplog.text
    while error is not None:
        told = "".join(traceback.format_exception(error)) + repr(error) + str(error) + repr(vars(error))
        assert SECRET not in told + slipway_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


async def test_a_new_line_after_the_token_is_forgiven(hub: LocalHub, registry: HuggingFaceHub) -> None:
    await registry.resolve(MAIN, RegistryToken(f"{SECRET}\n"), max_age=0)
    assert hub.log[-1].user == "alice"


async def test_the_token_goes_to_the_hub_and_not_to_the_cdn(
    hub: LocalHub, registry: HuggingFaceHub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hub.change(REPO, private=True, counts_parameters=False)
    hub.add_token(SECRET, "alice", can_read=[REPO])
    commit = await registry.resolve(MAIN, TOKEN, max_age=0)
    found = await registry.describe(MAIN, commit, TOKEN)
    assert found.parameters == Parameters(LLAMA_8B_PARAMETERS, {"BF16": LLAMA_8B_PARAMETERS})
    assert {entry.user for entry in hub.log if entry.origin == "hub"} == {"alice"}
    assert [entry.status for entry in hub.log if entry.origin == "cdn"] == [200] * 4
    assert "Signature=" not in caplog.text


def test_no_ambient_token_is_used_and_nothing_is_written(hub: LocalHub, tmp_path: Path) -> None:
    """In a process of its own, as huggingface_hub reads its environment when it is imported."""
    home = tmp_path / "home"
    (home / "hf").mkdir(parents=True)
    (home / "hf" / "token").write_text(SECRET)
    (home / ".netrc").write_text(f"machine 127.0.0.1 login alice password {SECRET}")
    before = sorted(home.rglob("*"))
    program = """
        import asyncio, sys
        from slipway.domain.models import ModelSource
        from slipway.registries.huggingface import HuggingFaceHub

        async def main():
            registry = HuggingFaceHub(default_endpoint=sys.argv[1])
            commit = await registry.resolve(ModelSource("org/model", "main"), None, max_age=0)
            await registry.describe(ModelSource("org/model", "main"), commit, None)
            await registry.close()

        asyncio.run(main())
        """
    environment = {
        "HF_TOKEN": SECRET,
        "HF_HOME": str(home / "hf"),
        "HOME": str(home),
        "PYTHONPATH": "operator",
    }
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), hub.url],
        env={**os.environ, **environment},
        check=True,
        timeout=60,
    )
    assert {entry.user for entry in hub.log} == {None}
    assert sorted(home.rglob("*")) == before


# Facts


async def test_what_an_engine_loads_is_counted_once(hub: LocalHub, registry: HuggingFaceHub) -> None:
    weight = {"w": ("BF16", [1000, 1000])}
    files = {
        **sparse_safetensors("model.safetensors", weight),
        **sparse_safetensors("original/model.safetensors", weight),
        "pytorch_model.bin": Content(b"PK", 2_000_000),
    }
    found = await describe(hub, registry, files)
    assert found.size_bytes == files["model.safetensors"].size
    assert found.parameters == Parameters(1_000_000, {"BF16": 1_000_000})
    assert found.architecture is None


async def test_a_model_without_safetensors_is_the_size_of_its_bins(hub: LocalHub, registry: HuggingFaceHub) -> None:
    files = {"pytorch_model.bin": Content(b"PK", 2_000_000), "training_args.bin": Content(b"PK", 5_000)}
    found = await describe(hub, registry, files)
    assert (found.size_bytes, found.parameters) == (2_000_000, None)


async def test_a_long_header_takes_a_second_range_and_never_the_file(hub: LocalHub, registry: HuggingFaceHub) -> None:
    tensors = {f"model.layers.{number}.mlp.experts.weight": ("F8_E4M3", [4096, 4096]) for number in range(3000)}
    files = sparse_safetensors("model.safetensors", tensors)
    assert len(files["model.safetensors"].head) > 200_000
    found = await describe(hub, registry, files)
    assert found.parameters == Parameters(3000 * 4096**2, {"F8_E4M3": 3000 * 4096**2})
    assert hub.calls(method="GET", path=r"/resolve/.*/model\.safetensors") == 2


@pytest.mark.parametrize(
    ("path", "data", "word"),
    [
        ("config.json", b"{not json", "not JSON"),
        ("config.json", b"[1, 2]", "not a JSON object"),
        ("config.json", b"[" * 200_000, "not JSON"),
        ("model.safetensors", b"\x00" * 64, "safetensors"),
        ("model.safetensors", b"\x02\x00\x00\x00\x00\x00\x00\x00[]", "safetensors"),
        ("model.safetensors", b"tiny", "safetensors"),
        ("model.safetensors.index.json", b'{"weight_map": 3}', "weight_map"),
    ],
)
async def test_a_broken_file_is_named(
    hub: LocalHub, registry: HuggingFaceHub, path: str, data: bytes, word: str
) -> None:
    with pytest.raises(Rejected) as caught:
        await describe(hub, registry, {path: data})
    assert caught.value.reason == "HubResponseInvalid"
    assert path in caught.value.message
    assert word in caught.value.message


async def test_an_endless_file_is_cut_off(hub: LocalHub, registry: HuggingFaceHub) -> None:
    with pytest.raises(Transient) as caught:
        await describe(hub, registry, {"config.json": Content(b"{", 10**12)})
    assert caught.value.reason in ("HubResponseInvalid", "HubTimeout")


async def test_facts_of_a_multimodal_model_with_a_license_of_its_own(hub: LocalHub, registry: HuggingFaceHub) -> None:
    config = {
        "architectures": ["Gemma3ForConditionalGeneration"],
        "text_config": {
            "num_hidden_layers": 48,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 256,
            "max_position_embeddings": 131072,
        },
    }
    card = "---\nlicense: other\nlicense_name: gemma\npipeline_tag: image-text-to-text\n---\n"
    found = await describe(hub, registry, {"config.json": json.dumps(config).encode(), "README.md": card.encode()})
    assert found.architecture is not None
    assert found.architecture.name == "Gemma3ForConditionalGeneration"
    assert (found.architecture.layers, found.architecture.head_dim) == (48, 256)
    assert (found.license, found.task) == ("gemma", "image-text-to-text")


@pytest.mark.parametrize(
    ("config", "heads", "kv_heads", "head_dim"),
    [
        ({"n_layer": 12, "n_head": 12, "n_embd": 768}, 12, 12, 64),
        ({"num_attention_heads": 71, "hidden_size": 4544, "multi_query": True}, 71, 1, 64),
        ({"n_heads": 32, "d_model": 4096, "attn_config": {"kv_n_heads": 8}}, 32, 8, 128),
        ({"num_attention_heads": "32", "hidden_size": True}, None, None, None),
        ({"num_attention_heads": 10**30, "num_key_value_heads": -1}, None, None, None),
    ],
)
async def test_older_and_hostile_configs(
    hub: LocalHub,
    registry: HuggingFaceHub,
    config: Mapping[str, object],
    heads: int | None,
    kv_heads: int | None,
    head_dim: int | None,
) -> None:
    found = (await describe(hub, registry, {"config.json": json.dumps(config).encode()})).architecture
    assert found is not None
    assert (found.heads, found.kv_heads, found.head_dim) == (heads, kv_heads, head_dim)


async def test_several_licenses_and_none(hub: LocalHub, registry: HuggingFaceHub) -> None:
    found = await describe(hub, registry, {"README.md": b"---\nlicense: [mit, apache-2.0]\n---\n"})
    assert found.license == "mit, apache-2.0"
    commit = hub.commit("org/other", {"README.md": b"# nothing\n"})
    assert (await registry.describe(ModelSource("org/other", "main"), commit, None)).license is None


async def test_a_commit_keeps_its_own_date(hub: LocalHub, registry: HuggingFaceHub) -> None:
    first = await registry.resolve(MAIN, None, max_age=0)
    before = await registry.describe(MAIN, first, None)
    hub.commit(REPO, {"NOTICE": b"later"})
    assert await registry.describe(MAIN, first, None) == before


# Mirrors, proxies, TLS


async def test_a_renamed_repository_is_followed(hub: LocalHub, registry: HuggingFaceHub) -> None:
    commit = await registry.resolve(MAIN, None, max_age=0)
    hub.move_repo(REPO, "neworg/model")
    assert await registry.resolve(MAIN, None, max_age=0) == commit
    assert (await registry.describe(MAIN, commit, None)).size_bytes == 16_060_556_344


async def test_a_repository_without_config_resolves(hub: LocalHub, registry: HuggingFaceHub) -> None:
    hub.create_repo("org/gguf")
    commit = hub.commit("org/gguf", {"weights.gguf": b"GGUF"})
    assert await registry.resolve(ModelSource("org/gguf", "main"), None, max_age=0) == commit


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_mirror_without_a_resolver_is_asked_by_api(
    hub: LocalHub, registry: HuggingFaceHub, status: int
) -> None:
    hub.fail(status, method="HEAD", times=10)
    assert await registry.resolve(MAIN, None, max_age=0)
    assert hub.calls(method="GET", path="/api/models/") == 1


async def test_a_mirror_without_commits_gives_no_date(hub: LocalHub, registry: HuggingFaceHub) -> None:
    commit = await registry.resolve(MAIN, None, max_age=0)
    hub.fail(404, path="/commits/")
    assert (await registry.describe(MAIN, commit, None)).committed_at is None


class Proxy:
    """A forward proxy that also knows a name that DNS does not."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names
        self.asked: list[str] = []
        self._pipes: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._client, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await asyncio.gather(*self._pipes)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _ = head.split("\r\n", 1)[0].split(" ")
        self.asked.append(f"{method} {target}")
        url = urlsplit(target if "://" in target else f"//{target}")
        host, port = self.names.get(url.hostname or "", url.netloc).split(":")
        upstream, out = await asyncio.open_connection(host, int(port))
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            out.write(head.replace(f"{url.scheme}://{url.netloc}", "", 1).encode())
        for source, sink in ((reader, out), (upstream, writer)):
            pipe = asyncio.ensure_future(self._pipe(source, sink))
            self._pipes.add(pipe)
            pipe.add_done_callback(self._pipes.discard)

    @staticmethod
    async def _pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            sink.write(data)
        sink.close()
        await sink.wait_closed()


async def test_a_proxy_from_the_environment_is_used(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Proxy({"hub.internal": hub.url.removeprefix("http://")})
    async with proxy as url:
        monkeypatch.setenv("HTTP_PROXY", url)
        monkeypatch.setenv("NO_PROXY", "elsewhere.internal")
        registry = adapter("http://hub.internal")
        assert await registry.resolve(MAIN, None, max_age=0)
        assert proxy.asked == [f"HEAD http://hub.internal/{REPO}/resolve/main/config.json"]
        await registry.close()


async def test_https_goes_through_a_tunnel_of_the_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = PrivateAuthority(tmp_path)
    with LocalHub(tls=authority.server_context("hub.internal")) as hub:
        hub.create_repo(REPO)
        proxy = Proxy({"hub.internal": hub.url.removeprefix("https://")})
        async with proxy as url:
            monkeypatch.setenv("HTTPS_PROXY", url)
            monkeypatch.setenv("NO_PROXY", "")
            registry = adapter("https://hub.internal", ca_bundle=authority.ca_file)
            assert await registry.resolve(MAIN, None, max_age=0)
            assert proxy.asked == ["CONNECT hub.internal:443"]
            await registry.close()


async def test_a_private_authority_has_to_be_given(tmp_path: Path) -> None:
    authority = PrivateAuthority(tmp_path)
    with LocalHub(tls=authority.server_context()) as hub:
        hub.create_repo(REPO)
        commit = hub.commit(REPO, llama_8b_repository())
        stranger, friend = adapter(hub.url), adapter(hub.url, ca_bundle=authority.ca_file)
        error = await refusal(stranger)
        assert (type(error), error.reason) == (Rejected, "HubCertificateInvalid")
        assert "CA bundle" in error.message
        assert await friend.resolve(MAIN, None, max_age=0) == commit
        await stranger.close()
        await friend.close()


async def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    authority = PrivateAuthority(tmp_path)
    with LocalHub(tls=authority.server_context("other.internal")) as hub:
        registry = adapter(hub.url, ca_bundle=authority.ca_file)
        assert (await refusal(registry)).reason == "HubCertificateInvalid"
        await registry.close()


def test_a_private_authority_comes_on_top_of_the_public_ones(tmp_path: Path) -> None:
    public = _trust(None).cert_store_stats()["x509_ca"]
    assert _trust(PrivateAuthority(tmp_path).ca_file).cert_store_stats()["x509_ca"] == public + 1


def test_a_bundle_that_cannot_be_read_is_noticed_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        adapter("https://hub.internal", ca_bundle=tmp_path / "missing.pem")
