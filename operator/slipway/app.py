"""The composition root: makes every part, connects them, runs them, and stops them in order."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack

from slipway.controller import Controller
from slipway.domain.conditions import Finding
from slipway.domain.identity import Identity
from slipway.domain.installation import Installation
from slipway.domain.sagemaker import catalogue
from slipway.domain.sagemaker.orphans import Jurisdiction
from slipway.kube import Kube, Resources, load_configuration
from slipway.loop.clock import Clock, SystemClock
from slipway.loop.keys import Key
from slipway.loop.queue import WorkQueue
from slipway.loop.store import Store
from slipway.loop.trickle import Trickle
from slipway.reconcilers.deployment import DeploymentReconciler
from slipway.reconcilers.deployment_pass import Tools
from slipway.reconcilers.indexes import (
    BY_ENDPOINT,
    BY_IDENTITY,
    BY_MODEL,
    INDEXERS,
    endpoint_index,
    identity_index,
    model_index,
)
from slipway.reconcilers.model_version import ModelVersionReconciler
from slipway.reconcilers.orphans import OrphanSweep, Policy
from slipway.reconcilers.reporting import Reporter, report_stalled
from slipway.reconcilers.retries import Retries
from slipway.registries.huggingface import HuggingFaceHub
from slipway.settings import Settings
from slipway.targets.cluster.children import Children
from slipway.targets.cluster.target import Cluster
from slipway.targets.sagemaker.clients import AwsClients
from slipway.targets.sagemaker.poller import EndpointPoller
from slipway.targets.sagemaker.preflight import Preflight
from slipway.targets.sagemaker.roles import session_name
from slipway.targets.sagemaker.survey import SageMakerSurvey, survey_spacing
from slipway.targets.sagemaker.target import SageMaker
from slipway.telemetry.events import EventRecorder
from slipway.telemetry.metrics import Metrics

_CONNECTIONS_OF_A_WORKER = 2
"""For the workers alone; watches have their own. A look at a cluster's objects is a dozen requests at once."""
log = logging.getLogger(__name__)


async def run(
    settings: Settings,
    stop: asyncio.Event,
    *,
    make_kube: Callable[..., Kube] = Kube,
    make_clients: Callable[..., AwsClients] = AwsClients,
) -> None:
    """Run the operator until `stop` is set. The factories let tests crash it at any write."""
    async with AsyncExitStack() as closing:
        configuration = await load_configuration(_CONNECTIONS_OF_A_WORKER * settings.workers)
        kube = make_kube(configuration, timeout=settings.request_timeout)
        closing.push_async_callback(kube.close)
        installation = settings.installation_of(await _identifier(settings, kube))
        metrics, clock, queue, store = Metrics(), SystemClock(), WorkQueue(), Store(INDEXERS)
        events = EventRecorder(kube, clock, metrics)
        reporter = Reporter(kube, store, events, metrics)
        clients = _clients(settings, installation, metrics, make_clients)
        closing.callback(clients.close)
        sagemaker = _sagemaker(settings, installation, clients, store, queue, metrics)
        closing.push_async_callback(sagemaker.close)
        children = await _children(settings, store, queue, closing)
        cluster = Cluster(kube, noticed=children)
        closing.push_async_callback(cluster.close)
        registry = _hub(settings)
        closing.push_async_callback(registry.close)
        tools = Tools(
            kube=kube,
            store=store,
            reporter=reporter,
            target=sagemaker,
            cluster=cluster,
            catalogue=catalogue.shipped(),
            installation=installation,
            retries=Retries(installation.timing, clock),
            clock=clock,
            metrics=metrics,
        )
        model_versions = ModelVersionReconciler(
            kube=kube, store=store, reporter=reporter, registry=registry, clock=clock, installation=installation
        )
        orphans = _orphans(settings, installation, clients, sagemaker, kube, store, events, metrics, clock)

        def related(key: Key) -> Iterable[Key]:
            if key.kind != "ModelVersion":
                return ()
            return store.find(BY_MODEL, model_index(key.namespace, key.name))

        async def report(key: Key, finding: Finding) -> None:
            if raw := store.get(key):
                await report_stalled(reporter, key, raw, finding, clock.now())

        controller = Controller(
            configuration=configuration,
            kube=kube,
            settings=settings,
            store=store,
            queue=queue,
            events=events,
            metrics=metrics,
            clock=clock,
            reconcilers={
                "ModelVersion": model_versions.reconcile,
                "Deployment": DeploymentReconciler(tools).reconcile,
            },
            related=related,
            report=report,
            beside=(orphans.run, lambda _sync: children.run()),
        )
        controller.health.add(children.problem)
        _say_what_is_allowed(installation)
        await controller.run(stop)


