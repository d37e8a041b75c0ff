"""``posedeploy parity`` reports which known mistakes would show, and whether the inputs prove nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.commands.conftest import Invoke, words
from tests.predict.conftest import write_image
from tests.support.lifting import small_gtrs, write
from tests.support.networks import write_crop_network
from tests.support.shared_folders import shared_folder

NOTHING = "the images that you passed prove nothing"


def sensitivity_of(path: str) -> dict[str, Any]:
    (entry,) = json.loads(Path(path).read_text())["results"]
    return entry["sensitivity"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def sample(done: Invoke, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in sample as ONNX file; do not change it."""
    return shared_folder(
        tmp_path_factory, "sample", lambda folder: done("export", "sample", "--to", "onnx", "-o", folder)
    )


@pytest.mark.slow
def test_black_images_prove_nothing(sample: Path, done: Invoke) -> None:
    write_image(Path("black.png"), np.zeros((240, 320, 3), np.uint8))
    outputs = ("--json", "p.json", "--certificate", "c.json")
    result = done("parity", sample / "sample.onnx", "--images", "black.png", *outputs)
    assert f"{NOTHING}: on black.png, no known mistake moves the poses" in words(result.stdout)
    sensitivity = sensitivity_of("p.json")
    assert (sensitivity["images"], sensitivity["images_prove_nothing"]) == (["black.png"], True)
    assert not sensitivity["proves_nothing"]
    verdict = json.loads(Path("c.json").read_text())["verdict"]
    assert verdict == f"sample.onnx is within tolerance of PyTorch in fp32, but {NOTHING}"
    page = Path("c.html").read_text(encoding="utf-8")
    assert f"but {NOTHING}." in page and "Compare on photographs of people." in page


@pytest.mark.slow
def test_the_default_inputs_show_the_known_mistakes(sample: Path, done: Invoke) -> None:
    result = done("parity", sample / "sample.onnx", "--json", "p.json")
    assert "prove nothing" not in result.stdout
    sensitivity = sensitivity_of("p.json")
    shown = [each["name"] for each in sensitivity["mistakes"] if each["shown_on"]]
    assert len(shown) > 0.7 * len(sensitivity["mistakes"]) and len(shown) > 12
    assert sensitivity["runs"] <= 25
    assert f"known mistakes: {len(shown)} of" in words(result.stdout) or "each of" in result.stdout


def write_crop(folder: Path) -> Path:
    return write_crop_network("hg", folder / "network.pth")


def write_gtrs(folder: Path) -> Path:
    return write(small_gtrs(), folder / "network.pth")


@pytest.mark.slow
@pytest.mark.usefixtures("three_branches")
@pytest.mark.parametrize(
    ("write_network", "options", "mistake"),
    [
        (write_crop, ("--input-size", "64x64"), "the image were mirrored"),
        (write_gtrs, (), "left and right joints were swapped"),
    ],
    ids=["a 3D network", "a network on 2D joints"],
)
def test_other_networks_have_mistakes_of_their_own(
    write_network: Callable[[Path], Path], options: tuple[str, ...], mistake: str, done: Invoke
) -> None:
    checkpoint = write_network(Path.cwd())
    done("export", checkpoint, "--to", "onnx", "-o", "out", *options)
    result = done("parity", "out/network.onnx", "--json", "p.json")
    assert "known mistakes: " in result.stdout and "prove nothing" not in result.stdout
    assert {each["name"]: each["shown_on"] is not None for each in sensitivity_of("p.json")["mistakes"]}[
        mistake
    ]
