"""What is left of somebody else's words once the secrets are out of them."""

import pytest

from slipway.domain.secrets import without_secrets

TOKEN = "hf_" + "aBcD" * 9


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (f"401 for {TOKEN}.", "401 for …."),
        (f"x{TOKEN}", "x…"),
        ("hf_oauth_" + "aB3" * 12, "…"),
        (f"'authorization': 'Bearer {TOKEN}'", "'authorization': '… …'"),
        ("Bearer opaque-1234", "Bearer …"),
        ("Basic dXNlcjpodW50ZXIyMg==", "Basic …"),
        ("https://user:hunter2@hub.example.com/x", "https://…@hub.example.com/x"),
        ("https://cdn.hf.co/a?Policy=x&Signature=y: 403", "https://cdn.hf.co/a?…: 403"),
        ("vllm serve --api-key hunter2 --port 8080", "vllm serve --api-key … --port 8080"),
        ('api_key: Some(\n    "hunter2",\n)', 'api_key: Some(\n    "…",\n)'),
        ("{'api_key': ['hunter2'], 'model': 'acme/x'}", "{'api_key': ['…'], 'model': 'acme/x'}"),
        ("HF_TOKEN=hunter2 python", "HF_TOKEN=… python"),
        ("password: hunter2", "password: …"),
        ('{"auths": {"ghcr.io": {"auth": "aHVudGVyMg=="}}}', '{"auths": {"ghcr.io": {"auth": "…"}}}'),
        ("aws_secret_access_key=hunter2", "aws_secret_access_key=…"),
        ("AKIAABCDEFGHIJKLMNOP", "…"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- end", "… end"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "…"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "…"),
        ("github_pat_11ABCDEFG0abcdefghijkl", "…"),
    ],
)
def test_what_looks_like_a_secret_is_left_out(words: str, left: str) -> None:
    assert without_secrets(words) == left


@pytest.mark.parametrize(
    "words",
    [
        "`max_total_tokens` must be <= `max_batch_total_tokens`. Given: 4096 and 2048",
        "max_total_tokens=4096, eos_token_id=2, tokenizer='acme/x', token=None",
        "failed to fetch anonymous token: unexpected status: 401 Unauthorized",
        "couldn't find key token in Secret ml/hf",
        'secret "hf" not found',
        "exceeded quota: objects, requested: secrets=1, used: secrets=5, limited: secrets=5",
        "--max-total-tokens 4096",
        "Make sure your token has the correct permissions.",
        "an argument of basic authentication",
        "https://huggingface.co/meta-llama/Llama-3.1-8B/resolve/main/config.json",
        "model_sha 0e9e39f249a16976918f6564b8830bc894c89659",
    ],
)
def test_what_a_person_must_know_stays(words: str) -> None:
    assert without_secrets(words) == words