def _clients(
    settings: Settings, installation: Installation, metrics: Metrics, make_clients: Callable[..., AwsClients]
) -> AwsClients:
    return make_clients(
        timeout=settings.aws_timeout,
        concurrency=settings.aws_concurrency,
        requests_per_second=settings.aws_requests_per_second,
        session_name=session_name(installation.identifier),
        counted=lambda operation, outcome: metrics.aws_requests.labels(operation, outcome).inc(),
    )


def _sagemaker(
    settings: Settings,
    installation: Installation,
    clients: AwsClients,
    store: Store,
    queue: WorkQueue,
    metrics: Metrics,
) -> SageMaker:
    def poller(identity: Identity, account: str, region: str) -> EndpointPoller:
        def wake(region: str, endpoint: str) -> None:
            for key in store.find(BY_ENDPOINT, endpoint_index(region, endpoint, identity)):
                queue.add(key)

        made = EndpointPoller(
            clients.session(identity),
            region,
            wake=wake,
            interval=settings.endpoint_poll,
            sweep_interval=settings.endpoint_sweep,
            wanted=lambda: bool(store.find(BY_IDENTITY, identity_index(region, identity))),
            ended=lambda: hide(),
            account=account,
        )
        hide = metrics.show_list_age(region, account, identity.role_arn or "", made.age)
        return made

    return SageMaker(clients, poller=poller, preflight=Preflight(missing_kept=installation.timing.rejected_first))


async def _children(settings: Settings, store: Store, queue: WorkQueue, closing: AsyncExitStack) -> Children:
    """The watches have connections of their own, which they hold for as long as they last."""
    configuration = await load_configuration(Children.connections(settings.namespaces))
    watching = Resources(configuration, timeout=settings.request_timeout)
    closing.push_async_callback(watching.close)

    def wake(namespace: str, deployment: str) -> None:
        key = Key("Deployment", namespace, deployment)
        if key in store:
            queue.add(key)

    return Children(watching, namespaces=settings.namespaces, wake=wake)


def _hub(settings: Settings) -> HuggingFaceHub:
    return HuggingFaceHub(
        default_endpoint=settings.hub_endpoint,
        timeout=settings.hub_timeout,
        ca_bundle=settings.hub_ca_bundle,
        max_concurrency=settings.hub_concurrency,
    )


def _orphans(
    settings: Settings,
    installation: Installation,
    clients: AwsClients,
    target: SageMaker,
    kube: Kube,
    store: Store,
    events: EventRecorder,
    metrics: Metrics,
    clock: Clock,
) -> OrphanSweep:
    survey = SageMakerSurvey(
        lambda place: clients.session(place.identity),
        Trickle(survey_spacing(settings.aws_requests_per_second), clock),
        account=lambda place: target.under(place.identity).account(place.region),
        poller=lambda place: target.running_poller(place.identity, place.region),
    )
    policy = Policy(
        jurisdiction=Jurisdiction(installation.identifier, frozenset(settings.namespaces)),
        regions=installation.named_regions,
        removes=settings.orphans == "Delete",
        interval=settings.orphan_sweep,
        grace=settings.orphan_grace,
    )
    return OrphanSweep(policy, kube=kube, store=store, survey=survey, events=events, metrics=metrics, clock=clock)


async def _identifier(settings: Settings, kube: Kube) -> str:
    """What marks everything that this installation makes."""
    if settings.installation:
        return settings.installation
    return f"{await kube.namespace_uid('kube-system')}/{settings.release}"


def _say_what_is_allowed(installation: Installation) -> None:
    log.info("installation %s", installation.identifier)
    if not installation.placement_rules and not installation.default_execution_roles:
        log.warning(
            "no namespace may use any execution role: set SLIPWAY_AWS_REGIONS and SLIPWAY_AWS_EXECUTION_ROLES, "
            "or SLIPWAY_PLACEMENTS"
        )
