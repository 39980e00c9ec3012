"""What is the same for every object of one installation of the operator."""

from dataclasses import dataclass, field

from slipway.domain.cluster.settings import ClusterSettings
from slipway.domain.permissions import PlacementRule

PUBLIC_HUB = "https://huggingface.co"


@dataclass(frozen=True)
class Timing:
    """Seconds between looks and tries. Defaults suit real services; tests set smaller ones."""

    poll_moving: float = 15.0
    """Between two looks at an endpoint that SageMaker works on."""
    shortest_track: float = 60.0
    """No ModelVersion is tracked more often than this."""
    secret_recheck: float = 30.0
    """Between two looks at the Secret of a ModelVersion that was refused."""
    retry_first: float = 2.0
    """Before the first retry of what may pass by itself; doubles with each failure."""
    retry_longest: float = 300.0
    rejected_first: float = 15.0
    """Before what was refused is asked again; doubles. An IAM role takes up to two minutes to be known
    everywhere, so the first tries are soon: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html"""
    rejected_longest: float = 300.0
    capacity_delay: float = 300.0
    """The N-th failure in a row for want of capacity waits N times as long."""
    endpoint_visible: float = 60.0
    """After which an endpoint that was asked for can be seen, if it was. A deletion waits so long."""

    drain_wait: float = 15.0
    """Until every proxy and gateway has heard that a pod gets no requests any more. EndpointSlices are batched for
    about a second, kube-proxy syncs within one more, cloud load balancers take ten:
    https://kubernetes.io/docs/tutorials/services/pods-and-endpoint-termination-flow/"""
    binding_recheck: float = 600.0
    """At most, between two looks at the Secret for clients, which is not watched: nobody else's Secrets are read that
    way. Where more objects than seconds are watched, a second for each (`slipway.domain.binding.recheck_after`)."""


@dataclass(frozen=True)
class Installation:
    """Settings that decisions depend on."""

    identifier: str
    """Marks everything that this installation makes."""
    placement_rules: tuple[PlacementRule, ...] = ()
    default_regions: tuple[str, ...] = ()
    default_execution_roles: tuple[str, ...] = ()
    hub: str = PUBLIC_HUB
    """Hub for ModelVersions that name none."""
    further_hubs: tuple[str, ...] = ()
    """Other Hubs that a ModelVersion may name. It sends a token of its namespace there."""
    cluster: ClusterSettings = field(default_factory=ClusterSettings)
    """What the cluster is like, for pods that are made in it."""
    timing: Timing = Timing()

    def default_rule(self, account: str) -> PlacementRule:
        """What a namespace may use that no rule names."""
        return PlacementRule(("*",), (account,), self.default_regions, self.default_execution_roles)

    def may_ask(self, hub: str) -> bool:
        """Whether a ModelVersion may name this Hub."""
        return hub.rstrip("/") in {known.rstrip("/") for known in (PUBLIC_HUB, self.hub, *self.further_hubs)}

    @property
    def named_regions(self) -> frozenset[str]:
        """The regions that the settings name, patterns aside."""
        named = [*self.default_regions, *(region for rule in self.placement_rules for region in rule.regions)]
        return frozenset(region for region in named if not set("*?[") & set(region))

    @property
    def hub_of_containers(self) -> str | None:
        """What a container must be told of the Hub where the ModelVersion names none; None: it knows by itself."""
        return None if self.hub.rstrip("/") == PUBLIC_HUB else self.hub
