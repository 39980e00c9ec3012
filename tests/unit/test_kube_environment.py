"""What the environment of the process has to do with requests to the API server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from slipway.kube import Kube, load_configuration
from slipway.loop.keys import Key

KEY = Key("Deployment", "ml", "twin")


@pytest.fixture
async def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[list[str | None]]:
    """An API server that notes the Authorization of each request, and a KUBECONFIG for it."""
    found: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        found.append(request.headers.get("Authorization"))
        return web.json_response({"metadata": {"name": "twin"}})

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    server = TestServer(application)
    await server.start_server()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": str(server.make_url("/")).rstrip("/")}}],
        "users": [{"name": "u", "user": {"token": "mine"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    yield found
    await server.close()


async def get() -> object:
    kube = Kube(await load_configuration(2), timeout=5)
    try:
        return await kube.get(KEY)
    finally:
        await kube.close()


async def test_a_password_in_netrc_is_nobodys_business(
    asked: list[str | None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert await get() == {"metadata": {"name": "twin"}}
    assert asked == ["Bearer mine"]


async def test_a_proxy_of_the_environment_is_used(
    asked: list[str | None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[str] = []

    async def proxy(request: web.BaseRequest) -> web.Response:
        seen.append(str(request.url))
        return web.json_response({"metadata": {"name": "by proxy"}})

    runner = web.ServerRunner(web.Server(proxy))
    await runner.setup()
    port = unused_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    try:
        assert await get() == {"metadata": {"name": "by proxy"}}
    finally:
        await runner.cleanup()
    assert len(seen) == 1
    assert asked == []
