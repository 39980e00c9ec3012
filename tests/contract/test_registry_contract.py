"""The contract of the port `Registry`, for the Hugging Face adapter over real HTTP and for the fake."""

import asyncio
import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Protocol

import pytest

from slipway.domain.errors import NotFound, OutsideError, RateLimited, Rejected, Transient
from slipway.domain.models import Access, Architecture, ModelFacts, ModelSource, Parameters, RegistryToken
from slipway.registries.huggingface import HuggingFaceHub
from slipway.registries.port import Registry
from tests.testbed.fakes.registry import FakeRegistry
from tests.testbed.hub import LLAMA_8B_PARAMETERS, LocalHub, llama_8b_repository

REPO = "mlabonne/TwinLlama-3.1-8B-DPO"
MAIN = ModelSource(REPO, "main")
SECRET = "hf_ThisMustNeverBeSeenAnywhere"
TOKEN = RegistryToken(SECRET)
LLAMA = Architecture("LlamaForCausalLM", layers=32, heads=32, kv_heads=8, head_dim=128, max_positions=131072)


class Clock:
    """Time that only a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class World(Protocol):
    """A registry and the hands that change what it holds."""

    clock: Clock

    @property
    def registry(self) -> Registry: ...
    def publish(self, *, access: Access = Access.PUBLIC, ref: str = "main") -> str: ...
    def tag(self, name: str, commit: str) -> None: ...
    def add_token(self, token: str, *, can_read: bool) -> None: ...
    def revoke_token(self, token: str) -> None: ...
    def delete(self) -> None: ...
    def disable(self) -> None: ...
    def rate_limit(self) -> None: ...
    def break_down(self) -> None: ...
    def requests(self) -> int: ...


class HubWorld:
    def __init__(self, hub: LocalHub) -> None:
        self.hub = hub
        self.clock = Clock()
        self.registry = HuggingFaceHub(
            default_endpoint=hub.url, timeout=5.0, requests_per_second=1000, clock=self.clock
        )
        self._published = 0

    def publish(self, *, access: Access = Access.PUBLIC, ref: str = "main") -> str:
        self._published += 1
        if self.hub.repository(REPO) is None:
            self.hub.create_repo(
                REPO,
                private=access is Access.PRIVATE,
                gated="manual" if access is Access.GATED else False,
            )
        return self.hub.commit(REPO, llama_8b_repository(note=f"take {self._published}"), ref=ref)

    def tag(self, name: str, commit: str) -> None:
        self.hub.tag(REPO, name, commit)

    def add_token(self, token: str, *, can_read: bool) -> None:
        repos = [REPO] if can_read else []
        self.hub.add_token(token, "alice" if can_read else "mallory", can_read=repos, gated_access=repos)

    def revoke_token(self, token: str) -> None:
        self.hub.revoke_token(token)

    def delete(self) -> None:
        self.hub.delete_repo(REPO)

    def disable(self) -> None:
        self.hub.change(REPO, disabled=True)

    def rate_limit(self) -> None:
        self.hub.fail(429)

    def break_down(self) -> None:
        self.hub.fail(503)

    def requests(self) -> int:
        return len(self.hub.log)


class FakeWorld:
    def __init__(self) -> None:
        self.clock = Clock()
        self.registry = FakeRegistry(clock=self.clock)

    def publish(self, *, access: Access = Access.PUBLIC, ref: str = "main") -> str:
        return self.registry.publish(REPO, facts(access), ref=ref)

    def tag(self, name: str, commit: str) -> None:
        self.registry.point(REPO, name, commit)

    def add_token(self, token: str, *, can_read: bool) -> None:
        self.registry.add_token(token, can_read=[REPO] if can_read else [])

    def revoke_token(self, token: str) -> None:
        self.registry.revoke_token(token)

    def delete(self) -> None:
        self.registry.delete_repo(REPO)

    def disable(self) -> None:
        self.registry.disable(REPO)

    def rate_limit(self) -> None:
        self.registry.fail(RateLimited("HubRateLimited", "slow down", retry_after=56.0))

    def break_down(self) -> None:
        self.registry.fail(Transient("HubUnavailable", "cannot answer"))

    def requests(self) -> int:
        return len(self.registry.requests)


def facts(access: Access) -> ModelFacts:
    return ModelFacts(
        access=access,
        committed_at=datetime(2026, 1, 1, 0, 3, tzinfo=UTC),
        task="text-generation",
        license="llama3.1",
        library="transformers",
        size_bytes=16_060_556_344,
        parameters=Parameters(LLAMA_8B_PARAMETERS, {"BF16": LLAMA_8B_PARAMETERS}),
        architecture=LLAMA,
    )


@pytest.fixture(params=["hub", "fake"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    with LocalHub() as hub:
        real = HubWorld(hub)
        yield real
        await real.registry.close()


async def refusal(world: World, source: ModelSource = MAIN, token: RegistryToken | None = None) -> OutsideError:
    with pytest.raises(OutsideError) as caught:
        await world.registry.resolve(source, token, max_age=0)
    return caught.value


async def test_a_branch_a_tag_a_proposal_and_a_commit_resolve_to_their_commit(world: World) -> None:
    first = world.publish()
    world.tag("v1.0", first)
    second = world.publish()
    proposed = world.publish(ref="refs/pr/7")
    expected = {"main": second, "v1.0": first, "refs/pr/7": proposed, first: first, second: second}
    for ref, commit in expected.items():
        assert await world.registry.resolve(ModelSource(REPO, ref), None, max_age=0) == commit


async def test_an_answer_is_shared_until_it_is_too_old(world: World) -> None:
    first = world.publish()
    assert await world.registry.resolve(MAIN, None, max_age=60) == first
    second = world.publish()
    world.clock.now += 59
    assert await world.registry.resolve(MAIN, None, max_age=60) == first
    assert world.requests() == 1
    assert await world.registry.resolve(MAIN, None, max_age=10) == second
    world.clock.now += 9
    assert await world.registry.resolve(MAIN, None, max_age=10) == second
    assert world.requests() == 2


async def test_a_hundred_callers_share_one_request(world: World) -> None:
    commit = world.publish()
    answers = await asyncio.gather(*[world.registry.resolve(MAIN, None, max_age=0) for _ in range(100)])
    assert set(answers) == {commit}
    assert world.requests() == 1


async def test_a_cancelled_caller_does_not_take_the_request_away_from_others(world: World) -> None:
    commit = world.publish()
    first, second = (asyncio.ensure_future(world.registry.resolve(MAIN, None, max_age=0)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == commit
    assert first.cancelled()
    assert world.requests() == 1


async def test_an_answer_to_one_token_is_not_shared_with_another(world: World) -> None:
    commit = world.publish(access=Access.PRIVATE)
    world.add_token(SECRET, can_read=True)
    world.add_token("hf_stranger", can_read=False)
    assert await world.registry.resolve(MAIN, TOKEN, max_age=600) == commit
    for stranger in (None, RegistryToken("hf_stranger")):
        with pytest.raises(NotFound):
            await world.registry.resolve(MAIN, stranger, max_age=600)


async def test_an_error_reaches_all_who_wait_and_is_not_remembered(world: World) -> None:
    commit = world.publish()
    world.break_down()
    waiting = [world.registry.resolve(MAIN, None, max_age=600) for _ in range(3)]
    errors = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in errors] == [Transient] * 3
    assert len({id(error) for error in errors}) == 3
    assert await world.registry.resolve(MAIN, None, max_age=600) == commit


async def test_a_public_model_is_described(world: World) -> None:
    commit = world.publish()
    expected = facts(Access.PUBLIC)
    assert await world.registry.describe(MAIN, commit, None) == expected


async def test_what_is_missing_is_not_found(world: World) -> None:
    missing = await refusal(world)
    assert (type(missing), missing.reason) == (NotFound, "RepositoryNotFound")
    assert "tokenSecretRef" in missing.message
    world.publish()
    for revision in ("no-such-branch", "f" * 40, "../main"):
        unknown = await refusal(world, ModelSource(REPO, revision))
        assert (type(unknown), unknown.reason) == (NotFound, "RevisionNotFound")


async def test_a_deleted_repository_is_not_found_by_its_commit(world: World) -> None:
    commit = world.publish()
    world.delete()
    assert (await refusal(world, ModelSource(REPO, commit))).reason == "RepositoryNotFound"
    with pytest.raises(NotFound):
        await world.registry.describe(MAIN, commit, None)


async def test_a_private_repository_looks_missing_to_strangers(world: World) -> None:
    commit = world.publish(access=Access.PRIVATE)
    world.add_token(SECRET, can_read=True)
    world.add_token("hf_stranger", can_read=False)
    assert (await refusal(world)).reason == "RepositoryNotFound"
    assert (await refusal(world, token=RegistryToken("hf_stranger"))).reason == "RepositoryNotFound"
    assert (await world.registry.describe(MAIN, commit, TOKEN)).access is Access.PRIVATE


async def test_a_gated_repository_needs_access_of_the_tokens_user(world: World) -> None:
    commit = world.publish(access=Access.GATED)
    world.add_token(SECRET, can_read=True)
    world.add_token("hf_stranger", can_read=False)
    for stranger in (None, RegistryToken("hf_stranger")):
        with pytest.raises(Rejected) as caught:
            await world.registry.describe(MAIN, commit, stranger)
        assert caught.value.reason == "GatedRepository"
        assert f"/{REPO}" in caught.value.message
        assert (await refusal(world, token=stranger)).reason == "GatedRepository"
    assert await world.registry.resolve(MAIN, TOKEN, max_age=0) == commit
    assert (await world.registry.describe(MAIN, commit, TOKEN)).access is Access.GATED


async def test_a_revoked_token_is_invalid_even_for_a_public_model(world: World) -> None:
    world.publish()
    world.add_token(SECRET, can_read=True)
    world.revoke_token(SECRET)
    error = await refusal(world, token=TOKEN)
    assert (type(error), error.reason) == (Rejected, "TokenInvalid")


async def test_a_disabled_repository_is_refused(world: World) -> None:
    world.publish()
    world.disable()
    error = await refusal(world)
    assert (type(error), error.reason) == (Rejected, "RepositoryDisabled")


async def test_too_many_requests_slow_the_whole_port(world: World) -> None:
    commit = world.publish()
    world.rate_limit()
    error = await refusal(world)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 56.0
    world.clock.now += 50
    held = await refusal(world, ModelSource("somebody/else", "main"))
    assert isinstance(held, RateLimited)
    assert held.retry_after == 6.0
    with pytest.raises(RateLimited):
        await world.registry.describe(MAIN, commit, None)
    assert world.requests() == 1
    world.clock.now += 6
    assert await world.registry.resolve(MAIN, None, max_age=0) == commit


async def test_no_error_shows_the_token(world: World) -> None:
    world.publish(access=Access.GATED)
    world.add_token(SECRET, can_read=False)
    error = await refusal(world, token=TOKEN)
    assert SECRET not in "".join(traceback.format_exception(error)) + repr(error) + str(error)
    assert error.__cause__ is None
    assert error.__context__ is None
