"""Volumes: three StorageClasses and their provisioner. Binding, and deletion once nothing uses them, is the control
plane's own.

Each volume is a folder of this machine, so that what is on it survives pods.
"""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.testbed.node.api import Api, ApiError, Informer
from tests.testbed.node.events import Events
from tests.testbed.node.scheduler import SELECTED_NODE

Object = dict[str, Any]
_AGAIN = 1.0


@dataclass(frozen=True)
class StorageClass:
    """One kind of volume."""

    name: str
    modes: tuple[str, ...]
    """Access modes that it can have."""
    binding: str = "Immediate"
    is_default: bool = False
    is_local: bool = False
    """Whether it is a part of one node."""

    @property
    def provisioner(self) -> str:
        return f"{self.name}.testbed.slipway.dev"

    def manifest(self) -> Object:
        default = {"storageclass.kubernetes.io/is-default-class": "true"} if self.is_default else {}
        return {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": self.name, "annotations": default},
            "provisioner": self.provisioner,
            "reclaimPolicy": "Delete",
            "volumeBindingMode": self.binding,
        }


CLASSES = (
    StorageClass("shared", ("ReadWriteMany", "ReadWriteOnce"), is_default=True),
    StorageClass("disk", ("ReadWriteOnce",)),
    StorageClass("local", ("ReadWriteOnce",), "WaitForFirstConsumer", is_local=True),
)
"""A file server; disks that are attached to one node at a time; disks that are part of a node."""


class Provisioner:
    """Makes the volumes of claims in its namespace, and deletes those that were released."""

    def __init__(self, api: Api, claims: Informer, folder: Path) -> None:
        self._api = api
        self._claims = claims
        self._folder = folder
        self._events = Events(api, "testbed.slipway.dev/provisioner")
        self._made: dict[str, str] = {}
        """Names of volumes by uid of their claim."""
        self.wake = asyncio.Event()

    def folder(self, volume: str) -> Path:
        """What stands for a volume on this machine."""
        return self._folder / volume

    async def run(self) -> None:
        """For ever."""
        await self._claims.synced.wait()
        for each in CLASSES:
            await self._created("/apis/storage.k8s.io/v1/storageclasses", each.manifest())
        while True:
            self.wake.clear()
            for claim in list(self._claims.objects.values()):
                await self._provision(claim)
            await self._collect()
            try:
                async with asyncio.timeout(_AGAIN):
                    await self.wake.wait()
            except TimeoutError:
                continue

    async def _provision(self, claim: Object) -> None:
        meta, spec = claim["metadata"], claim["spec"]
        kind = next((each for each in CLASSES if each.name == spec.get("storageClassName")), None)
        node = (meta.get("annotations") or {}).get(SELECTED_NODE)
        if kind is None or spec.get("volumeName") or meta["uid"] in self._made or meta.get("deletionTimestamp"):
            return
        if kind.binding == "WaitForFirstConsumer" and not node:
            return
        refused = [mode for mode in spec["accessModes"] if mode not in kind.modes]
        if refused:
            await self._events.say(
                claim | {"kind": "PersistentVolumeClaim"},
                "Warning",
                "ProvisioningFailed",
                f'failed to provision volume with StorageClass "{kind.name}": rpc error: code = InvalidArgument desc = '
                f"Volume capabilities {refused[0]} not supported. Only AccessModes {' '.join(kind.modes)} supported.",
            )
            return
        name = f"pvc-{meta['uid']}"
        self._made[meta["uid"]] = name
        self.folder(name).mkdir(parents=True, exist_ok=True)
        await self._created("/api/v1/persistentvolumes", self._volume(claim, kind, name, node))

    async def _created(self, path: str, manifest: Object) -> None:
        """Of this name there is one afterwards, also where an answer was lost."""
        try:
            await self._api.create(path, manifest)
        except ApiError as error:
            if error.status != 409:
                raise

    def _volume(self, claim: Object, kind: StorageClass, name: str, node: str | None) -> Object:
        meta, spec = claim["metadata"], claim["spec"]
        volume: Object = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": kind.provisioner}},
            "spec": {
                "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                "accessModes": spec["accessModes"],
                "persistentVolumeReclaimPolicy": "Delete",
                "storageClassName": kind.name,
                "volumeMode": "Filesystem",
                "hostPath": {"path": str(self.folder(name))},
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "namespace": meta["namespace"],
                    "name": meta["name"],
                    "uid": meta["uid"],
                },
            },
        }
        if kind.is_local:
            here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
            volume["spec"]["nodeAffinity"] = {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}}
        return volume

    async def _collect(self) -> None:
        """Volumes whose claim has gone. The control plane leaves those of other provisioners to them."""
        there = {claim["metadata"]["uid"] for claim in self._claims.objects.values()}
        for uid, name in list(self._made.items()):
            if uid not in there:
                await self._api.delete(f"/api/v1/persistentvolumes/{name}")
                shutil.rmtree(self.folder(name), ignore_errors=True)
                del self._made[uid]
