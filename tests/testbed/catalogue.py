"""Generates the image catalogue that ships with Slipway from the SageMaker SDK.

    python -m tests.testbed.catalogue           # writes operator/slipway/domain/sagemaker/images.json
    python -m tests.testbed.catalogue --check   # says what would change, and exits 1 if anything would

Run it in the development environment, never in the SDK's: there `tests` is a package of smdebug-rulesconfig.

How the SDK is asked. Its own `image_uris.retrieve` answers, for every version in every region, in a
throw-away environment: `uv run --isolated --frozen --only-group catalogue` installs what uv.lock says, hashes
included, and leaves .venv alone. No credentials, no AWS call; the network only to fill uv's cache once.
Measured with uv 0.13.9 and sagemaker-core 2.27.0 (49 packages, 94 MB to download, 309 MB in uv's cache): 5 s
on an idle machine (4 s of it the SDK's import), 1 or 2 s more with an empty cache and a fast mirror.

Why not the SDK's wheel alone, which weighs 1.4 MB and holds the JSON files. They are not the answers:
`retrieve` assembles a tag from up to five parts, with exceptions by framework, and takes the DNS suffix from
botocore. With a second `retrieve` of ours, generator and test would be wrong together; and the SDK's own
cannot be imported without its dependencies.
"""

import argparse
import difflib
import functools
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "operator/slipway/domain/sagemaker/images.json"

CONTAINERS = {
    ("TGI", "HuggingFace"): "huggingface-llm",
    ("vLLM", "AWS"): "vllm",
    ("vLLM", "HuggingFace"): "huggingface-vllm",
}
"""spec.engine.name and spec.engine.container: the SDK's name of the framework."""

GPU_INSTANCE = "ml.g5.2xlarge"
"""An instance type that stands for the processor that we want."""

FULL_VERSION = re.compile(r"\d+\.\d+\.\d+")

Uris = dict[str, dict[str, str]]
"""Image URI by version and region."""


@dataclass(frozen=True)
class SdkAnswers:
    """What the SDK says."""

    sdk: str
    """Distribution and version: `sagemaker-core 2.27.0`."""
    uris: dict[str, dict[str, Uris]]
    """By spec.engine.name and spec.engine.container."""
    gpus: dict[str, int]
    """GPUs by instance type. The SDK knows old families only, up to p5 and g5."""


def ask_sdk() -> SdkAnswers:
    """Ask the SDK that uv.lock names, in an environment of its own."""
    command = [*_uv(), "run", "--isolated", "--frozen", "--project", str(ROOT), "--only-group", "catalogue"]
    done = subprocess.run(
        [*command, "python", "-I", str(Path(__file__).resolve()), "--inside"],
        # The SDK builds an AWS session at import; which account the caller works with is not its business.
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the SageMaker SDK could not be asked (is its download blocked?):\n{done.stderr}")
    return SdkAnswers(**json.loads(done.stdout))


def _uv() -> list[str]:
    """The uv that runs us, the one on PATH, or the one installed as a module."""
    if found := os.environ.get("UV") or shutil.which("uv"):
        return [found]
    if importlib.util.find_spec("uv"):
        return [sys.executable, "-m", "uv"]
    raise RuntimeError("uv is needed to install the SageMaker SDK aside: put it on PATH, or name it in UV")


def _answer_inside() -> SdkAnswers:
    """Runs in the SDK's environment: nothing but the standard library and the SDK is there."""
    image_uris = import_module("sagemaker.core.image_uris")
    # Each call would parse botocore's endpoints.json again: 45 s for what takes half a second.
    image_uris.utils._botocore_resolver = functools.cache(image_uris.utils._botocore_resolver)

    def uris(framework: str) -> Uris:
        config = image_uris.config_for_framework(framework)["inference"]
        ambiguous = config["versions"].keys() & config.get("version_aliases", {}).keys()
        if ambiguous:
            raise ValueError(f"{framework}: versions that are aliases too: {sorted(ambiguous)}")
        return {
            version: {
                region: image_uris.retrieve(
                    framework,
                    region=region,
                    version=version,
                    instance_type=GPU_INSTANCE,
                    image_scope="inference",
                )
                for region in details["registries"]
            }
            for version, details in config["versions"].items()
        }

    answers: dict[str, dict[str, Uris]] = {}
    for (engine, vendor), framework in CONTAINERS.items():
        answers.setdefault(engine, {})[vendor] = uris(framework)
    return SdkAnswers(
        sdk=f"sagemaker-core {importlib.metadata.version('sagemaker-core')}",
        uris=answers,
        gpus={
            instance_type: info["Count"]
            for region in image_uris.config_for_framework("instance_gpu_info").values()
            for instance_type, info in region.items()
        },
    )


def render(answers: SdkAnswers) -> str:
    """The text of images.json: one version or region a line."""
    engines = {
        engine: {vendor: _condense(f"{engine} of {vendor}", uris) for vendor, uris in sorted(vendors.items())}
        for engine, vendors in sorted(answers.uris.items())
    }
    return _one_line_lists(json.dumps({"source": answers.sdk, "engines": engines}, indent=2)) + "\n"


def _condense(container: str, uris: Uris) -> dict[str, Mapping[str, object]]:
    """Versions and regions apart. Refuses what cannot be put together again to the very same URIs."""
    images: dict[str, str] = {}
    registries: dict[str, str] = {}
    versions = sorted(uris, key=_numbers, reverse=True)
    for version in versions:
        for region, uri in sorted(uris[version].items()):
            registry, _, name = uri.partition("/")
            if images.setdefault(version, name) != name or registries.setdefault(region, registry) != registry:
                raise ValueError(f"{container} {version}: {uri} does not follow from its version and region")
    condensed: dict[str, Mapping[str, object]] = {"images": images, "registries": dict(sorted(registries.items()))}
    there = {region: [version for version in versions if region in uris[version]] for region in sorted(registries)}
    if only := {region: some for region, some in there.items() if some != versions}:
        condensed["only"] = only
    return condensed


def _one_line_lists(text: str) -> str:
    return re.sub(
        r"\[[^\]\[]*\]", lambda found: re.sub(r"\s+", " ", found[0]).replace("[ ", "[").replace(" ]", "]"), text
    )


def _numbers(version: str) -> tuple[int, ...]:
    """Sorts versions as numbers. Fails on one that is not x.y.z: the catalogue has full versions only."""
    if not FULL_VERSION.fullmatch(version):
        raise ValueError(f"{version} is not a full version (x.y.z)")
    return tuple(int(part) for part in version.split("."))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Generate the image catalogue from the SageMaker SDK.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on any difference")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        print(json.dumps(vars(_answer_inside())))
        return 0
    wanted = render(ask_sdk())
    current = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
    if not arguments.check:
        TARGET.write_text(wanted, encoding="utf-8")
    for line in difflib.unified_diff(current.splitlines(), wanted.splitlines(), "images.json", "SDK", lineterm=""):
        print(line)
    return int(arguments.check and current != wanted)


if __name__ == "__main__":
    sys.exit(main())
