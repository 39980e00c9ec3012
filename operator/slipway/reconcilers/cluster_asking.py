"""What a pass asks a pod of a new revision before it gets requests: what it serves, and the user's prompt."""

from collections.abc import Hashable
from dataclasses import replace

from slipway.api.v1alpha1.common import seconds
from slipway.domain import prompt_check
from slipway.domain.cluster import questions
from slipway.domain.cluster.report import Report
from slipway.domain.cluster.rolls.plan import failed, verified
from slipway.domain.cluster.rolls.roll import current_roll, failure
from slipway.domain.cluster.rolls.situation import Question, Situation
from slipway.domain.cluster.rolls.steps import Step
from slipway.domain.errors import OutsideError, Transient
from slipway.reconcilers.cluster_pass import ClusterPass

NOT_VERIFIED = "NotVerified"
_GIVEN_UP = (
    "It was asked for longer than spec.rollout.startupTimeout. A NetworkPolicy, or a mesh that lets in only its own "
    "members, may keep the operator from port 8080 of the pods: see docs/cluster.md, Troubleshooting"
)
_IDENTITY_TIMEOUT = 10.0
"""Seconds for the engine's own word on what it serves, which it has at hand."""


class ClusterAskingPass(ClusterPass):
    """A pass over a Deployment in the cluster that may ask its pods."""

    async def ask(
        self, circumstances: Hashable, situation: Situation, question: Question, report: Report
    ) -> float | None:
        """Ask a pod of the new revision, and store what came of it. What follows is the next pass' matter."""
        if question.verify:
            return await self._verify(circumstances, situation, question, report)
        check, engine = situation.rollout.check, self.deployment.spec.engine
        if check is None:
            raise AssertionError("only what is asked for is checked")
        request = questions.prompt(check, engine, situation.wanted.model)
        answer = await self.target.ask(question.pod.ip or "", request, seconds(check.timeout))
        before = self.deployment.status.check
        result = prompt_check.judged(question.child.name, engine.name, answer, before, self.tools.clock.now())
        await self.report(replace(report, checked=result))
        return self.timing.retry_first * result.tries if result.outcome == "Retrying" else 0.0

    async def _verify(
        self, circumstances: Hashable, situation: Situation, question: Question, report: Report
    ) -> float | None:
        """Whether the engine serves the pinned commit, as far as it says what it serves."""
        engine = self.deployment.spec.engine.name
        answer = await self.target.ask(question.pod.ip or "", questions.identity_request(engine), _IDENTITY_TIMEOUT)
        said, pinned = questions.served_commit(engine, answer.body), situation.wanted.served.revision
        if answer.problem:
            text = f"the pod {question.pod.name} is ready but does not say what it serves: {answer.problem}"
            if not self._has_asked_enough(circumstances, situation, question):
                return await self.failed(circumstances, Transient(NOT_VERIFIED, text), report)
            step = failed(question.child, failure(situation, NOT_VERIFIED, f"{text}. {_GIVEN_UP}"))
        elif said is None or said == pinned:
            step = verified(question.child, "Engine" if said else "Arguments")
        else:
            text = f"the engine serves commit {said}, although it was started with {pinned}"
            step = failed(question.child, failure(situation, "WrongRevision", text))
        return await self._remember(circumstances, step, report)

    def _has_asked_enough(self, circumstances: Hashable, situation: Situation, question: Question) -> bool:
        """Whether a new revision is to be given up, so that its pods do not hold their GPUs for nothing.

        One silence, after which nobody has asked again, is not enough: the operator itself may have been away.
        """
        if situation.serving and situation.serving.revision == question.child.revision:
            return False
        last = self.tools.retries.standing(self.key, circumstances)
        return last is not None and last.reason == NOT_VERIFIED and current_roll(situation).is_late()

    async def _remember(self, circumstances: Hashable, step: Step, report: Report) -> float | None:
        """Store what an answer has shown. What follows is the next pass' matter."""
        try:
            await self.execute((step,))
        except OutsideError as error:
            return await self.failed(circumstances, error, report)
        self.tools.retries.clear(self.key)
        return 0.0
