"""The cache: a volume that keeps weights, the Job that loads them, and where servers find them."""

from slipway.domain.cluster.cache.job import Prefetch, prefetch
from slipway.domain.cluster.cache.layout import (
    SERVER_ENVIRONMENT,
    claim_name,
    commit_of,
    pod_volume,
    server_mount,
    snapshot_folder,
)
from slipway.domain.cluster.cache.load import Load
from slipway.domain.cluster.cache.problem import change_problem, problem
from slipway.domain.cluster.cache.progress import Loading, State, last_words, loading
from slipway.domain.cluster.cache.volume import volume

__all__ = [
    "SERVER_ENVIRONMENT",
    "Load",
    "Loading",
    "Prefetch",
    "State",
    "change_problem",
    "claim_name",
    "commit_of",
    "last_words",
    "loading",
    "pod_volume",
    "prefetch",
    "problem",
    "server_mount",
    "snapshot_folder",
    "volume",
]
