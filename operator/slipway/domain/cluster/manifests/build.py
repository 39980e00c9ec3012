"""From a spec and a commit to everything that is wanted in the cluster."""

from slipway.api.v1alpha1.cluster_target import ClusterTarget
from slipway.api.v1alpha1.common import SecretKeyRef, seconds
from slipway.api.v1alpha1.deployment import DeploymentSpec
from slipway.domain.cluster import cache, optional
from slipway.domain.cluster.cache import Load, Prefetch
from slipway.domain.cluster.engines.known import rules_of
from slipway.domain.cluster.engines.problems import engine_problem
from slipway.domain.cluster.looks.memory import served_annotation
from slipway.domain.cluster.manifests.disruption_budget import disruption_budget
from slipway.domain.cluster.manifests.network_policy import network_policies
from slipway.domain.cluster.manifests.overrides import overrides_problem
from slipway.domain.cluster.manifests.pod_template import before_wishes, of_revision, revision_of, with_wishes
from slipway.domain.cluster.manifests.service import base_url, service
from slipway.domain.cluster.manifests.service_account import service_account
from slipway.domain.cluster.manifests.wanted import Wanted
from slipway.domain.cluster.marks import (
    DEPLOYMENT_LABEL,
    REVISION_LABEL,
    SERVED,
    SERVER_CONTAINER,
    Manifest,
    child_name,
)
from slipway.domain.cluster.settings import ClusterSettings
from slipway.domain.cluster.subject import Subject, marked
from slipway.domain.engines import model_name
from slipway.domain.served import ServedModel

PULL_AND_SCHEDULE = 600
"""Seconds beyond the start-up timeout that it may take to find a node and to pull an image of 10 GB or more."""


def problem(
    spec: DeploymentSpec,
    target: ClusterTarget,
    served: ServedModel,
    image: str,
    subject: Subject,
    token: SecretKeyRef | None,
) -> str | None:
    """Why no manifests can be made of this, in one sentence that names the field; None: `wanted` may be called."""
    found = engine_problem(spec.engine, target, image) or cache.problem(spec, target) or optional.problem(spec, target)
    if found:
        return found
    base = before_wishes(subject.name, spec, target, served, image, token)
    found = overrides_problem(base, subject.name, spec.engine, target)
    if found:
        return found
    template = with_wishes(base, subject.name, target)
    return None if _runs_as_root(template) else rules_of(spec.engine).needs_root(image)


def wanted(
    spec: DeploymentSpec,
    target: ClusterTarget,
    served: ServedModel,
    image: str,
    subject: Subject,
    settings: ClusterSettings,
    token: SecretKeyRef | None,
    keep: tuple[Load, ...] = (),
) -> Wanted:
    """The objects of one spec and one commit.

    `image`: of the engine, the one that serves where the spec leaves it open. `token`: for the Hub; None: it is public.
    `keep`: what must stay in the cache besides, because it serves or a roll back goes to it. It is part of no digest.
    Whether the cluster knows what is optional, and clients can come in by a route, only a look at it can tell.

    Raises PatchProblem where `problem` would have said so.
    """
    base = before_wishes(subject.name, spec, target, served, image, token)
    template = with_wishes(base, subject.name, target)
    revision = revision_of(template)
    beside = (
        service_account(subject),
        *network_policies(subject, target, served.hub, spec.engine.env, settings),
        disruption_budget(subject, settings),
        *((cache.volume(subject, target.cache),) if target.cache else ()),
    )
    return Wanted(
        served=served,
        image=image,
        revision=revision,
        workload=_workload(subject, spec, served, image, template, revision),
        service=service(subject),
        beside=beside,
        prefetch=_prefetch(subject, spec, target, served, template, token, keep),
        optional=optional.manifests(subject, spec, target),
        canary=optional.canary(subject, target),
        url=base_url(subject, settings),
        model=model_name(spec.engine, served.repo),
    )


def _workload(
    subject: Subject, spec: DeploymentSpec, served: ServedModel, image: str, template: Manifest, revision: str
) -> Manifest:
    """The apps/v1 Deployment of a revision, without replicas.

    Its pods are of one kind for its whole life, so its own history and surge are for what others do to it: an edit of
    theirs takes pods one by one, without a GPU to spare.
    """
    model = model_name(spec.engine, served.repo)
    remembered = {SERVED: served_annotation(served, image=image, engine=spec.engine.name, model=model)}
    name = child_name(subject.name, revision)
    return marked(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": subject.metadata(name, revision=revision, annotations=remembered),
            "spec": {
                "selector": {"matchLabels": {DEPLOYMENT_LABEL: subject.name, REVISION_LABEL: revision}},
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
                "progressDeadlineSeconds": _startup(spec),
                "revisionHistoryLimit": 0,
                "template": of_revision(template, revision),
            },
        }
    )


def _prefetch(
    subject: Subject,
    spec: DeploymentSpec,
    target: ClusterTarget,
    served: ServedModel,
    template: Manifest,
    token: SecretKeyRef | None,
    keep: tuple[Load, ...],
) -> Manifest | None:
    if target.cache is None:
        return None
    load = Prefetch(
        load=Load.of(served),
        keep=keep,
        hub=served.hub,
        token=token,
        deadline=max(_startup(spec), Prefetch.deadline),
        needs_safetensors=rules_of(spec.engine).NEEDS_SAFETENSORS,
    )
    return cache.prefetch(subject, load, target.cache, template, gpus=target.gpus)


def _startup(spec: DeploymentSpec) -> int:
    return seconds(spec.rollout.startup_timeout) + PULL_AND_SCHEDULE


def _runs_as_root(template: Manifest) -> bool:
    pod = template["spec"]
    engine = next(container for container in pod["containers"] if container["name"] == SERVER_CONTAINER)
    own = (engine.get("securityContext") or {}).get("runAsUser")
    return (own if own is not None else (pod.get("securityContext") or {}).get("runAsUser")) == 0
