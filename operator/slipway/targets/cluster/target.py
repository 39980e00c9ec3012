"""The port `ClusterTarget` for a Kubernetes API server.

One look is one list of each kind, all at once: a dozen requests, whatever the number of objects. By name is asked only
what no list has shown, so for what is there, nothing.
"""

from collections.abc import Collection

from slipway.domain.cluster.apis import BY_KIND, DEPLOYMENT, ENDPOINT_SLICE, ENDPOINTS, api_of
from slipway.domain.cluster.looks.endpoints import SERVICE_NAME_LABEL, routed_by_endpoints, routed_by_slices
from slipway.domain.cluster.looks.observation import Api, ObjectRef, Observation
from slipway.domain.cluster.marks import DEPLOYMENT_LABEL, SERVER_CONTAINER, Manifest, canary_name
from slipway.domain.cluster.optional.refusals import FIELDS as OPTIONAL
from slipway.domain.cluster.questions import Answer, PodRequest
from slipway.domain.cluster.rolls.steps import Annotate, Apply, Create, Delete, Scale, Step
from slipway.domain.errors import Conflict, NotFound, Rejected, Transient
from slipway.kube import Resources
from slipway.targets.cluster.discovery import Discovery
from slipway.targets.cluster.looks import Looks, NothingNoticed, Noticed, question
from slipway.targets.cluster.pod_http import PodHttp
from slipway.targets.cluster.together import together

REST = 600.0
"""Seconds for which a look holds at rest where nothing is noticed. Drift of what is not watched may be as old."""
LOG_LINES = 300
"""vLLM's traceback of its API server, which says that something else has failed, has about a hundred."""


