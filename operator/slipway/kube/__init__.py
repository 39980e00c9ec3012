"""The few requests that the operator makes of the API server, beside kopf's watches.

The dynamic client is used without its discovery: it would ask for every API group, and cache it on disk, to learn
the paths of resources that are known here. Every request has a deadline, every error becomes one of
`slipway.domain.errors`, and every write goes through `Connection._write`.
"""

from slipway.kube.client import PLURALS, Kube
from slipway.kube.connection import PAGE, load_configuration
from slipway.kube.refusals import translated
from slipway.kube.resources import Change, Resources

__all__ = ["PAGE", "PLURALS", "Change", "Kube", "Resources", "load_configuration", "translated"]
