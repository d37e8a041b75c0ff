"""The presets: contracts of networks that many people use."""

from __future__ import annotations

from pathlib import Path

import pytest

from posedeploy import contracts
from posedeploy.contract_template import write_template
from posedeploy.decoder_families import DECODER_FAMILIES
from posedeploy.errors import InputError
from posedeploy.preset_choice import apply_described
from posedeploy.presets import FOLDER, list_presets, read_preset, resolve_contract
from posedeploy.types import Dimension, TensorSpec

Shapes = dict[str, tuple[Dimension, ...]]
BOX: tuple[Dimension, ...] = ("batch", 3, 256, 192)
SQUARE: tuple[Dimension, ...] = (1, 3, 640, 640)
BLAZEPOSE: Shapes = {
    "Identity": (1, 195), "Identity_1": (1, 1), "Identity_2": (1, 256, 256, 1), "Identity_3": (1, 64, 64, 39),
    "Identity_4": (1, 117),
}  # fmt: skip
FILES: dict[str, tuple[str, tuple[Dimension, ...], Shapes, int]] = {
    "RTMPose-m": ("rtmpose", BOX, {"simcc_x": ("b", 17, 384), "simcc_y": ("b", 17, 512)}, 17),
    "RTMPose-m Halpe": ("rtmpose", BOX, {"simcc_x": ("b", 26, 384), "simcc_y": ("b", 26, 512)}, 26),
    "RTMW": ("rtmpose", (1, 3, 384, 288), {"simcc_x": (1, 133, 576), "simcc_y": (1, 133, 768)}, 133),
    "RTMPose hand": ("rtmpose", (1, 3, 256, 256), {"simcc_x": (1, 21, 512), "simcc_y": (1, 21, 512)}, 21),
    "ViTPose": ("vitpose", BOX, {"heatmaps": ("batch", 17, 64, 48)}, 17),
    "HRNet": ("hrnet", (1, 3, 384, 288), {"output": (1, 17, 96, 72)}, 17),
    "SimpleBaseline": ("simple-baseline", (1, 3, 256, 256), {"output": (1, 16, 64, 64)}, 16),
    "YOLO": ("yolo-pose", SQUARE, {"output0": (1, 56, 8400)}, 17),
    "YOLO, transposed": ("yolo-pose", SQUARE, {"output0": (1, 8400, 56)}, 17),
    "YOLO, dynamic": ("yolo-pose", ("batch", 3, "h", "w"), {"output0": ("batch", 56, "anchors")}, 17),
    "YOLO with NMS": ("yolo-pose-nms", SQUARE, {"output0": (1, 300, 57)}, 17),
    "RTMO": ("rtmo", ("batch", 3, 640, 640), {"dets": ("b", "n", 5), "keypoints": ("b", "n", 17, 3)}, 17),
    "MoveNet": ("movenet", (1, 192, 192, 3), {"StatefulPartitionedCall:0": (1, 1, 17, 3)}, 17),
    "BlazePose": ("blazepose", (1, 256, 256, 3), BLAZEPOSE, 33),
}
"""The published shapes of model files: preset, input, outputs and number of keypoints."""


def tensors(shapes: Shapes) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(name, shape) for name, shape in shapes.items())


@pytest.mark.parametrize("name", list_presets())
def test_a_preset_describes_a_decoder_and_its_licenses(name: str) -> None:
    spec = contracts.read(Path(name))
    assert spec.family in DECODER_FAMILIES
    assert (spec.variant, spec.contract is None) == (name, False)
    about = read_preset(name).about
    assert all((about.networks, about.code_license, about.weights_license, about.weights_page))


def test_one_file_adds_a_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posedeploy.presets.FOLDER", tmp_path)
    text = (FOLDER / "hrnet.toml").read_text(encoding="utf-8")
    (tmp_path / "my-preset.toml").write_text(text.replace("HRNet", "My network"), encoding="utf-8")
    assert list_presets() == ("my-preset",)
    assert read_preset("my-preset").about.networks.startswith("My network")
    assert contracts.read(Path("my-preset")).family == "heatmap"
    assert write_template("my-preset").startswith("# ")
    image = (TensorSpec("input", BOX),)
    described = contracts.read(Path("my-preset"))
    assert apply_described(described, image, tensors({"maps": (1, 17, 64, 48)}), "net.onnx").skeleton
    with pytest.raises(InputError, match="hrnet: no file or preset has this name; the presets are my-preset"):
        contracts.read(Path("hrnet"))


@pytest.mark.parametrize("file", FILES)
def test_a_preset_fits_the_published_shapes(file: str) -> None:
    name, image, outputs, keypoints = FILES[file]
    described = contracts.read(Path(name))
    spec = apply_described(described, (TensorSpec("input", image),), tensors(outputs), "net.onnx")
    assert len(spec.keypoint_names) == keypoints
    assert spec.skeleton
    assert spec.unit == ("mm" if name == "blazepose" else "px")


@pytest.mark.parametrize(
    ("name", "file", "remedy"),
    [
        ("hrnet", "RTMPose-m", "use a preset that fits: rtmpose"),
        ("rtmpose", "YOLO", "use a preset that fits: yolo-pose"),
        ("rtmpose", "HRNet", "use a preset that fits: hrnet, simple-baseline, vitpose"),
        ("yolo-pose", "RTMO", "use a preset that fits: rtmo"),
        ("yolo-pose", "YOLO with NMS", "use a preset that fits: yolo-pose-nms"),
        ("movenet", "BlazePose", "use a preset that fits: blazepose"),
        ("blazepose", "MoveNet", "use a preset that fits: movenet"),
    ],
)
def test_a_preset_that_does_not_fit_names_those_that_do(name: str, file: str, remedy: str) -> None:
    _, image, outputs, _ = FILES[file]
    described = contracts.read(Path(name))
    with pytest.raises(InputError, match=rf"the preset {name} does not fit: net.onnx: .*; {remedy}$"):
        apply_described(described, (TensorSpec("input", image),), tensors(outputs), "net.onnx")


def test_a_model_that_no_preset_fits_is_refused() -> None:
    described = contracts.read(Path("yolo-pose"))
    image = (TensorSpec("input", SQUARE),)
    with pytest.raises(InputError, match=r"1x84x8400; .*; no preset fits this model: describe it"):
        apply_described(described, image, (TensorSpec("output0", (1, 84, 8400)),), "net.onnx")


def test_a_contract_file_that_does_not_fit_names_no_preset(tmp_path: Path) -> None:
    path = tmp_path / "hrnet.toml"
    path.write_text('family = "heatmap"\n[input]\nmargin = 1.3')
    with pytest.raises(InputError, match=r"^net\.onnx: heatmaps of 48x48 cells"):
        apply_described(
            contracts.read(path), (TensorSpec("input", BOX),), tensors({"maps": (1, 17, 48, 48)}), "net.onnx"
        )


def test_a_file_comes_before_the_preset_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hrnet").write_text('family = "simcc"')
    Path("rtmpose").mkdir()
    assert contracts.read(Path("hrnet")).family == "simcc"
    assert contracts.read(Path("rtmpose")).family == "simcc"
    assert resolve_contract(Path("hrnet")) == Path("hrnet")


def test_an_unknown_preset_lists_the_presets() -> None:
    with pytest.raises(InputError, match="rtmposes: no file or preset has this name; the"):
        contracts.read(Path("rtmposes"))
