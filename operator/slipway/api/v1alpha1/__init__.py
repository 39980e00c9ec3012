"""slipway.dev/v1alpha1: the resources as pydantic models, the only place where a field is defined.

`slipway.crds` turns these models into crds/*.yaml; the operator reads and writes objects through them.
"""

GROUP = "slipway.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
FIELD_MANAGER = "slipway"
"""Who owns the fields that the operator applies."""
FINALIZER = f"{GROUP}/finalizer"
RECONCILE_NOW = f"{GROUP}/reconcile-now"
"""Annotation: any new value means "look again now, and try again what was refused or has failed"."""
