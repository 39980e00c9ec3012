"""HTTP server for /healthz and /metrics."""

import logging

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from slipway.telemetry.health import Health

log = logging.getLogger(__name__)


async def serve(host: str, port: int, health: Health, registry: CollectorRegistry) -> web.AppRunner:
    """Start the server; the caller cleans the returned runner up. Port 0 takes any free one."""

    async def healthz(_: web.Request) -> web.Response:
        problems = health.problems()
        return web.json_response({"problems": problems}, status=503 if problems else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/metrics", metrics)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    log.info("serving /healthz and /metrics on %s", runner.addresses)
    return runner
