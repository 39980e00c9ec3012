"""The Hugging Face Hub as a registry (https://huggingface.co/docs/hub/api), and whatever speaks its API."""

import asyncio
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from slipway.domain.errors import NotFound
from slipway.domain.models import COMMIT, Architecture, ModelFacts, ModelSource, Parameters, RegistryToken
from slipway.registries import huggingface_facts as facts
from slipway.registries.huggingface_errors import DISABLED, invalid, refusal
from slipway.registries.huggingface_http import COMMIT_HEADER, HubHttp, Request
from slipway.registries.huggingface_question import Question, ask
from slipway.registries.lookups import SharedLookups
from slipway.registries.safetensors import LENGTH_BYTES, count_parameters, header_length
from slipway.registries.throttle import Throttle

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
MAX_JSON = 16 * 1024 * 1024
"""Bytes. The largest index known (DeepSeek-V3) has 9 MB, the listing of a repository with 10,000 files 3 MB.
"""
MAX_COUNT = 2**63 - 1
"""What an integer of a status can hold."""
HEADER_GUESS = 100_000
"""Bytes fetched of a safetensors file at first: huggingface_hub found 97 % of the headers to be shorter."""

V = TypeVar("V")
_Key = tuple[str, str, str, str]


class HuggingFaceHub:
    """Implements `slipway.registries.port.Registry`. Belongs to the event loop of its first call."""

    def __init__(
        self,
        *,
        default_endpoint: str = "https://huggingface.co",
        timeout: float = 15.0,
        ca_bundle: Path | None = None,
        max_concurrency: int = 8,
        requests_per_second: float = 10.0,
        cache_size: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`timeout`: seconds for each request, all of it. `max_concurrency` and `requests_per_second`: per
        endpoint.

        Ten a second are what an anonymous address may ask of the resolver (3,000 in 5 minutes,
        https://huggingface.co/docs/hub/rate-limits). `ca_bundle`: PEM, trusted besides the public
        authorities. Raises OSError or ssl.SSLError if `ca_bundle` cannot be used.
        """
        self._default_endpoint = default_endpoint
        self._http = HubHttp(
            timeout=timeout,
            ca_bundle=ca_bundle,
            max_concurrency=max_concurrency,
            requests_per_second=requests_per_second,
            throttle=Throttle(clock),
        )
        self._commits: SharedLookups[_Key, str] = SharedLookups(size=cache_size, clock=clock)

    async def close(self) -> None:
        """Gives up what is in flight and closes the connections."""
        await self._commits.close()
        await self._http.close()

    async def resolve(self, source: ModelSource, token: RegistryToken | None, *, max_age: float) -> str:
        """See the port. A cached answer is given even while the Hub wants to be left alone."""
        question = self._ask(source, source.revision, token)
        key = (question.endpoint, question.repo, question.revision, _fingerprint(token))
        return await self._commits.get(key, lambda: self._resolve(question), max_age=max_age)

    async def describe(self, source: ModelSource, commit: str, token: RegistryToken | None) -> ModelFacts:
        """See the port. Three to five requests, plus one for each shard if the Hub did not count the
        parameters.
        """
        question = self._ask(source, commit, token)
        info = await self._info(question, blobs=True)
        sizes = facts.file_sizes(info)
        index = await self._file(question, INDEX) if INDEX in sizes else None
        weights = facts.weight_files(sizes, self._indexed(question, index))
        return ModelFacts(
            access=facts.access(info),
            # First of all a file: it tells whether this token may read any.
            architecture=await self._architecture(question, sizes, weights),
            parameters=facts.parameters(info) or await self._count(question, weights),
            committed_at=await self._committed_at(question),
            task=facts.text(info.get("pipeline_tag")),
            license=facts.license_of(info),
            library=facts.text(info.get("library_name")),
            size_bytes=facts.total_size(weights),
        )

    def _ask(self, source: ModelSource, revision: str, token: RegistryToken | None) -> Question:
        return ask(source.endpoint or self._default_endpoint, source.repo, revision, token)

    async def _resolve(self, question: Question) -> str:
        """Asks the resolver for a file that most models have: its quota is five to ten times the API's.

        The answer is in a header, which the Hub sends even if the file does not exist, and errors are as
        distinct as the API's (X-Error-Code, X-Error-Message). What is not said that way (mirrors) the API is
        asked for.
        """
        url = question.file_url(CONFIG)
        answer = await self._http.send(
            Request(question, url, method="HEAD", limit=0, partial=True, stop_at_commit=True)
        )
        code = answer.headers.get("X-Error-Code")
        if answer.status < 400 or code == "EntryNotFound":
            commit = answer.headers.get(COMMIT_HEADER, "")
            return commit if COMMIT.fullmatch(commit) else await self._resolve_by_api(question)
        if answer.status in (405, 501) or (answer.status == 404 and not code):
            return await self._resolve_by_api(question)
        raise refusal(question, answer.status, answer.headers, answer.body)

    async def _resolve_by_api(self, question: Question) -> str:
        commit: str = (await self._info(question, blobs=False))["sha"]
        return commit

    async def _info(self, question: Question, *, blobs: bool) -> Mapping[str, Any]:
        """The model's record at the question's revision, with a `sha` that is a commit; with `blobs`, file
        sizes.
        """
        url = question.info_url + ("?blobs=true" if blobs else "")
        info = _json(question, await self._http.read(Request(question, url, limit=MAX_JSON)), "the model's record")
        if not isinstance(info, dict) or not isinstance(info.get("sha"), str) or not COMMIT.fullmatch(info["sha"]):
            raise invalid(question, "the model's record names no commit (sha)")
        if COMMIT.fullmatch(question.revision) and info["sha"] != question.revision:
            raise invalid(question, f"asked for commit {question.revision}, the record is of {info['sha']}")
        if info.get("disabled") is True:
            raise refusal(question, 403, {"X-Error-Message": DISABLED}, b"")
        return info

    async def _architecture(
        self, question: Question, sizes: Mapping[str, int], weights: Mapping[str, int]
    ) -> Architecture | None:
        """From config.json. Reading it, or asking for another file, also shows whether this token may read
        files: the record of a gated repository is public. Raises `Rejected` GatedRepository if it may not.
        """
        if CONFIG in sizes:
            return facts.architecture(await self._file(question, CONFIG))
        for path in [*weights, *sizes][:1]:
            probe = Request(
                question, question.file_url(path), method="HEAD", limit=0, partial=True, stop_at_commit=True
            )
            await self._http.read(probe)
        return None

    async def _committed_at(self, question: Question) -> datetime | None:
        """`lastModified` of the record is the repository's, so the commit itself is asked for (mirrors may
        lack it).
        """
        try:
            body = await self._http.read(Request(question, question.commits_url, limit=MAX_JSON))
        except NotFound:
            return None
        return facts.committed_at(_json(question, body, "the list of commits"))

    def _indexed(self, question: Question, index: Mapping[str, Any] | None) -> set[str] | None:
        files = facts.indexed_files(index) if index is not None else None
        if index is not None and files is None:
            raise invalid(question, f"{INDEX} of {question.revision} has no weight_map", in_commit=True)
        return files

    async def _file(self, question: Question, path: str) -> Mapping[str, Any]:
        """A JSON object in the commit."""
        body = await self._http.read(Request(question, question.file_url(path), limit=MAX_JSON))
        content = _json(question, body, f"{path} of {question.revision}", in_commit=True)
        if not isinstance(content, dict):
            raise invalid(question, f"{path} of {question.revision} is not a JSON object", in_commit=True)
        return content

    async def _count(self, question: Question, weights: Mapping[str, int]) -> Parameters | None:
        """Parameters from the headers of the safetensors files, read by range."""
        paths = [path for path in weights if path.endswith(".safetensors")]
        if not paths:
            return None
        counts = Counter[str]()
        for found in await _together([self._count_file(question, path) for path in paths]):
            counts += found
        if counts.total() > MAX_COUNT:
            raise invalid(question, f"{question.revision} claims {counts.total()} parameters", in_commit=True)
        return Parameters(total=counts.total(), by_dtype=dict(sorted(counts.items())))

    async def _count_file(self, question: Question, path: str) -> Counter[str]:
        start = await self._range(question, path, HEADER_GUESS)
        try:
            end = LENGTH_BYTES + header_length(start)
            if len(start) < end:
                start = await self._range(question, path, end)
            return count_parameters(start[LENGTH_BYTES:end])
        except ValueError as error:
            problem = invalid(question, f"{path} of {question.revision} is {error}", in_commit=True)
        raise problem

    async def _range(self, question: Question, path: str, length: int) -> bytes:
        """The first `length` bytes of a file; a server that ignores ranges is cut off there."""
        request = Request(
            question, question.file_url(path), limit=length, partial=True, byte_range=f"bytes=0-{length - 1}"
        )
        return await self._http.read(request)


async def _together(calls: Sequence[Coroutine[Any, Any, V]]) -> list[V]:
    """Like gather, but the first failure ends the others (a TaskGroup would wrap it in a group)."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _json(question: Question, body: bytes, what: str, *, in_commit: bool = False) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        problem = invalid(question, f"{what} is not JSON", in_commit=in_commit)
    raise problem


def _fingerprint(token: RegistryToken | None) -> str:
    """Tells tokens apart without keeping those that were rotated out."""
    return hashlib.sha256(token.value.encode()).hexdigest() if token else ""
