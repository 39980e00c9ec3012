"""The local Hub against huggingface_hub itself: whatever the official client can tell, it tells of the
double.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, RepoFile, RepoFolder, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.testbed.hub import LLAMA_8B_PARAMETERS, LocalHub, llama_8b_repository

REPO = "org/model"
TOKEN = "hf_alice"


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub() as hub:
        hub.create_repo(REPO, card={"license": "mit"}, library="transformers")
        hub.commit(REPO, llama_8b_repository())
        hub.add_token(TOKEN, "alice")
        yield hub


@pytest.fixture
def api(hub: LocalHub) -> HfApi:
    return HfApi(endpoint=hub.url, token=False)


def test_the_record(hub: LocalHub, api: HfApi) -> None:
    info = api.model_info(REPO, files_metadata=True, securityStatus=True)
    assert info.safetensors is not None
    assert info.safetensors.parameters == {"BF16": LLAMA_8B_PARAMETERS}
    assert (info.pipeline_tag, info.library_name, info.gated) == ("text-generation", "transformers", False)
    assert info.card_data is not None
    assert info.card_data["license"] == "llama3.1"
    assert info.security_repo_status == {"scansDone": True, "filesWithIssues": []}
    weights = {each.rfilename: each for each in info.siblings or []}["model-00001-of-00004.safetensors"]
    assert weights.lfs is not None
    assert weights.lfs.size == weights.size
    assert api.model_info(REPO, revision=info.sha).sha == info.sha


def test_expand_gives_what_was_asked_for(api: HfApi) -> None:
    info = api.model_info(REPO, expand=["sha", "gated"])
    assert info.sha is not None
    assert info.siblings is None


def test_refs_branches_tags_and_proposals(hub: LocalHub, api: HfApi) -> None:
    first = api.model_info(REPO).sha
    hub.tag(REPO, "v1")
    hub.branch(REPO, "next")
    proposed = hub.pull_request(REPO, 1, {"NOTICE": b"please"})
    refs = api.list_repo_refs(REPO, include_pull_requests=True)
    assert {branch.name: branch.target_commit for branch in refs.branches} == {"main": first, "next": first}
    assert {tag.name: tag.target_commit for tag in refs.tags} == {"v1": first}
    assert [(each.ref, each.target_commit) for each in refs.pull_requests or []] == [("refs/pr/1", proposed)]
    assert api.model_info(REPO, revision="refs/pr/1").sha == proposed


def test_commits_are_paginated(hub: LocalHub, api: HfApi) -> None:
    shas = [hub.commit(REPO, {"n.txt": str(number).encode()}) for number in range(120)]
    listed = api.list_repo_commits(REPO)
    assert [commit.commit_id for commit in listed[:120]] == shas[::-1]
    assert listed[-1].title == "initial commit"
    assert hub.calls(path="/commits/main") == 3


def test_the_tree_is_paginated(hub: LocalHub, api: HfApi) -> None:
    hub.commit(REPO, {f"many/{number:04}.txt": b"x" for number in range(1100)})
    entries = list(api.list_repo_tree(REPO, recursive=True))
    assert sum(isinstance(entry, RepoFile) for entry in entries) == 1100 + len(llama_8b_repository()) + 1
    assert {entry.path for entry in entries if isinstance(entry, RepoFolder)} == {"many", "original"}
    assert hub.calls(path="/tree/main") == 2
    assert [entry.path for entry in api.list_repo_tree(REPO, "original", expand=True)] == [
        "original/consolidated.00.pth"
    ]
    assert [entry.path for entry in api.get_paths_info(REPO, ["config.json", "nothing"])] == ["config.json"]


def test_a_download_and_its_identity(hub: LocalHub, api: HfApi, tmp_path: Path) -> None:
    weights = hashlib.sha256(b"weights").hexdigest()
    commit = hub.commit(REPO, {"small.bin": b"weights"})
    for name in ("config.json", "small.bin"):
        path = Path(api.hf_hub_download(REPO, name, cache_dir=tmp_path))
        assert path.parent.name == commit
    assert path.read_bytes() == b"weights"
    metadata = get_hf_file_metadata(hf_hub_url(REPO, "small.bin", endpoint=hub.url), token=False)
    assert (metadata.commit_hash, metadata.etag, metadata.size) == (commit, weights, 7)
    assert metadata.location.startswith(hub.cdn_url)


def test_safetensors_headers_are_true(api: HfApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    metadata = api.get_safetensors_metadata(REPO)
    assert metadata.sharded
    assert metadata.parameter_count == {"BF16": LLAMA_8B_PARAMETERS}


def test_a_snapshot(hub: LocalHub, api: HfApi, tmp_path: Path) -> None:
    commit = api.model_info(REPO).sha
    folder = Path(api.snapshot_download(REPO, cache_dir=tmp_path, allow_patterns=["*.json", "README.md"]))
    assert folder.name == commit
    assert json.loads((folder / "config.json").read_text())["num_hidden_layers"] == 32


def test_errors_are_those_of_the_hub(hub: LocalHub, api: HfApi, tmp_path: Path) -> None:
    hub.create_repo("org/private", private=True)
    for stranger in (False, TOKEN):
        for name in ("org/private", "org/missing"):
            with pytest.raises(RepositoryNotFoundError):
                api.model_info(name, token=stranger)
    with pytest.raises(RevisionNotFoundError):
        api.model_info(REPO, revision="missing")
    with pytest.raises(RevisionNotFoundError):
        api.model_info(REPO, revision=(api.model_info(REPO).sha or "")[:7])
    with pytest.raises(RemoteEntryNotFoundError) as missing:
        api.hf_hub_download(REPO, "missing", cache_dir=tmp_path)
    assert missing.value.response.headers["X-Repo-Commit"] == api.model_info(REPO).sha
    hub.change(REPO, disabled=True)
    with pytest.raises(DisabledRepoError):
        api.model_info(REPO)


def test_gating_guards_files_and_not_the_record(hub: LocalHub, api: HfApi, tmp_path: Path) -> None:
    hub.change(REPO, gated="manual")
    assert api.model_info(REPO).gated == "manual"
    assert [entry.path for entry in api.list_repo_tree(REPO) if entry.path == "config.json"]
    for stranger, status in ((False, 401), (TOKEN, 403)):
        with pytest.raises(GatedRepoError) as caught:
            api.hf_hub_download(REPO, "config.json", token=stranger, cache_dir=tmp_path)
        assert caught.value.response.status_code == status
        with pytest.raises(GatedRepoError):
            api.auth_check(REPO, token=stranger)
    hub.grant("alice", REPO)
    assert api.hf_hub_download(REPO, "config.json", token=TOKEN, cache_dir=tmp_path)


def test_a_token_is_valid_or_not(hub: LocalHub, api: HfApi) -> None:
    assert api.whoami(token=TOKEN)["name"] == "alice"
    hub.revoke_token(TOKEN)
    with pytest.raises(HfHubHTTPError) as caught:
        api.model_info(REPO, token=TOKEN)
    assert caught.value.response.status_code == 401
    assert "Invalid credentials" in str(caught.value)


def test_a_renamed_repository_redirects(hub: LocalHub, api: HfApi, tmp_path: Path) -> None:
    hub.move_repo(REPO, "neworg/model")
    assert api.model_info(REPO).id == "neworg/model"
    assert api.hf_hub_download(REPO, "config.json", cache_dir=tmp_path)


def test_the_rate_limits_are_the_hubs(hub: LocalHub, api: HfApi) -> None:
    hub.quota.anonymous["api"] = 1
    api.model_info(REPO)
    with pytest.raises(HfHubHTTPError, match="you have reached your 'api' rate limit"):
        api.model_info(REPO)
    api.model_info(REPO, token=TOKEN)


def test_the_same_calls_make_the_same_commits(hub: LocalHub, api: HfApi) -> None:
    with LocalHub() as twin:
        twin.create_repo(REPO, card={"license": "mit"}, library="transformers")
        assert twin.commit(REPO, llama_8b_repository()) == api.model_info(REPO).sha
