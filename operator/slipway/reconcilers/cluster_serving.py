"""A pass over a Deployment that should serve in the cluster: look, plan, report, carry out the steps."""

from collections.abc import Hashable
from dataclasses import replace

from slipway.domain.checks.chain import Checked, checked
from slipway.domain.checks.cluster import served_image
from slipway.domain.checks.inputs import Problem
from slipway.domain.cluster import optional
from slipway.domain.cluster.cache import Load, change_problem, claim_name
from slipway.domain.cluster.diagnosis import ailments, unexplained
from slipway.domain.cluster.diagnosis.ailments import server_pods
from slipway.domain.cluster.looks import views
from slipway.domain.cluster.looks.fleet import Fleet
from slipway.domain.cluster.looks.observation import ObjectRef, Observation
from slipway.domain.cluster.manifests import build
from slipway.domain.cluster.manifests.wanted import Wanted
from slipway.domain.cluster.marks import canary_name
from slipway.domain.cluster.optional.refusals import CONDITION, out_of_sight
from slipway.domain.cluster.report import Report
from slipway.domain.cluster.rolls.plan import plan
from slipway.domain.cluster.rolls.situation import Plan, Situation
from slipway.domain.cluster.warnings import unlisted, warnings
from slipway.domain.conditions import kept
from slipway.domain.errors import OutsideError, Rejected, Transient
from slipway.domain.revisions import rollout_digest
from slipway.reconcilers.cluster_asking import ClusterAskingPass
from slipway.reconcilers.cluster_pass import MADE_KINDS
from slipway.reconcilers.optional_steps import OptionalSteps


