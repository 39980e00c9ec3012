"""The last known state of objects, and what refers to what."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.loop.keys import Key
from slipway.loop.store import Object, Store, version
from tests.unit.loop.fakes import key, stored

A, B = key("a"), key("b")


@pytest.fixture
def store() -> Store:
    return Store()


def held(store: Store, wanted: Key) -> str | None:
    raw = store.get(wanted)
    return raw["metadata"]["resourceVersion"] if raw else None


class TestPut:
    def test_a_new_object_is_remembered(self, store: Store) -> None:
        assert store.put(A, stored("a", spec={"x": 1}))
        assert store.get(A) == stored("a", spec={"x": 1})
        assert len(store) == 1

    def test_a_newer_version_replaces_an_older_one(self, store: Store) -> None:
        store.put(A, stored("a", 9))
        assert store.put(A, stored("a", 10))
        assert held(store, A) == "10"

    @pytest.mark.parametrize("late", [9, 10])
    def test_news_that_come_late_or_twice_change_nothing(self, store: Store, late: int) -> None:
        store.put(A, stored("a", 10))
        assert not store.put(A, stored("a", late))
        assert held(store, A) == "10"

    @pytest.mark.parametrize(("before", "after"), [("abc", "7"), ("7", "abc"), ("xyz", "abc")])
    def test_versions_that_are_not_numbers_always_count_as_newer(self, store: Store, before: str, after: str) -> None:
        store.put(A, stored("a", before))
        assert store.put(A, stored("a", after))
        assert held(store, A) == after

    def test_an_object_made_anew_under_its_name_replaces_the_former(self, store: Store) -> None:
        store.put(A, stored("a", 10, uid="first"))
        assert store.put(A, stored("a", 20, uid="second"))
        assert held(store, A) == "20"

    def test_late_news_of_the_former_object_do_not_replace_the_new_one(self, store: Store) -> None:
        """A list that was taken before the object was made anew, and is read after."""
        store.put(A, stored("a", 20, uid="second"))
        assert not store.put(A, stored("a", 10, uid="first"))
        assert held(store, A) == "20"

    def test_managed_fields_are_not_kept_and_the_given_object_is_left_as_it_is(self, store: Store) -> None:
        raw = stored("a")
        raw["metadata"]["managedFields"] = ["much"]
        store.put(A, raw)
        assert store.get(A) == stored("a")
        assert raw["metadata"]["managedFields"] == ["much"]

    @given(st.permutations(range(1, 7)))
    def test_whatever_the_order_of_the_news_the_newest_state_stays(self, order: list[int]) -> None:
        store = Store()
        for number in order:
            store.put(A, stored("a", number))
        assert held(store, A) == "6"


class TestDiscard:
    def test_a_discarded_object_is_gone(self, store: Store) -> None:
        store.put(A, stored("a"))
        assert store.discard(A)
        assert store.get(A) is None

    def test_what_is_not_there_cannot_be_discarded(self, store: Store) -> None:
        assert not store.discard(A)

    def test_the_deletion_of_the_former_object_leaves_the_new_one(self, store: Store) -> None:
        store.put(A, stored("a", 2, uid="second"))
        assert not store.discard(A, "first")
        assert store.get(A)
        assert store.discard(A, "second")


class TestListeners:
    def test_everybody_learns_of_every_change_and_of_nothing_else(self, store: Store) -> None:
        first, second = list[Key](), list[Key]()
        store.on_change(first.append)
        store.on_change(second.append)
        store.put(A, stored("a", 2))
        store.put(A, stored("a", 1))
        store.put(B, stored("b", 1))
        store.discard(A, "another")
        store.discard(A)
        store.discard(A)
        assert first == second == [A, B, A]

    def test_the_store_has_changed_already_when_they_learn_of_it(self, store: Store) -> None:
        seen = list[str | None]()
        store.on_change(lambda changed: seen.append(held(store, changed)))
        store.put(A, stored("a", 1))
        store.discard(A)
        assert seen == ["1", None]


def test_keys_are_those_of_one_kind_and_may_be_discarded_on_the_way(store: Store) -> None:
    other = key("a", "ModelVersion")
    for known in (A, B, other):
        store.put(known, stored(known.name))
    for known in store.uids("Deployment"):
        store.discard(known)
    assert list(store.uids("Deployment")) == []
    assert list(store.uids("ModelVersion")) == [other]


@pytest.mark.parametrize(("raw", "number"), [({}, -1), ({"metadata": {}}, -1), (stored("a", ""), -1), (stored("a"), 1)])
def test_the_version_of_anything(raw: Object, number: int) -> None:
    assert version(raw) == number


def by_label(_: Key, raw: Object) -> Iterable[str]:
    return [*raw["labels"]]


LABELS = st.lists(st.sampled_from(["x", "y", "z"]), max_size=3)
CHANGES = st.lists(st.tuples(st.sampled_from([A, B]), LABELS | st.none()), max_size=12)


class TestIndexes:
    @given(CHANGES)
    def test_an_index_says_at_any_time_what_a_look_at_all_objects_would(
        self, changes: list[tuple[Key, list[str] | None]]
    ) -> None:
        store = Store({"label": by_label})
        for number, (changed, labels) in enumerate(changes):
            if labels is None:
                store.discard(changed)
            else:
                store.put(changed, stored(changed.name, number, labels=labels))
        carried = {known: set(raw["labels"]) for known in (A, B) if (raw := store.get(known))}
        for label in ("x", "y", "z"):
            assert store.find("label", label) == {known for known, labels in carried.items() if label in labels}

    def test_what_was_found_does_not_change_later(self) -> None:
        store = Store({"label": by_label})
        store.put(A, stored("a", labels=["x"]))
        found = store.find("label", "x")
        store.discard(A)
        assert found == {A}

    def test_nothing_is_found_where_nothing_is(self) -> None:
        store = Store({"label": by_label})
        assert store.find("label", "x") == frozenset()