class Cluster:
    """Looks at and changes the objects of Deployments, in any namespace, and asks their pods."""

    def __init__(
        self,
        kube: Resources,
        *,
        discovery: Discovery | None = None,
        pods: PodHttp | None = None,
        noticed: Noticed | None = None,
        rest: float = REST,
    ) -> None:
        """`noticed`: whoever watches; without, every look asks anew. `rest`: seconds, see REST."""
        self._kube = kube
        self._discovery = discovery or Discovery(kube)
        self._pods = pods or PodHttp()
        self._looks = Looks(noticed or NothingNoticed(), keep=rest)

    async def close(self) -> None:
        """Close the connections to pods. That to the API server is somebody else's."""
        await self._pods.close()

    async def observe(
        self,
        namespace: str,
        deployment: str,
        names: Collection[ObjectRef],
        kinds: Collection[str],
        *,
        at_rest: bool = False,
    ) -> Observation:
        """See the port."""
        subject, asked = (namespace, deployment), {"Service", "Pod", *kinds, *(ref.kind for ref in names)}
        known = self._looks.again(subject, question(asked, names)) if at_rest else None
        if known is not None:
            return known
        mark = self._looks.mark(subject)
        seen = await self._look(namespace, deployment, frozenset(names), asked)
        self._looks.remember(subject, question(asked, names), mark, seen)
        return seen

    async def _look(self, namespace: str, deployment: str, names: frozenset[ObjectRef], asked: set[str]) -> Observation:
        missing = await self._discovery.missing(asked | {ENDPOINT_SLICE.kind})
        routes = ENDPOINTS if ENDPOINT_SLICE.kind in missing else ENDPOINT_SLICE
        label = f"{DEPLOYMENT_LABEL}={deployment}"
        canary = ObjectRef("Service", canary_name(deployment))
        services = [deployment, *([canary.name] if canary in names else [])]
        apis = [BY_KIND[kind] for kind in sorted(asked - missing)]
        forbidden: dict[str, str] = {}
        listed = await together(
            [
                self._routes(routes, namespace, services),
                *(self._listed(api, namespace, label, forbidden) for api in apis),
            ]
        )
        routed_to, found = listed[0] or [], dict(zip(apis, listed[1:], strict=True))
        missing |= {api.kind for api, items in found.items() if items is None} - forbidden.keys()
        unknown = missing | forbidden.keys()
        pods = tuple(_lighter(pod) for pod in found.pop(BY_KIND["Pod"]) or [])
        objects = {
            ObjectRef(api.kind, item["metadata"]["name"]): _lighter(item)
            for api, items in found.items()
            for item in items or []
        }
        objects |= await self._by_name(namespace, [ref for ref in names - objects.keys() if ref.kind not in unknown])
        return Observation(
            objects=objects,
            pods=pods,
            routed=_routed(routes, routed_to, deployment) if ObjectRef("Service", deployment) in objects else None,
            canary=_routed(routes, routed_to, canary.name),
            missing=frozenset(missing & asked),
            forbidden=forbidden,
        )

    async def _listed(
        self, api: Api, namespace: str, selector: str, forbidden: dict[str, str] | None = None
    ) -> list[Manifest] | None:
        """None: the cluster has this kind no longer; or it is optional, may not be listed, and `forbidden` says why."""
        try:
            return await self._kube.labelled(api, namespace, selector)
        except Rejected as refused:
            if forbidden is None or api.kind not in OPTIONAL:
                raise
            forbidden[api.kind] = refused.message
            return None
        except NotFound:
            self._discovery.forget(api)
            return None

    async def _routes(self, api: Api, namespace: str, services: list[str]) -> list[Manifest] | None:
        if api is ENDPOINT_SLICE:
            return await self._listed(api, namespace, f"{SERVICE_NAME_LABEL} in ({','.join(services)})")
        found = await together(self._kube.find(api, namespace, service) for service in services)
        return [endpoints for endpoints in found if endpoints]

    async def _by_name(self, namespace: str, refs: list[ObjectRef]) -> dict[ObjectRef, Manifest]:
        found = await together(self._kube.find(BY_KIND[ref.kind], namespace, ref.name) for ref in refs)
        return {ref: _lighter(item) for ref, item in zip(refs, found, strict=True) if item is not None}

    async def execute(self, namespace: str, step: Step) -> None:
        """See the port."""
        self._looks.forget(namespace)
        kind, name = _about(step)
        try:
            await self._do(namespace, step)
        except Rejected as refused:
            raise Rejected(refused.reason, _in_full(refused.message, kind, name)) from refused
        except NotFound as gone:
            if isinstance(step, Annotate | Scale):
                raise Conflict("Conflict", f"{kind} {name} was deleted meanwhile: {gone.message}") from gone
            self._discovery.forget(BY_KIND[kind])
            raise NotFound(gone.reason, _in_full(gone.message, kind, name)) from gone
        finally:
            self._looks.forget(namespace)  # a look that was begun meanwhile may have seen either

    async def _do(self, namespace: str, step: Step) -> None:
        kube = self._kube
        match step:
            case Create():
                await kube.create(api_of(step.manifest), _in(namespace, step.manifest))
            case Apply():
                api, manifest, version = api_of(step.manifest), _in(namespace, step.manifest), step.resource_version
                if step.whole and version is not None and "spec" in manifest:
                    version = (await kube.set_spec(api, manifest, version))["metadata"]["resourceVersion"]
                await kube.apply(api, manifest, version)
            case Annotate():
                changed = dict(step.annotations)
                await kube.annotate(BY_KIND[step.kind], namespace, step.name, step.resource_version, changed)
            case Scale():
                await kube.scale(DEPLOYMENT, namespace, step.name, step.resource_version, step.replicas)
            case Delete():
                await kube.delete(BY_KIND[step.kind], namespace, step.name, step.uid)

    async def last_log(self, namespace: str, pod: str) -> str:
        """See the port."""
        try:
            return await self._kube.previous_log(namespace, pod, SERVER_CONTAINER, lines=LOG_LINES)
        except (Rejected, NotFound, Transient):
            # No such container any more, no right to read logs, or a node that the API server cannot reach, which is
            # when pods end: what is to be done about them must not wait for their last words.
            return ""

    async def ask(self, pod_ip: str, request: PodRequest, within: float) -> Answer:
        """See the port."""
        return await self._pods.ask(pod_ip, request, within)


def _about(step: Step) -> ObjectRef:
    match step:
        case Apply() | Create():
            return ObjectRef(step.manifest["kind"], step.manifest["metadata"]["name"])
        case Scale():
            return ObjectRef(DEPLOYMENT.kind, step.name)
        case Annotate() | Delete():
            return ObjectRef(step.kind, step.name)


def _in(namespace: str, manifest: Manifest) -> Manifest:
    """The manifest, which must not lead into another namespace. Raises ValueError."""
    asked = manifest["metadata"].get("namespace", namespace)
    if asked != namespace:
        raise ValueError(f"{manifest['kind']} {manifest['metadata']['name']} is for {asked}, not for {namespace}")
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}


def _in_full(words: str, kind: str, name: str) -> str:
    """The API server's words; a webhook's do not say what they are about."""
    return words if f'"{name}"' in words else f"{kind} {name}: {words}"


def _lighter(manifest: Manifest) -> Manifest:
    """Without managedFields, which nobody plans on."""
    return {**manifest, "metadata": {key: it for key, it in manifest["metadata"].items() if key != "managedFields"}}


def _routed(api: Api, found: list[Manifest], service: str) -> frozenset[str]:
    return routed_by_slices(found, service) if api is ENDPOINT_SLICE else routed_by_endpoints(found, service)
