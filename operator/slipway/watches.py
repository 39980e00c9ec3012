"""kopf as an informer: it logs in, lists, watches and reconnects; every event lands in the store and the queue.

Nothing else of kopf is used, and no other module imports it. Its handlers, timers, daemons and indexes each fail at
thousands of objects, or write to objects that Git owns (docs/decisions/0002-kopf-as-informer.md).
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import kopf
from kubernetes.aio.client import Configuration

from slipway.api.v1alpha1 import GROUP, VERSION
from slipway.kube import PAGE, PLURALS
from slipway.loop.keys import Key
from slipway.loop.store import Object

log = logging.getLogger(__name__)

OnEvent = Callable[[Key, Object, str | None], None]
"""(key, object, event type). The type is None for an object that a (re)connected watch listed."""


def _registry(configuration: Configuration, on_event: OnEvent, ready: asyncio.Event) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        if configuration.refresh_api_key_hook:
            configuration.refresh_api_key_hook(configuration)
        scheme, _space, token = (configuration.api_key.get("BearerToken") or "").partition(" ")
        return kopf.ConnectionInfo(
            server=configuration.host,
            ca_path=configuration.ssl_ca_cert,
            ca_data=configuration.ca_cert_data,
            insecure=not configuration.verify_ssl,
            scheme=scheme.title() if token else None,
            token=token or None,
            certificate_path=configuration.cert_file,
            private_key_path=configuration.key_file,
            proxy_url=configuration.proxy,
        )

    @kopf.on.startup(registry=registry)
    async def started(settings: kopf.OperatorSettings, **_: Any) -> None:
        configure(settings)
        ready.set()

    for kind, plural in PLURALS.items():
        _on_event(registry, kind, plural, on_event)
    return registry


def _on_event(registry: kopf.OperatorRegistry, kind: str, plural: str, on_event: OnEvent) -> None:
    @kopf.on.event(GROUP, VERSION, plural, registry=registry, id=f"store-{plural}")
    async def store(event: kopf.RawEvent, **_: Any) -> None:
        raw: Object = dict(event["object"])
        raw.setdefault("kind", kind)
        metadata = raw["metadata"]
        on_event(Key(kind, metadata["namespace"], metadata["name"]), raw, event["type"])


def configure(settings: kopf.OperatorSettings) -> None:
    """kopf's settings. `queueing.worker_limit` is left alone on purpose: it starves, and deadlocks with indexes."""
    settings.scanning.disabled = True  # no RBAC for namespaces and CRDs, no reaction to theirs
    settings.posting.enabled = False  # events are ours
    settings.peering.standalone = True
    settings.watching.chunk_size = PAGE
    settings.watching.server_timeout = 300
    settings.watching.connect_timeout = 10
    settings.networking.request_timeout = 30
    settings.queueing.idle_timeout = 0.02  # a task for each object lives this long; the default is 5 s
    settings.queueing.exit_timeout = 1.0


async def watch(configuration: Configuration, namespaces: list[str], on_event: OnEvent, stop: asyncio.Event) -> None:
    """Deliver events until `stop` is set. `namespaces`: empty for all."""
    ready = asyncio.Event()
    await kopf.operator(
        registry=_registry(configuration, on_event, ready),
        clusterwide=not namespaces,
        namespaces=namespaces,
        stop_flag=stop,
    )
