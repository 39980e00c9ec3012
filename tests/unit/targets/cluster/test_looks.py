"""The last look holds for as long as nothing has been noticed."""

from slipway.domain.cluster.looks.observation import ObjectRef, Observation
from slipway.targets.cluster.looks import Looks, question

TWIN = ("ml", "twin")
ASKED = question({"Deployment"}, [ObjectRef("Service", "twin")])
SEEN = Observation(
    objects={ObjectRef("Service", "twin"): {"metadata": {"name": "twin"}}},
    pods=({"metadata": {"name": "twin-1"}},),
    routed=frozenset({"twin-1"}),
    missing=frozenset({"PodMonitor"}),
    forbidden={"HTTPRoute": "cannot list"},
)


class Watch:
    def __init__(self) -> None:
        self.marks: dict[tuple[str, str], int | None] = {TWIN: 0, ("ml", "other"): 0}

    def mark(self, namespace: str, deployment: str) -> int | None:
        return self.marks[namespace, deployment]


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def made(keep: float = 600.0) -> tuple[Looks, Watch, Time]:
    watch, time = Watch(), Time()
    return Looks(watch, keep=keep, clock=time), watch, time


def test_a_look_comes_back_as_it_was() -> None:
    looks, _, _ = made()
    assert looks.again(TWIN, ASKED) is None
    looks.remember(TWIN, ASKED, looks.mark(TWIN), SEEN)
    assert looks.again(TWIN, ASKED) == SEEN
    nothing = Observation()
    looks.remember(TWIN, ASKED, looks.mark(TWIN), nothing)
    assert looks.again(TWIN, ASKED) == nothing


def test_a_change_ends_it_also_one_during_the_look() -> None:
    looks, watch, _ = made()
    looks.remember(TWIN, ASKED, looks.mark(TWIN), SEEN)
    watch.marks[TWIN] = 1
    assert looks.again(TWIN, ASKED) is None
    begun = looks.mark(TWIN)
    watch.marks[TWIN] = 2
    looks.remember(TWIN, ASKED, begun, SEEN)
    assert looks.again(TWIN, ASKED) is None


def test_a_watch_that_is_not_connected_ends_it() -> None:
    looks, watch, _ = made()
    looks.remember(TWIN, ASKED, looks.mark(TWIN), SEEN)
    watch.marks[TWIN] = None
    assert looks.again(TWIN, ASKED) is None
    looks.remember(TWIN, ASKED, looks.mark(TWIN), SEEN)
    watch.marks[TWIN] = 0
    assert looks.again(TWIN, ASKED) is None


def test_it_grows_old() -> None:
    looks, _, time = made(keep=600)
    looks.remember(TWIN, ASKED, looks.mark(TWIN), SEEN)
    time.now += 599
    assert looks.again(TWIN, ASKED) == SEEN
    time.now += 1
    assert looks.again(TWIN, ASKED) is None


def test_another_question_asks_anew() -> None:
    looks, _, _ = made()
    looks.remember(TWIN, ASKED, looks.mark(TWIN), SEEN)
    assert looks.again(TWIN, question({"Deployment", "Job"}, [ObjectRef("Service", "twin")])) is None
    assert looks.again(TWIN, question({"Deployment"}, [])) is None


def test_our_own_change_ends_those_of_the_namespace() -> None:
    looks, _, _ = made()
    other = ("ml", "other")
    for subject in (TWIN, other):
        looks.remember(subject, ASKED, looks.mark(subject), SEEN)
    looks.forget("elsewhere")
    assert looks.again(TWIN, ASKED) == SEEN
    looks.forget("ml")
    assert looks.again(TWIN, ASKED) is None
    assert looks.again(other, ASKED) is None


def test_old_looks_take_no_room() -> None:
    looks, watch, time = made(keep=600)
    for number in range(100):
        watch.marks["ml", str(number)] = 0
        looks.remember(("ml", str(number)), ASKED, 0, SEEN)
        time.now += 60
    assert len(looks._kept) == 10
