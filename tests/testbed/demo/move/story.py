"""What a person is shown, act by act. Anything that is not as it should be raises Deviation."""

import time
from pathlib import Path

from tests.testbed.demo import rows
from tests.testbed.demo.command import Play
from tests.testbed.demo.interrupts import Interrupts
from tests.testbed.demo.move.client import Said
from tests.testbed.demo.move.stage import MoveStage, check_machine, staged
from tests.testbed.demo.quickstart import parse
from tests.testbed.demo.screen import Screen
from tests.testbed.demo.stage import NAMESPACE, Pace
from tests.testbed.demo.telling import kubectl, left_in_sagemaker, nothing_in_sagemaker, operators_writes
from tests.testbed.demo.watching import Deviation, Snapshot, watch
from tests.testbed.workbench import ROOT

FOLDER = Path("examples/move")
MODEL, ON_SAGEMAKER, IN_CLUSTER = FOLDER / "model.yaml", FOLDER / "on-sagemaker.yaml", FOLDER / "in-cluster.yaml"
_PROMPT = "Who are you?"
_HEARD_WITHIN = 5
"""Seconds."""
_KINDS = ("Deployment", "ReplicaSet", "Job", "Service", "Pod", "PersistentVolumeClaim")
"""What the cluster target may have made; Deployments here are those of apps/v1."""


def perform(folder: Path, pace: Pace, screen: Screen, interrupts: Interrupts, began: float) -> None:
    """Start everything and tell the story."""
    check_machine()
    manifests = "---\n".join((ROOT / path).read_text() for path in (MODEL, ON_SAGEMAKER))
    with staged(folder, parse(manifests, FOLDER), pace, screen, interrupts) as stage:
        Story(stage, screen, began).tell()


PLAY = Play(
    "tests.testbed.demo.move",
    "Slipway: a Deployment moves from SageMaker into the cluster, and its client stays as it is",
    [
        ("real", "the client: examples/client/ask.py, a process that is given the binding Secret and nothing else"),
        ("stand-in", "the Hugging Face Hub: one small repository, which the pods really download"),
        ("stand-in", "Amazon SageMaker: its API and its states, in seconds instead of minutes; no bill"),
        ("stand-in", "the node: a scheduler, a kubelet and an NVIDIA L4 that are none; containers are processes here"),
        ("stand-in", "the engines: no model runs. They say which commit they were started with, or have downloaded"),
        ("stand-in", "the network: proxies stand for the cluster's DNS, and for the way to AWS's host names"),
    ],
    perform,
)


