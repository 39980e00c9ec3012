"""How long a pod takes to go, so that no request is lost.

A pod that is deleted leaves the EndpointSlices at once, but it takes a moment until every node knows. So it goes on
answering for a while (preStop), then it gets SIGTERM, answers what it has begun, and ends.
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
"""

REROUTE = 15
"""Seconds until nobody sends requests to a pod that was deleted. KServe waits as long for the same reason:
https://github.com/kserve/kserve/pull/5485"""
DRAIN = 90
"""Seconds that a request may take to come to its end: TGI's own default (GRACEFUL_TERMINATION_TIMEOUT)."""
MARGIN = 15
"""Seconds for the processes to end afterwards."""
GRACE_PERIOD = REROUTE + DRAIN + MARGIN
"""Seconds until it is killed, preStop included."""


def pre_stop(drains: bool) -> dict[str, object]:
    """The hook that runs before SIGTERM. An engine that does not drain by itself gets its signal only after that time.

    By `sleep` in the container, which every image with a shell has: the hook `sleep` is there since Kubernetes 1.30
    only. Where there is no such program the hook fails, which costs its wait and nothing else.
    https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/
    """
    return {"exec": {"command": ["sleep", str(REROUTE if drains else REROUTE + DRAIN)]}}
