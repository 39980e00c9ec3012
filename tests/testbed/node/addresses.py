"""Addresses for pods that work like those of a pod network: each pod has one, and it answers on this machine.

The API server refuses Endpoints in 127.0.0.0/8 (ValidateNonSpecialIP), so pods get addresses of 198.18.0.0/15, which is
set aside for tests of networks (RFC 2544). A route of type `local` on the loopback device makes all of a network this
machine's own (AnyIP: https://www.man7.org/linux/man-pages/man8/ip-route.8.html); it takes the capability NET_ADMIN.
A run that is killed leaves its route behind, which does no harm: `ip route show table local` shows it.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
import struct
import sys
from types import TracebackType
from typing import Self

_NEW_ROUTE, _DELETE_ROUTE = 24, 25
_REQUEST, _ACKNOWLEDGE, _EXCLUSIVE, _CREATE = 0x1, 0x4, 0x200, 0x400
_LOCAL_TABLE, _STATIC, _HOST_SCOPE, _LOCAL_TYPE = 255, 4, 254, 2
_DESTINATION, _DEVICE = 1, 4
_PREFIX = 24
_FIRST_POD, _LAST = 16, 254
_TRIES = 20


class NoPodNetwork(RuntimeError):
    """This process may not make one."""


class PodNetwork:
    """A network of 254 addresses: nodes have the first of them, pods the rest in turn."""

    def __init__(self) -> None:
        self._network = ""
        self._next = _FIRST_POD
        self._taken: set[str] = set()

    def __enter__(self) -> Self:
        for _ in range(_TRIES):
            network = f"198.{18 + secrets.randbelow(2)}.{secrets.randbelow(256)}"
            try:
                _route(_NEW_ROUTE, f"{network}.0")
            except FileExistsError:  # of somebody who runs at the same time
                continue
            self._network = network
            return self
        raise NoPodNetwork("no free network in 198.18.0.0/15: `ip route show table local` shows what is left over")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._network:
            _route(_DELETE_ROUTE, f"{self._network}.0")

    def node(self, number: int) -> str:
        """The address of a node, counted from 0."""
        return f"{self._network}.{number + 1}"

    def take(self) -> str:
        """An address for a pod: the one that was given back longest ago, as far as that is possible."""
        for _ in range(_LAST):
            address = f"{self._network}.{self._next}"
            self._next = self._next + 1 if self._next < _LAST else _FIRST_POD
            if address not in self._taken:
                self._taken.add(address)
                return address
        raise RuntimeError("no more addresses for pods")

    def give_back(self, address: str) -> None:
        self._taken.discard(address)


def _route(command: int, network: str) -> None:
    """Add or delete the route, by rtnetlink. Raises FileExistsError and NoPodNetwork."""
    if sys.platform != "linux":
        raise NoPodNetwork("routes of type local are Linux's")
    flags = _REQUEST | _ACKNOWLEDGE | (_CREATE | _EXCLUSIVE if command == _NEW_ROUTE else 0)
    message = struct.pack(
        "BBBBBBBBI", socket.AF_INET, _PREFIX, 0, 0, _LOCAL_TABLE, _STATIC, _HOST_SCOPE, _LOCAL_TYPE, 0
    )
    message += struct.pack("HH4s", 8, _DESTINATION, socket.inet_aton(network))
    message += struct.pack("HHi", 8, _DEVICE, socket.if_nametoindex("lo"))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.bind((0, 0))
        netlink.send(struct.pack("IHHII", 16 + len(message), command, flags, 1, 0) + message)
        (code,) = struct.unpack("i", netlink.recv(4096)[16:20])
    if code == -errno.EEXIST:
        raise FileExistsError
    if code == -errno.EPERM:
        raise NoPodNetwork(
            "pods need addresses, and this user may not make routes. Run as root, or in a network namespace of your "
            "own: unshare --user --map-root-user --net sh -c 'ip link set lo up && …'"
        )
    if code and not (command == _DELETE_ROUTE and code == -errno.ESRCH):
        raise OSError(-code, os.strerror(-code))
