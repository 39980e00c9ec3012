"""`unshare --mount --pid --fork python -m tests.testbed.images.enter JSON`: becomes the first process of a container.

It mounts what every container has, makes the rest read-only, and gives up root for good.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any


def main(told: dict[str, Any]) -> None:
    """`told`: root, workdir, user (a number), environment, command, and mounts as {path: folder of this machine}.

    A path without a folder is memory that the user may write to.
    """
    root, user = told["root"], int(told["user"])
    _mount("--bind", root, root)
    for place in ("/dev", "/sys"):
        _mount("--rbind", place, root + place)
    _mount("-t", "proc", "proc", f"{root}/proc")
    for path in (told["workdir"], *told["mounts"]):  # runtimes make those that the image has not
        os.makedirs(root + path, exist_ok=True)
    _mount("-o", "remount,bind,ro", root)
    for path, folder in told["mounts"].items():
        if folder is None:
            _mount("-t", "tmpfs", "-o", f"uid={user},gid={user},mode=0770", "tmpfs", root + path)
        else:
            _mount("--bind", folder, root + path)
    os.chroot(root)
    os.chdir(told["workdir"])
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    environment = dict(told["environment"])
    os.execvpe(told["command"][0], told["command"], environment)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
