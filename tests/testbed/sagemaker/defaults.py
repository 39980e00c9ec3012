"""The account, region, role and images that tests use when they name none."""

ACCOUNT = "123456789012"
REGION = "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/sagemaker"
IMAGE = (
    "763104351884.dkr.ecr.eu-central-1.amazonaws.com/huggingface-pytorch-tgi-inference:"
    "2.7.0-tgi3.3.6-gpu-py311-cu124-ubuntu22.04"
)
VLLM_IMAGE = "763104351884.dkr.ecr.eu-central-1.amazonaws.com/vllm:0.27.1-gpu-py312-cu130-ubuntu22.04-sagemaker"
HF_VLLM_IMAGE = (
    "763104351884.dkr.ecr.eu-central-1.amazonaws.com/huggingface-vllm:"
    "0.25.1-transformers5.10.2-gpu-py312-cu130-ubuntu22.04"
)
