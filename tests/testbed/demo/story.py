"""What a person is shown, act by act. Anything that is not as it should be raises Deviation."""

import time
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from tests.testbed.demo import rows
from tests.testbed.demo.caller import Answer, Caller, Tally
from tests.testbed.demo.command import Play
from tests.testbed.demo.interrupts import Interrupts
from tests.testbed.demo.quickstart import PATH, parse
from tests.testbed.demo.rows import Object, short
from tests.testbed.demo.screen import Screen
from tests.testbed.demo.stage import NAMESPACE, Pace, Stage, staged
from tests.testbed.demo.telling import kubectl, left_in_sagemaker, nothing_in_sagemaker, operators_writes
from tests.testbed.demo.watching import Deviation, watch
from tests.testbed.hub import llama_8b_repository
from tests.testbed.workbench import ROOT

_PROMPT = "Who are you?"
_START_WITHIN = 30


def perform(folder: Path, pace: Pace, screen: Screen, interrupts: Interrupts, began: float) -> None:
    """Start everything and tell the story."""
    manifest = parse((ROOT / PATH).read_text())
    with staged(folder, manifest, pace, screen, interrupts) as stage:
        Story(stage, screen, began).tell()


PLAY = Play(
    "tests.testbed.demo",
    "Slipway: a model from its registry to an endpoint, on this machine",
    [
        ("real", "the protocols: boto3 and huggingface_hub over HTTP, as against AWS and the Hub"),
        ("stand-in", "the Hugging Face Hub: a repository shaped like Llama 3.1 8B, its weights all zeros"),
        ("stand-in", "Amazon SageMaker: its API and its states, in seconds instead of minutes; no bill"),
        ("stand-in", "the model: no model runs here. What answers says with which commit it was started"),
    ],
    perform,
)


