"""Arguments of a command line, said in variables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.sagemaker.engines import tgi, vllm
from slipway.domain.sagemaker.engines.arguments import as_variables


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--max-num-seqs", "64"], "SM_VLLM_MAX_NUM_SEQS=64"),
        (["--max-num-seqs=64"], "SM_VLLM_MAX_NUM_SEQS=64"),
        (["--enforce-eager"], "SM_VLLM_ENFORCE_EAGER=true"),
        (["--enforce-eager", "--seed", "-1"], "SM_VLLM_ENFORCE_EAGER=true, SM_VLLM_SEED=-1"),
        (["--max-num-batched-tokens", "8192"], "SM_VLLM_MAX_NUM_BATCHED_TOKENS=8192"),
        (["--tokenizer-mode", "slow"], "SM_VLLM_TOKENIZER_MODE=slow"),
        (["--max_num_seqs", "64"], "SM_VLLM_MAX_NUM_SEQS=64"),
        (["--cudagraph-capture-sizes", "1", "2"], "SM_VLLM_CUDAGRAPH_CAPTURE_SIZES=…"),
        (["--speculative-config", '{"a": 1}'], "SM_VLLM_SPECULATIVE_CONFIG=…"),
        (["serve", "acme/twin"], ""),
        (["--revision", "main"], "SM_VLLM_REVISION may not be set: the ModelVersion decides which commit is served"),
        (
            ["--max-num-seqs", "64", "--max-model-len", "4096"],
            "SM_VLLM_MAX_NUM_SEQS=64; SM_VLLM_MAX_MODEL_LEN may not be set: use spec.engine.maxTotalTokens",
        ),
    ],
)
def test_of_vllm(arguments: list[str], text: str) -> None:
    assert as_variables(arguments, vllm) == text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--max-batch-size", "4"], "MAX_BATCH_SIZE=4"),
        (["--trust-remote-code"], "TRUST_REMOTE_CODE=true"),
        (["--model-id", "acme/twin"], "MODEL_ID may not be set: spec.modelRef decides which model is served"),
    ],
)
def test_of_tgi(arguments: list[str], text: str) -> None:
    assert as_variables(arguments, tgi) == text


@given(
    st.one_of(
        st.tuples(
            st.sampled_from(["--api-key", "--hf-token", "--my-password", "--secret"]),
            st.uuids().map(str),
        ),
        st.tuples(st.just("--anything"), st.from_regex(r"hf_[A-Za-z0-9]{20,40}", fullmatch=True)),
        st.tuples(st.just("--anything"), st.from_regex(r"AKIA[A-Z0-9]{16}", fullmatch=True)),
    ),
    st.booleans(),
)
def test_a_secret_is_not_repeated(pair: tuple[str, str], joined: bool) -> None:
    arguments = ["=".join(pair)] if joined else [*pair]
    for rules in (vllm, tgi):
        assert pair[1] not in as_variables(arguments, rules)
