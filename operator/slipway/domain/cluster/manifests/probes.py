"""When a pod counts as started, ready and alive.

Both engines open their port only after the weights are loaded, which takes minutes: that time belongs to the startup
probe alone. https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
"""

from math import ceil
from typing import Any

from slipway.domain.cluster.engines.known import HEALTH
from slipway.domain.cluster.marks import PORT_NAME

_START_EVERY = 10
"""Seconds between two tries while it starts."""
_READY = {"periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 3}
"""Out of the Service after 15 s without an answer."""
_ALIVE = {"periodSeconds": 15, "timeoutSeconds": 30, "failureThreshold": 8}
"""Restarted after two minutes without an answer: a restart costs the minutes of loading, and an engine under load is
slow to answer. TGI generates a token for its answer once it has failed (`/health` in its router)."""


def probes(startup_timeout: int) -> dict[str, Any]:
    """The container's probes. `startup_timeout`: seconds in which the weights are loaded and /health answers."""
    ask = {"httpGet": {"path": HEALTH, "port": PORT_NAME}}
    tries = max(ceil(startup_timeout / _START_EVERY), 1)
    return {
        "startupProbe": ask | {"periodSeconds": _START_EVERY, "timeoutSeconds": 5, "failureThreshold": tries},
        "readinessProbe": ask | _READY,
        "livenessProbe": ask | _ALIVE,
    }
