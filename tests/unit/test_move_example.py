"""examples/move: two manifests that differ in their target and in nothing else, as its README says."""

import re
from pathlib import Path

import yaml

from slipway.api.v1alpha1.deployment import DeploymentSpec
from slipway.api.v1alpha1.model_version import ModelVersionSpec
from slipway.domain.binding import binding_name

FOLDER = Path(__file__).parents[2] / "examples" / "move"
README = (FOLDER / "README.md").read_text()


def document(name: str) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load((FOLDER / name).read_text())
    return found


def test_only_the_target_differs_and_the_comment_says_from_where_on() -> None:
    one, other = document("on-sagemaker.yaml"), document("in-cluster.yaml")
    targets = [each["spec"].pop("target") for each in (one, other)]  # type: ignore[attr-defined]
    assert one == other
    assert [list(target) for target in targets] == [["sageMaker"], ["cluster"]]
    mark = "# ---- from here on the two files differ ----"
    same = [
        (FOLDER / name).read_text().split("apiVersion:")[1].split(mark)[0]
        for name in ("on-sagemaker.yaml", "in-cluster.yaml")
    ]
    assert same[0] == same[1]


def test_they_are_what_the_api_takes_and_refer_to_the_model_beside_them() -> None:
    model = document("model.yaml")
    ModelVersionSpec.model_validate(model["spec"])
    for name in ("on-sagemaker.yaml", "in-cluster.yaml"):
        spec = DeploymentSpec.model_validate(document(name)["spec"])
        assert spec.model_ref.name == model["metadata"]["name"]  # type: ignore[index]


def test_the_readme_names_files_and_secrets_that_there_are() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("https://") or (FOLDER / link).exists(), link
    name = document("in-cluster.yaml")["metadata"]["name"]  # type: ignore[index]
    assert f"`{binding_name(name)}`" in README


def test_the_second_name_of_a_move_without_a_gap_is_what_the_command_makes() -> None:
    (pattern, replacement) = re.findall(r"sed 's/(.*?)/(.*?)/' in-cluster\.yaml", README)[0]
    changed = re.sub(pattern, replacement, (FOLDER / "in-cluster.yaml").read_text(), flags=re.MULTILINE)
    before, after = document("in-cluster.yaml"), yaml.safe_load(changed)
    assert after["metadata"]["name"] == "twin-here"
    assert f"`{binding_name('twin-here')}`" in README
    assert {**after, "metadata": before["metadata"]} == before