class Story:
    """The acts, in their order."""

    def __init__(self, stage: Stage, screen: Screen, began: float) -> None:
        """`began`: when the demo was started, on the monotonic clock."""
        self._stage = stage
        self._screen = screen
        self._began = began
        self._caller = Caller(stage.aws("sagemaker-runtime"), stage.endpoint)

    def tell(self) -> None:
        """All acts."""
        self._apply()
        self._ask()
        self._roll()
        self._show_events()
        self._delete()
        self._conclude()

    def _apply(self) -> None:
        self._screen.act("1  Apply: two resources, and nothing else, bring a model into service")
        started = time.monotonic() - self._began
        kubectl(self._stage, self._screen, "apply", "-f", str(PATH))
        self._screen.note(f"`kubectl apply` was reached {started:.1f} s after the start (limit: {_START_WITHIN} s)")
        first = self._stage.first_commit
        found = watch(self._stage, self._screen, lambda seen: seen.serves(first), "the first commit serves")
        self._screen.blank()
        self._screen.good(_described(found.model_version or {}))

    def _ask(self) -> None:
        self._screen.act("2  Ask: as an application would, with boto3")
        request = self._caller.request(_PROMPT)
        name, kind, body = request["EndpointName"], request["ContentType"], request["Body"]
        self._screen.command(f"runtime.invoke_endpoint(EndpointName={name!r}, ContentType={kind!r},", ">>>")
        self._screen.command(f"    Body={body!r})", "...")
        answer = self._answer()
        self._screen.say(answer.text)
        self._compare(answer, self._stage.first_commit)

    def _roll(self) -> None:
        stage, first = self._stage, self._stage.first_commit
        self._screen.act("3  Roll: a new commit in the registry; the old one serves until the new one does")
        files = llama_8b_repository(note="Trained for another night.")
        second = stage.hub.commit(
            stage.quickstart.repo, files, ref=stage.quickstart.ref, message="Train for another night"
        )
        self._screen.say(f"pushed to {stage.quickstart.ref} on the local Hub: {short(second)}, after {short(first)}")
        now = int(time.time())
        with self._caller.asking(_PROMPT) as tally:
            # Without it the operator would look when spec.updates.interval is over.
            name = stage.quickstart.model_version
            kubectl(
                self._stage, self._screen, "annotate", "mv", name, f"slipway.dev/reconcile-now={now}", "--overwrite"
            )
            watch(stage, self._screen, lambda seen: seen.serves(second), "the roll", footer=tally.sentence)
            _wait_for_answer(tally, second)
        self._screen.blank()
        self._judge(tally, first, second)
        self._compare(self._answer(), second)

    def _judge(self, tally: Tally, first: str, second: str) -> None:
        if tally.failures:
            raise Deviation(f"requests failed during the roll: {tally.sentence()}; the first: {tally.failures[0]}")
        if list(tally.by_revision) != [first, second] or tally.switches != 1:
            raise Deviation(f"the old commit should answer, then the new one, and no other: {tally.sentence()}")
        self._screen.good(f"during the roll {tally.sentence()}")

    def _show_events(self) -> None:
        self._screen.act("4  What happened, as the cluster tells it")
        self._screen.command(f"kubectl -n {NAMESPACE} get events     (in brief)")
        events = self._stage.cluster.list("Event", NAMESPACE)
        if not events:
            raise Deviation("the operator recorded no events")
        self._screen.blank()
        brief = [rows.brief_event(event) for event in sorted(events, key=_written)]
        self._screen.events(list(dict.fromkeys(brief)))

    def _delete(self) -> None:
        stage = self._stage
        self._screen.act("5  Delete: the endpoint goes, and what it was made of")
        kubectl(self._stage, self._screen, "delete", "--wait=false", "-f", str(PATH))
        watch(stage, self._screen, lambda seen: seen.is_gone, "the deletion", footer=lambda: left_in_sagemaker(stage))
        self._screen.blank()
        self._screen.good(nothing_in_sagemaker(stage))

    def _conclude(self) -> None:
        if self._stage.plane.owned:
            self._screen.good(operators_writes(self._stage))
        self._screen.act(f"Done in {time.monotonic() - self._began:.0f} s. What to read next:")
        self._screen.pairs(
            [
                (str(PATH), "the file that was applied: change three marked lines, and it is yours"),
                ("README.md", "how to install it for real, every setting, every reason that a condition can have"),
                ("charts/slipway", "what a platform team installs once"),
                ("docs/decisions", "why it is built as it is"),
            ]
        )

    def _answer(self) -> Answer:
        try:
            return self._caller.ask(_PROMPT)
        except (ClientError, BotoCoreError) as failure:
            raise Deviation(f"the endpoint did not answer: {failure}") from failure

    def _compare(self, answer: Answer, commit: str) -> None:
        deployment = self._stage.cluster.get("Deployment", NAMESPACE, self._stage.quickstart.deployment) or {}
        reported = rows.serving(deployment)
        if not answer.revision == reported == commit:
            said = f"the endpoint says {answer.revision}, the status {reported}, the Hub {commit}"
            raise Deviation(f"which commit serves? {said}")
        self._screen.good(f"commit {commit} answers; status.revision.serving says the same")


def _described(model_version: Object) -> str:
    resolved = model_version["status"]["resolved"]
    parameters = resolved["parameters"]["total"] / 1e9
    size = resolved["sizeBytes"] / 1e9
    return (
        f"{resolved['ref']} of {resolved['repo']} is commit {short(resolved['revision'])}: {parameters:.1f} billion "
        f"parameters, {size:.1f} GB to download, license {resolved['license']}, {resolved['access'].lower()}"
    )


def _wait_for_answer(tally: Tally, commit: str) -> None:
    """Until the commit has answered a few of the requests that are sent beside."""
    deadline = time.monotonic() + 10
    while tally.by_revision.get(commit, 0) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)


def _written(event: Object) -> tuple[str, int]:
    """Events of the same second are in the order in which they were stored."""
    return event["metadata"]["creationTimestamp"], int(event["metadata"]["resourceVersion"])
