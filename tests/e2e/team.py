"""An ML team: a namespace, a model on the Hub, what it applies and what it sees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlsplit

import yaml

from tests.testbed.cluster import Cluster
from tests.testbed.hub import LocalHub
from tests.testbed.node.models import small_repository
from tests.testbed.real_node.cluster import RealCluster
from tests.testbed.waiting import eventually

T = TypeVar("T")
Object = dict[str, Any]
ROOT = Path(__file__).parents[2]
LONGEST = 120.0
AT_REST = {"Ready", "OptionalApiMissing", "Limited"}
"""Conditions while nothing is under way: the API server is old, and TGI reads no chat template from a mirror."""
GENERATE = ("/generate", {"inputs": "What is a slipway?", "parameters": {"max_new_tokens": 60}})
CPU = {"podTemplate": {"spec": {"containers": [{"name": "engine", "resources": {"requests": {"cpu": "50m"}}}]}}}
"""Of a processor: the nodes are small, and so are the look-alikes."""
CHAT = ("/v1/chat/completions", {"messages": [{"role": "user", "content": "What is a slipway?"}], "max_tokens": 60})


class Load:
    """Clients that ask all the time, each request over a connection of its own. A context manager.

    Their answers are in a file: of a pipe that nobody reads they would fill what it holds, and wait.
    """

    def __init__(self, cluster: RealCluster, url: str, body: Object, clients: int) -> None:
        self.answers: list[Object] = []
        self._said = TemporaryFile("w+")  # noqa: SIM115  # closed in __exit__
        command = [sys.executable, "-m", "tests.testbed.real_node.client", url, json.dumps(body), str(clients)]
        self._process = subprocess.Popen(
            [*cluster.control.network_prefix, *command], stdin=subprocess.PIPE, stdout=self._said, text=True, cwd=ROOT
        )

    def __enter__(self) -> Load:
        """Once the first answer is there."""
        eventually(lambda: os.fstat(self._said.fileno()).st_size or self._process.poll() is not None, "an answer")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=LONGEST)
        self._said.seek(0)
        self.answers = [json.loads(line) for line in self._said]
        self._said.close()
        if error is None:
            assert self._process.returncode == 0, "the clients have asked to the end"

    @property
    def failed(self) -> list[Object]:
        """Requests that were not answered with a text."""
        return [answer for answer in self.answers if answer.get("status") != 200]

    def heard(self, commit: str) -> bool:
        """Whether any answer came from this commit."""
        return any(commit in answer.get("text", "") for answer in self.answers)


@dataclass
class Team:
    """What a team does. Names of objects are `twin`, as in the examples."""

    cluster: RealCluster
    api: Cluster
    hub: LocalHub
    namespace: str
    repo: str
    commit: str = ""
    """The newest one on the Hub."""

    def publish(self, note: str = "", **behaviour: Any) -> str:
        """Push a commit to the Hub; returns it."""
        if self.hub.repository(self.repo) is None:
            self.hub.create_repo(self.repo)
        self.commit = self.hub.commit(self.repo, small_repository(note, **behaviour))
        return self.commit

    def model(self, name: str = "twin") -> None:
        """A ModelVersion that follows the branch."""
        self.apply(
            "ModelVersion",
            name,
            {
                "source": {"huggingFace": {"repo": self.repo}},
                "updates": {"policy": "Track", "interval": "1s"},
            },
        )

    def deployment(self, name: str = "twin", target: Object | None = None, **spec: Any) -> None:
        """A Deployment in the cluster, one GPU for each replica."""
        self.apply(
            "Deployment",
            name,
            {
                "modelRef": {"name": "twin"},
                "engine": {"name": "TGI"},
                "target": target or {"cluster": {"gpus": 1, "memory": "256Mi", **CPU}},
                **spec,
            },
        )

    def apply(self, kind: str, name: str, spec: Object) -> None:
        """kubectl apply, without a word about validation: the API server says what is wrong."""
        manifest = {"apiVersion": "slipway.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        self.kubectl("apply", "--filename=-", stdin=yaml.safe_dump(manifest))

    def kubectl(self, *arguments: str, stdin: str | None = None, timeout: float = LONGEST) -> str:
        """kubectl in the team's namespace."""
        return self.cluster.plane.kubectl(
            f"--namespace={self.namespace}", *arguments, stdin=stdin, timeout=timeout
        ).stdout

    # What it sees

    def status(self, name: str = "twin") -> Object:
        return (self.api.get("Deployment", self.namespace, name) or {}).get("status") or {}

    def conditions(self, name: str = "twin") -> dict[str, str]:
        """Reasons by the type of the condition; only those that are True, but for Ready."""
        return {one["type"]: one["reason"] for one in self.status(name).get("conditions", [])}

    def message(self, condition: str, name: str = "twin") -> str:
        found = [one["message"] for one in self.status(name).get("conditions", []) if one["type"] == condition]
        return found[0] if found else ""

    def serves(self, commit: str, name: str = "twin", replicas: int = 1) -> None:
        """Until a commit serves with so many pods, and nothing is under way."""

        def look() -> bool:
            status = self.status(name)
            serving = ((status.get("revision") or {}).get("serving") or {}).get("revision")
            at_rest = self.conditions(name).keys() <= AT_REST
            return at_rest and serving == commit and len(self.pods(name)) == replicas == status.get("readyReplicas")

        self.wait(look, f"{name} serves {commit}")

    def pods(self, name: str = "twin") -> list[Object]:
        """Pods of a Deployment, those that are going included."""
        selector = f"--selector=slipway.dev/deployment={name},slipway.dev/revision"
        items: list[Object] = json.loads(self.kubectl("get", "pods", selector, "--output=json"))["items"]
        return items

    def lives(self, name: str = "twin") -> dict[str, tuple[str, int]]:
        """The pods that serve, by uid: which container each has, and how often it was started anew."""
        return {
            pod["metadata"]["uid"]: (status["containerID"], status["restartCount"])
            for pod in self.pods(name)
            for status in pod["status"]["containerStatuses"]
        }

    def address(self, name: str = "twin") -> str:
        """Where clients find a Deployment by its status, the name of the Service looked up as a cluster's DNS would."""
        url = urlsplit(self.status(name)["endpoint"]["url"])
        service, namespace = (url.hostname or "").split(".")[:2]
        assert namespace == self.namespace
        address = self.kubectl("get", "service", service, "--output=jsonpath={.spec.clusterIP}")
        return f"{url.scheme}://{address}:{url.port or 80}"

    def load(self, clients: int = 2) -> Load:
        """Clients of TGI, through the Service."""
        path, body = GENERATE
        return Load(self.cluster, self.address() + path, body, clients)

    def ask(self, name: str = "twin", question: tuple[str, Object] = GENERATE) -> str:
        """One answer of the Service, or why there is none."""
        path, body = question
        with Load(self.cluster, self.address(name) + path, body, 1) as client:
            pass
        last = client.answers[-1]
        return str(last.get("text") or last.get("error"))

    def wait(self, look: Callable[[], T], what: str, timeout: float = LONGEST) -> T:
        """Wait; a failure shows what the team could see."""
        try:
            return eventually(look, what, timeout=timeout, interval=0.3)
        except TimeoutError as late:
            raise AssertionError(f"{late}\n{self.report()}") from None

    def report(self) -> str:
        """What a person would look at."""
        seen = [self.kubectl("get", "mv,sdep,pods,services,events", "--output=wide")]
        seen += [self.kubectl("describe", "mv,sdep,pods")]
        return f"{time.strftime('%X')}\n" + "\n".join(seen)[-12000:]
