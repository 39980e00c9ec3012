"""The images that are there: those of the deep learning containers, and what tests add.

Accounts and repositories: the SDK's image_uri_config (facts/sagemaker-containers.md, 2.1 and 2.2).
"""

from __future__ import annotations

import re

from tests.testbed.sagemaker import refusals
from tests.testbed.sagemaker.rules import Rules

# Accounts of the deep learning containers that are not 763104351884 (facts/sagemaker-containers.md, 2.1).
DLC_ACCOUNT = "763104351884"
DLC_ACCOUNTS = {
    "af-south-1": "626614931356",
    "ap-east-1": "871362719292",
    "ap-east-2": "975050140332",
    "ap-northeast-3": "364406365360",
    "ap-south-2": "772153158452",
    "ap-southeast-3": "907027046896",
    "ap-southeast-4": "457447274322",
    "ap-southeast-5": "550225433462",
    "ap-southeast-6": "633930458069",
    "ap-southeast-7": "590183813437",
    "ca-west-1": "204538143572",
    "cn-north-1": "727897471807",
    "cn-northwest-1": "727897471807",
    "eu-central-2": "380420809688",
    "eu-south-1": "692866216735",
    "eu-south-2": "503227376785",
    "il-central-1": "780543022126",
    "me-central-1": "914824155844",
    "me-south-1": "217643126080",
    "mx-central-1": "637423239942",
    "us-gov-east-1": "446045086412",
    "us-gov-west-1": "442386744353",
    "us-iso-east-1": "886529160074",
    "us-isob-east-1": "094389454867",
    "us-isof-east-1": "303241398832",
    "us-isof-south-1": "454834333376",
    "eu-isoe-west-1": "371248457586",
    "eusc-de-east-1": "204133271717",
}
# By the start of a region's name: where its registry is, in partitions other than aws and aws-us-gov.
DOMAINS = {
    "cn-": "amazonaws.com.cn",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
    "eu-isoe-": "cloud.adc-e.uk",
    "eusc-": "amazonaws.eu",
}
_DIGEST = r"@sha256:[0-9a-f]{64}"
_SYSTEM = r"ubuntu\d+\.\d+"
_TAGS = {
    "huggingface-pytorch-tgi-inference": rf"\d+\.\d+\.\d+-tgi\d+\.\d+\.\d+-gpu-py3\d+-cu\d+-{_SYSTEM}(-v\d+\.\d+)?",
    "huggingface-vllm": rf"\d+\.\d+\.\d+-transformers\d+\.\d+\.\d+-gpu-py3\d+-cu\d+-{_SYSTEM}(-v\d+\.\d+)?",
    "vllm": rf"\d+\.\d+\.\d+-gpu-py3\d+-cu\d+-({_SYSTEM}|amzn2023)-sagemaker(-v\d+\.\d+(-[0-9-]+)?)?",
}
_REPOSITORIES = {name: re.compile(rf":{tag}|{_DIGEST}") for name, tag in _TAGS.items()}


def check(rules: Rules, region: str, image: str) -> None:
    """Refuses an image that is not in the region's registry, as CreateModel does."""
    if any(image.startswith(prefix) for prefix in rules.denied_images):
        raise refusals.image_not_found(image)
    if any(image.startswith(prefix) for prefix in rules.images):
        return
    registry, _, rest = image.partition("/")
    name = re.match(r"[a-z0-9-]+", rest)
    if registry != registry_of(region) or name is None or name[0] not in _REPOSITORIES:
        raise refusals.image_not_found(image)
    if not _REPOSITORIES[name[0]].fullmatch(rest[name.end() :]):
        raise refusals.image_not_found(image)


def registry_of(region: str) -> str:
    """Of the deep learning containers."""
    domain = next((domain for start, domain in DOMAINS.items() if region.startswith(start)), "amazonaws.com")
    return f"{DLC_ACCOUNTS.get(region, DLC_ACCOUNT)}.dkr.ecr.{region}.{domain}"
