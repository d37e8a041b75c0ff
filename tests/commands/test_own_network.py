"""A user's own top-down heatmap network on the command line, from the checkpoint to the drawing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from posedeploy.types import Array
from tests.commands.conftest import Invoke
from tests.predict.conftest import write_image

BUILDER = """
from torch import nn


def build():
    return nn.Sequential(nn.Conv2d(3, 8, 3, 4, 1), nn.ReLU(), nn.Conv2d(8, 5, 1))
"""
INPUT = """
[input]
height = 96
width = 64
mean = [123.675, 116.28, 103.53]
std = [58.395, 57.12, 57.375]
"""
OUTPUTS = '[outputs]\nhm = "maps"\n'
FAMILY = 'family = "pose-hg-3d"\n'


@pytest.fixture
def folder(tmp_path: Path, photo: Array) -> Path:
    """The folder of the test, with ``net.pth``, ``net.py`` and ``photo.png``."""
    network = nn.Sequential(nn.Conv2d(3, 8, 3, 4, 1), nn.ReLU(), nn.Conv2d(8, 5, 1))
    torch.save(network.state_dict(), tmp_path / "net.pth")
    (tmp_path / "net.py").write_text(BUILDER)
    write_image(tmp_path / "photo.png", photo)
    return tmp_path


EXPORT = ("export", "net.pth", "--network", "net.py:build", "--to", "torchscript", "-o", "out")
PREDICT = ("predict", "out/net.torchscript", "photo.png", "-o", "poses")


def people() -> int:
    return len(json.loads(Path("poses/poses.json").read_text())["annotations"])


@pytest.mark.parametrize("option", ["--family", "--contract"])
def test_a_family_added_after_the_export_decodes_the_outputs(
    folder: Path, done: Invoke, refused: Callable[..., str], option: str
) -> None:
    (folder / "net.toml").write_text(INPUT + '[outputs]\nheatmaps = "maps"\n')
    assert "the contract of net.py:build has no family" in done(*EXPORT).stderr.replace("\n", " ")
    assert "pass its --family (light" in refused(*PREDICT)
    (folder / "added.toml").write_text(f"{FAMILY}skeleton = [[0, 1], [1, 4]]\n{OUTPUTS}")
    done(*PREDICT, option, "pose-hg-3d" if option == "--family" else "added.toml")
    assert people() == 1


@pytest.mark.parametrize(
    ("added", "message"),
    [
        (
            f"{FAMILY}[input]\nmean = [1, 2, 128]",
            "has mean = [1, 2, 128], but out/net.torchscript was exp",
        ),
        (f"{FAMILY}skeleton = [[4, 5]]", "skeleton has the number 5 and no 0"),
        (f'{FAMILY}[outputs]\nhm = "map"', "no output for 'hm': expected map, found maps"),
    ],
)
def test_a_description_that_contradicts_the_export_is_refused(
    folder: Path, done: Invoke, refused: Callable[..., str], added: str, message: str
) -> None:
    (folder / "net.toml").write_text(INPUT + '[outputs]\nheatmaps = "maps"\n')
    done(*EXPORT)
    (folder / "added.toml").write_text(added)
    assert message in refused(*PREDICT, "--contract", "added.toml")


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        (
            f'{FAMILY}{INPUT}[outputs]\nheatmaps = "maps"',
            "unknown role heatmaps; the roles of",
        ),
        (f'{FAMILY}{INPUT}[outputs]\ndepth = "maps"', "has no hm, which the decoding of pose-hg-3d needs"),
        (f"{FAMILY}skeleton = [[1, 2], [2, 5]]{INPUT}{OUTPUTS}", "has the number 5 and no 0"),
        (f"{FAMILY}skeleton = [[1, 2], [2, 6]]{INPUT}{OUTPUTS}", "skeleton[1] is [2, 6]; expected two"),
        (
            f'{FAMILY}keypoint_names = ["a"]{INPUT}{OUTPUTS}',
            "1 name in keypoint_names, and",
        ),
        (f"family = 'pose_hg3d'{INPUT}{OUTPUTS}", "'pose_hg3d'; did you mean pose-hg-3d?"),
        (f'family = "lightweight-openpose-2d"{INPUT}[outputs]\nheatmaps = "maps"', "has no pafs, which"),
        (INPUT, "the network returns 1 output, and net.toml names 0: none; write a line ROLE = NAME"),
        (f'layout = "NHWC"{INPUT}{OUTPUTS}', "unknown field 'layout'; the fields are family"),
        (f"{INPUT}layout = 'NHWC'\n{OUTPUTS}", "the network does not run on the input data"),
        (INPUT.replace("123.675, 116.28, 103.53", "0.5, 0.5, 0.5") + OUTPUTS, "write mean = [127.5, 127.5,"),
    ],
)
def test_a_contract_that_does_not_fit_is_refused_before_the_export(
    folder: Path, refused: Callable[..., str], contract: str, message: str
) -> None:
    (folder / "net.toml").write_text(contract)
    assert message in refused(*EXPORT)
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        (f"{FAMILY}skeleton = [[1, 2]]{INPUT}{OUTPUTS}", "no limb in skeleton has keypoint 0"),
        (INPUT + OUTPUTS, "mean is the ImageNet mean in RGB order, but color_order is BGR"),
    ],
)
def test_an_export_remarks_on_what_is_probably_a_mistake(
    folder: Path, done: Invoke, contract: str, message: str
) -> None:
    (folder / "net.toml").write_text(contract)
    assert message in done(*EXPORT).stderr.replace("\n", " ")


@pytest.mark.slow
def test_the_example_finds_a_person_from_its_checkpoint_to_the_drawing(folder: Path, done: Invoke) -> None:
    example = Path(__file__).parents[2] / "examples" / "top_down_heatmap.py"
    torch.manual_seed(0)
    names: dict[str, object] = {}
    exec(compile(example.read_bytes(), example, "exec"), names)
    build = names["build"]
    assert callable(build)
    torch.save(build().state_dict(), folder / "net.pth")
    done("export", "net.pth", "--network", f"{example}:build", "--to", "torchscript", "-o", "out")
    done(*PREDICT)
    (person,) = json.loads(Path("poses/poses.json").read_text())["annotations"]
    assert len(person["keypoints"]) == 3 * 17 and len(list(Path("poses").glob("photo.*"))) == 1


def test_the_command_writes_a_contract_for_a_family(folder: Path, done: Invoke) -> None:
    (folder / "net.toml").write_text(done("contract", "new", "heatmap").stdout)
    assert 'heatmaps = "heatmaps"' in (folder / "net.toml").read_text()