class ClusterServingPass(ClusterAskingPass):
    """A pass over a Deployment that should serve in the cluster."""

    async def run(self) -> float | None:
        """Seconds until the next pass."""
        checks = checked(self.inputs(await self.model_versions(), account=None))
        circumstances = self.circumstances(checks)
        held = self.tools.retries.holding(self.key, circumstances)
        if held:
            await self.report(self.refused(_with_problem(Report(), checks.problem), held[0]))
            return held[1]
        wanted = self._wanted(checks)
        if wanted is None:
            return await self._stopped(circumstances, checks.problem)
        try:
            seen = await self._look(wanted)
            logs = await self._logs(seen, wanted)
        except OutsideError as error:
            return await self.failed(circumstances, error, _with_problem(Report(), checks.problem))
        wanted = self._as_far_as_known(self._wanted(checks, seen) or wanted, seen)
        situation = self._situation(wanted, seen, logs)
        return await self._proceed(circumstances, situation, checks.problem)

    async def _stopped(self, circumstances: Hashable, problem: Problem | None) -> float | None:
        """The spec cannot be acted on: nothing is changed, and what serves is still reported as it is."""
        report = _with_problem(Report(), problem)
        if self.deployment.status.placement is None:
            await self.report(report)
            return None  # nothing was ever made
        name = self.subject.name
        try:  # all of this is watched, so a former look will do where nothing has been noticed
            seen = await self.target.observe(
                self.key.namespace, name, (ObjectRef("Service", name),), ("Deployment",), at_rest=True
            )
        except OutsideError as error:
            return await self.failed(circumstances, error, report)
        await self.report(replace(report, looked=Fleet(self.subject, seen, self._remembered())))
        self.tools.retries.clear(self.key)
        return None

    def _remembered(self) -> str | None:
        serving = self.deployment.status.revision.serving
        return serving.config if serving else None

    async def _proceed(self, circumstances: Hashable, situation: Situation, problem: Problem | None) -> float | None:
        """Report, then act: what is stored before a step is what a crash leaves behind."""
        found, before = plan(situation), self.deployment.status.conditions
        optional_steps = OptionalSteps(
            self.tools.retries, self.subject, found, trigger=self.trigger, said=kept(before, CONDITION)
        )

        def concluded() -> Report:
            said = tuple(warnings(self.deployment.spec, situation, refused=optional_steps.finding(unlisted(situation))))
            return _with_problem(Report(situation, found, warnings=said), problem)

        standing = self.tools.retries.standing(self.key, circumstances)
        recorded = await self.report(self.refused(concluded(), standing) if standing else concluded())
        try:
            if optional_steps.due:
                if not recorded:
                    await self.check_alive()
                await self._carry_out(optional_steps)
            if optional_steps.tries:
                await self.report(concluded())
            if found.question:
                return optional_steps.sooner(await self.ask(circumstances, situation, found.question, concluded()))
        except OutsideError as error:
            return await self.failed(circumstances, error, concluded())
        self.tools.retries.clear(self.key)
        return optional_steps.sooner(self._next_look(found))

    async def _carry_out(self, steps: OptionalSteps) -> None:
        """Every step that is due. One for what is optional that the API server refuses holds up none of the others."""
        for step in steps.due:
            try:
                await self.execute((step,))
            except (Rejected, Transient) as error:  # a webhook that does not answer is a 500
                if not steps.refused(step, error):
                    raise
            else:
                steps.done(step)

    def _next_look(self, found: Plan) -> float | None:
        if found.look_again is not None:
            return found.look_again
        return self.timing.rejected_longest if found.stalled else None

    def _wanted(self, checks: Checked, seen: Observation | None = None) -> Wanted | None:
        """What is wanted. What the Service remembers to serve stays in the cache also where the status was lost."""
        spec, settings = self.deployment.spec, self.tools.installation.cluster
        if checks.served is None or spec.target.cluster is None:
            return None
        known = self.deployment.status.revision
        route = views.routing(seen, self.subject.name, self.subject.uid) if seen else None
        child = views.children(seen, self.subject.uid).get(route.serving or "") if seen and route else None
        served = (child.served if child else None, known.serving, known.previous)
        keep = tuple(dict.fromkeys(Load.of(entry) for entry in served if entry))
        image = served_image(self.deployment)
        return build.wanted(
            spec, spec.target.cluster, checks.served, image, self.subject, settings, checks.served.token, keep
        )

    async def _look(self, wanted: Wanted) -> Observation:
        """What is there; under names that are wanted, also what is not ours.

        Raises Rejected where what may not be listed may lead requests past the Service.
        """
        found = (*wanted.beside, *wanted.optional, wanted.service, wanted.workload)
        names = [ObjectRef(manifest["kind"], manifest["metadata"]["name"]) for manifest in found]
        target = self.deployment.spec.target.cluster
        if target and target.expose.http_route:
            names.append(ObjectRef("Service", canary_name(self.subject.name)))
        if self.deployment.spec.autoscaling:
            names += [ObjectRef(kind, self.subject.name) for kind in ("HorizontalPodAutoscaler", "ScaledObject")]
        seen = await self.target.observe(
            self.key.namespace, self.subject.name, names, MADE_KINDS, at_rest=self._rests()
        )
        hidden = out_of_sight(seen, canary_name(self.subject.name))
        if hidden:
            raise Rejected("ApiServerRefused", hidden)
        return seen

    def _rests(self) -> bool:
        """Whether nothing is under way as far as the status says."""
        status = self.deployment.status
        attempt = status.attempt
        settled = attempt is None or (attempt.outcome == "Succeeded" and attempt.trigger == self.trigger)
        moving = any(condition.type in ("Reconciling", "Stalled", "Drifted") for condition in status.conditions)
        return settled and not moving and status.observed_generation == self.deployment.metadata.generation

    async def _logs(self, seen: Observation, wanted: Wanted) -> dict[str, str]:
        """Of pods whose status does not say why their engine has ended: one of them tells for all."""
        silent = unexplained(server_pods(seen, wanted.revision))[:1]
        return {pod: await self.target.last_log(self.key.namespace, pod) for pod in silent}

    def _as_far_as_known(self, wanted: Wanted, seen: Observation) -> Wanted:
        """What is optional, and how clients come in, depends on what the cluster knows."""
        target = self.deployment.spec.target.cluster
        if target is None:
            raise AssertionError("only what is wanted in the cluster is looked at there")
        found = optional.manifests(self.subject, self.deployment.spec, target, seen.unusable)
        route = target.expose.http_route
        url = optional.public_url(route) if route and "HTTPRoute" not in seen.missing else None
        canary = optional.canary(self.subject, target, seen.unusable)
        return replace(wanted, optional=found, canary=canary, url=url or wanted.url)

    def _situation(self, wanted: Wanted, seen: Observation, logs: dict[str, str]) -> Situation:
        spec = self.deployment.spec
        scaled = spec.autoscaling
        found = Situation(
            subject=self.subject,
            wanted=wanted,
            seen=seen,
            rollout=spec.rollout,
            now=self.now,
            replicas=spec.replicas,
            least=max(1, scaled.min_replicas) if scaled else 1,
            remembered=self._remembered(),
            checked=self.deployment.status.check,
            diagnosis=ailments.of_servers(seen, wanted, self.now, logs),
            loading=ailments.of_loading(seen, wanted, self.now),
            trigger=self.trigger,
            volume_problem=self._volume_problem(seen),
            rollout_digest=rollout_digest(spec.rollout),
            drain_wait=round(self.timing.drain_wait),
            drift=spec.drift,
        )
        child = found.serving
        if scaled is None or child is None:
            return found
        return replace(found, autoscaler=optional.autoscaler(self.subject, scaled, spec.engine, child.name))

    def _volume_problem(self, seen: Observation) -> str | None:
        target = self.deployment.spec.target.cluster
        if target is None or target.cache is None:
            return None
        claim = seen.objects.get(ObjectRef("PersistentVolumeClaim", claim_name(self.subject.name)))
        return change_problem(target.cache, claim)


def _with_problem(report: Report, problem: Problem | None) -> Report:
    """Add what the checks found, unless the plan has something more urgent to say."""
    if problem is None:
        return report
    if problem.passing:
        return report if report.plan.reconciling else replace(report, reconciling=problem.finding)
    return report if report.plan.stalled else replace(report, stalled=problem.finding)