class Story:
    """The acts, in their order."""

    def __init__(self, stage: MoveStage, screen: Screen, began: float) -> None:
        """`began`: when the demo was started, on the monotonic clock."""
        self._move = stage
        self._stage = stage.stage
        self._screen = screen
        self._began = began
        self._commit = stage.stage.first_commit

    def tell(self) -> None:
        """All acts."""
        self._screen.act("1  Apply: a model, and a Deployment of it on SageMaker")
        self._apply(MODEL, ON_SAGEMAKER)
        self._screen.act("2  Ask: the client knows its Secret, and nothing else")
        self._ask("sagemaker")
        self._leave_sagemaker()
        self._come_to_the_cluster()
        self._screen.act("5  Ask again: the same program, the same arguments, the same environment")
        self._ask("cluster")
        self._delete()
        self._conclude()

    def _apply(self, *files: Path) -> Snapshot:
        named = [word for file in files for word in ("-f", str(file))]
        kubectl(self._stage, self._screen, "apply", *named)
        return watch(self._stage, self._screen, lambda seen: seen.serves(self._commit), "the commit serves")

    def _ask(self, provider: str) -> None:
        entries = self._move.client.mount(self._move.secret())
        self._screen.note(f"Secret {self._secret_name}, as a pod mounts it:")
        self._screen.entries(list(entries.items()))
        self._screen.blank()
        self._screen.command(self._move.client.command(_PROMPT))
        said = self._answer()
        self._screen.note(said.note)
        self._screen.say(said.answer)
        if said.status != 0 or entries.get("provider") != provider:
            raise Deviation(f"the client should get an answer from {provider}: {said.note}")
        deployment = self._stage.cluster.get("Deployment", NAMESPACE, self._stage.quickstart.deployment) or {}
        if not said.commit == rows.serving(deployment) == self._commit:
            told = f"the answer says {said.commit}, the status {rows.serving(deployment)}, the Hub {self._commit}"
            raise Deviation(f"which commit serves? {told}")
        self._screen.good(f"commit {self._commit} answers; provider {provider}")

    def _answer(self) -> Said:
        """What the client gets. Proxies hear of a new pod a moment later than the API server."""
        deadline = time.monotonic() + _HEARD_WITHIN
        while (said := self._move.client.ask(_PROMPT)).status != 0 and time.monotonic() < deadline:
            time.sleep(0.2)
        return said

    def _leave_sagemaker(self) -> None:
        stage, screen = self._stage, self._screen
        screen.act("3  Move, first half: where a Deployment runs cannot change, so it goes; the ModelVersion stays")
        kubectl(stage, screen, "delete", "--wait=false", "-f", str(ON_SAGEMAKER))
        watch(
            stage,
            screen,
            lambda seen: seen.deployment_is_gone,
            "the deletion",
            footer=lambda: left_in_sagemaker(stage),
        )
        screen.blank()
        screen.good(nothing_in_sagemaker(stage))
        self._wait_gone("Secret")
        self._move.client.mount(self._move.secret())
        screen.blank()
        screen.note("From here on nobody answers, until the second half is done (examples/move: how to avoid that):")
        screen.command(self._move.client.command(_PROMPT))
        said = self._move.client.ask(_PROMPT)
        screen.say(said.note)
        if said.status == 0:
            raise Deviation(f"nothing serves, and the client got an answer: {said.answer}")

    def _come_to_the_cluster(self) -> None:
        self._screen.act("4  Move, second half: the second manifest, of the same name; only its target differs")
        found = self._apply(IN_CLUSTER)
        self._screen.blank()
        deployment = found.deployment or {}
        serving = deployment["status"]["revision"]["serving"]
        if serving.get("verified") != "Engine":
            raise Deviation(f"the engine should have named its commit itself; the status says {serving}")
        self._screen.good(
            "asked before its pod got any request, the engine itself named this commit (verified: Engine)"
        )
        noted = rows.notes(deployment)
        if noted:
            self._screen.note(f"what this cluster or this Hub lacks is said in conditions: {', '.join(noted)}")

    def _delete(self) -> None:
        self._screen.act("6  Delete: nothing is left on either side")
        kubectl(self._stage, self._screen, "delete", "--wait=false", "-f", str(IN_CLUSTER), "-f", str(MODEL))
        watch(self._stage, self._screen, lambda seen: seen.is_gone, "the deletion")
        for kind in (*_KINDS, "Secret"):
            self._wait_gone(kind)
        running = {pod: found for pod, found in self._move.nodes.processes().items() if found}
        if running:
            raise Deviation(f"containers go on running: {running}")
        self._screen.blank()
        self._screen.good(nothing_in_sagemaker(self._stage))
        self._screen.good("nothing is left in the cluster: no Pod, no Service, no Secret; no GPU is taken")

    def _conclude(self) -> None:
        self._screen.good(operators_writes(self._stage))
        self._screen.act(f"Done in {time.monotonic() - self._began:.0f} s. What to read next:")
        self._screen.pairs(
            [
                (str(FOLDER), "the manifests; diff the two to see what a move is, and the README has the steps"),
                ("examples/client/ask.py", "the client: a hundred lines of Python"),
                ("docs/clients.md", "what is in the Secret, and other ways to ask"),
            ]
        )

    @property
    def _secret_name(self) -> str:
        return f"{self._stage.quickstart.deployment}-binding"

    def _wait_gone(self, kind: str, within: float = 90) -> None:
        """Until the garbage collector has been there. Raises Deviation.

        It looks for new kinds of owners every 30 s, and waits for its own caches after that: on a control plane that
        has just started, a Secret whose owner is gone has been seen to stay for 41 s.
        """
        deadline = time.monotonic() + within
        while left := self._left(kind):
            if time.monotonic() > deadline:
                raise Deviation(f"something is left in the cluster: {kind} {', '.join(left)}")
            time.sleep(0.1)

    def _left(self, kind: str) -> list[str]:
        return [
            one["metadata"]["name"]
            for one in self._move.things.list(kind)
            if kind != "Secret" or one["metadata"]["name"] == self._secret_name
        ]
