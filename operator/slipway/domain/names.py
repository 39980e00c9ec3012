"""Names and marks of what the operator makes outside of Kubernetes."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

TAG_INSTALLATION = "slipway.dev/installation"
TAG_NAMESPACE = "slipway.dev/namespace"
TAG_NAME = "slipway.dev/name"
TAG_UID = "slipway.dev/uid"
TAG_RETAINED = "slipway.dev/retained"

PREFIX = "slw"
_NAME_LIMIT = 63  # of SageMaker's endpoints, endpoint configs and models
_OWNER_DIGITS = 12
_CONTENT_DIGITS = 16


def digest(value: Any, digits: int) -> str:
    """The first hex digits of a SHA-256 over the canonical JSON of `value`."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:digits]


@dataclass(frozen=True)
class Owner:
    """Who something belongs to.

    The uid is a mark, not part of the identity: an object that was deleted and made anew under the same name
    (a restore from a backup, a forced deletion) finds and takes over what its predecessor left. Two objects of
    one name never live at the same time in one installation.
    """

    installation: str
    namespace: str
    name: str
    uid: str

    @property
    def prefix(self) -> str:
        """What the names of all its SageMaker models and endpoint configs begin with."""
        return f"{PREFIX}-{digest([self.installation, self.namespace, self.name], _OWNER_DIGITS)}-"

    def tags(self) -> dict[str, str]:
        """The tags that mark a resource as this owner's."""
        return {
            TAG_INSTALLATION: self.installation,
            TAG_NAMESPACE: self.namespace,
            TAG_NAME: self.name,
            TAG_UID: self.uid,
        }

    def owns(self, tags: dict[str, str]) -> bool:
        """Whether a resource with these tags is this owner's, or its predecessor's of the same name."""
        mine = self.tags()
        return all(tags.get(key) == mine[key] for key in (TAG_INSTALLATION, TAG_NAMESPACE, TAG_NAME))


def describe_owner(tags: dict[str, str]) -> str:
    """Who a resource belongs to, for a message."""
    if TAG_INSTALLATION not in tags:
        return "something that Slipway does not manage (it has no slipway.dev tags)"
    where = f"{tags.get(TAG_NAMESPACE, '?')}/{tags.get(TAG_NAME, '?')}"
    return f"Deployment {where} of the installation {tags[TAG_INSTALLATION]}"


def content_name(owner: Owner, content: Any) -> str:
    """Name of an immutable resource: the same content always gets the same name, two owners never share one."""
    return owner.prefix + digest(content, _CONTENT_DIGITS)


def default_endpoint_name(namespace: str, name: str) -> str:
    """`<namespace>-<name>`, which clients can know beforehand; cut and hashed beyond SageMaker's 63 characters.

    Pattern: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html
    """
    full = f"{namespace}-{name}"
    if len(full) <= _NAME_LIMIT:
        return full
    tail = digest([namespace, name], 8)
    return f"{full[: _NAME_LIMIT - len(tail) - 1].rstrip('-')}-{tail}"
