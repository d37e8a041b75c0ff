"""Third-party models on the command line, described by a contract."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from posedeploy.types import Array
from tests.commands.conftest import Invoke, words
from tests.predict.conftest import PEOPLE, write_image
from tests.support import third_party
from tests.support.third_party import TensorKind

INT8, FLOAT = TensorKind("int8", "NHWC"), TensorKind("float32", "NHWC")
DESCRIBED = ("--contract", "crowd.toml")


@pytest.fixture
def crowd(tmp_path: Path, photo: Array) -> Path:
    """The quantized model ``crowd.onnx``, its description ``crowd.toml``, and ``photo.png``."""
    write_image(tmp_path / "photo.png", photo)
    (tmp_path / "crowd.toml").write_text(third_party.contract(INT8, INT8))
    return third_party.write_onnx(tmp_path / "crowd.onnx", INT8, INT8)


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_quantized_model_finds_people(crowd: Path, done: Invoke, runtime: str) -> None:
    done("predict", crowd, "photo.png", *DESCRIBED, "--runtime", runtime, "-o", "found")
    assert len(json.loads(Path("found/poses.json").read_text())["annotations"]) == PEOPLE


def test_inspect_and_bench_read_the_scales_of_a_quantized_model(crowd: Path, done: Invoke) -> None:
    shown = words(done("inspect", crowd, *DESCRIBED, "--json", "i.json", columns=160).stdout)
    assert "input images int8 1 x 256 x 456 x 3 NHWC scale 0.00392157, zero point 0" in shown
    assert "output pafs int8 1 x 32 x 57 x 38 NHWC scale 0.01, zero point" in shown
    pafs = json.loads(Path("i.json").read_text())["spec"]["outputs"][1]
    assert (pafs["quantization"], pafs["stride"]) == ({"scale": 0.01, "zero_point": -3}, 8)
    timed = done("bench", crowd, *DESCRIBED, "--runs", 10, "--json", "b.json").stdout
    assert (
        "crowd.onnx: inputs images int8 1x256x456x3 NHWC (scale 0.00392157, zero point 0); outputs" in timed
    )
    result = json.loads(Path("b.json").read_text())["results"][0]
    assert [tensor["dtype"] for tensor in result["input_specs"] + result["output_specs"]] == ["int8"] * 3


def test_a_quantized_model_is_compared_with_pytorch(
    crowd: Path, human: Path, network: tuple[str, str], done: Invoke, refused: Callable[..., str]
) -> None:
    arguments = ("parity", crowd, *DESCRIBED, "--checkpoint", human / "human.pth", *network)
    shown = done(*arguments, "--rtol", 0.01, "--max-px", 3, "--json", "p.json").stdout
    assert "inputs images int8 1x256x456x3 NHWC (scale 0.00392157, zero point 0); outputs heatmaps" in shown
    (result,) = json.loads(Path("p.json").read_text())["results"]
    assert [output["name"] for output in result["outputs"]] == ["heatmaps", "pafs"]
    assert 1e-4 < max(output["max_relative"] for output in result["outputs"]) < 0.01
    assert result["output_specs"][0]["quantization"] == {"scale": 0.01, "zero_point": -3}


def test_a_file_of_unknown_precision_is_held_to_the_tolerances_of_fp32(
    human: Path, network: tuple[str, str], tmp_path: Path, invoke: Invoke
) -> None:
    model, rng = onnx.load(human / "out" / "human.onnx"), np.random.default_rng(3)
    del model.metadata_props[:]
    for weights in model.graph.initializer:
        array = onnx.numpy_helper.to_array(weights)
        if array.dtype == np.float32:
            noisy = (array * (1 + 0.003 * rng.standard_normal(array.shape))).astype(np.float32)
            weights.CopyFrom(onnx.numpy_helper.from_array(noisy, weights.name))
    onnx.save(model, tmp_path / "noisy.onnx")
    (tmp_path / "crowd.toml").write_text('family = "lightweight-openpose-2d"\n')
    result = invoke("parity", "noisy.onnx", *DESCRIBED, "--checkpoint", human / "human.pth", *network)
    assert result.exit_code == 1, result.output
    assert "tolerance: 1e-04 of the largest value, 0.1 px" in result.stdout, result.stderr
    assert (
        "onnxruntime reports the precision 'as in the file', which has no default tolerances, so those of "
        "fp32 were used: if the file is in a lower precision, pass --rtol, such as 0.05, or --budget, such "
        "as 1.5px"
    ) in words(result.stderr)


def test_footprint_of_a_third_party_model_includes_pytorch_on_its_checkpoint(
    crowd: Path, human: Path, network: tuple[str, str], done: Invoke
) -> None:
    arguments = ("bench", crowd, *DESCRIBED, "--checkpoint", human / "human.pth", *network, "--runs", 1)
    done(*arguments, "--footprint", "--json", "b.json")
    results = json.loads(Path("b.json").read_text())["results"]
    assert [row["label"] for row in results] == ["human.pth (PyTorch)", "crowd.onnx"]
    assert all(row["footprint"]["peak_memory_bytes"] for row in results)


def test_channels_last_is_inferred_from_the_shapes(tmp_path: Path, photo: Array, done: Invoke) -> None:
    write_image(tmp_path / "photo.png", photo)
    path = third_party.write_onnx(tmp_path / "crowd.onnx", FLOAT, FLOAT)
    done("predict", path, "photo.png", "--family", "lightweight-openpose-2d", "-o", "found")
    assert len(json.loads(Path("found/poses.json").read_text())["annotations"]) == PEOPLE


CHANNELS_LAST = """
from tests.predict.conftest import CrowdNetwork
from tests.support.synthetic_maps import crowd


class ChannelsLast(CrowdNetwork):
    def forward(self, images):
        return tuple(maps.permute(0, 2, 3, 1) for maps in super().forward(images.permute(0, 3, 1, 2)))


def build():
    return ChannelsLast(crowd(2, 32, 57, seed=5))
"""


def test_a_user_network_may_be_channels_last(human: Path, tmp_path: Path, photo: Array, done: Invoke) -> None:
    write_image(tmp_path / "photo.png", photo)
    (tmp_path / "last.py").write_text(CHANNELS_LAST)
    (tmp_path / "last.toml").write_text(
        'family = "lightweight-openpose-2d"\n[input]\nname = "images"\nshape = [1, 256, 456, 3]\n'
        '[outputs.heatmaps]\nlayout = "NHWC"\n[outputs.pafs]\nlayout = "NHWC"\n'
    )
    network = ("--network", "last.py:build")
    done("export", human / "human.pth", *network, "--to", "onnx", "-o", "out")
    assert "within tolerance of PyTorch" in words(done("parity", "out/human.onnx", *network).stdout)
    for model in ((human / "human.pth", *network), ("out/human.onnx",)):
        done("predict", model[0], "photo.png", *model[1:], "-o", "found")
        assert len(json.loads(Path("found/poses.json").read_text())["annotations"]) == PEOPLE


@pytest.mark.slow
def test_a_quantized_tflite_file_finds_people(tmp_path: Path, photo: Array, done: Invoke) -> None:
    write_image(tmp_path / "photo.png", photo)
    path = third_party.write_tflite(tmp_path)
    (tmp_path / "crowd.toml").write_text(
        'family = "lightweight-openpose-2d"\n[outputs]\nheatmaps = "output_0"\npafs = "output_1"\n'
    )
    done("predict", path, "photo.png", *DESCRIBED, "-o", "found")
    assert len(json.loads(Path("found/poses.json").read_text())["annotations"]) == PEOPLE


def test_a_model_without_a_contract_is_timed_with_its_checkpoint_on_noise(
    human: Path, network: tuple[str, str], done: Invoke
) -> None:
    shutil.copy(human / "out" / "human.onnx", "others.onnx")
    arguments = ("--checkpoint", human / "human.pth", *network, "--runs", 1, "--threads", 1)
    assert "human.pth (PyTorch)" in done("bench", "others.onnx", *arguments).stdout


@pytest.mark.parametrize("command", ["bench", "parity"])
def test_a_model_with_another_input_than_its_checkpoint_must_be_described(
    human: Path, network: tuple[str, str], refused: Callable[..., str], command: str
) -> None:
    third_party.write_onnx(Path("others.onnx"), FLOAT, FLOAT)
    message = refused(command, "others.onnx", "--checkpoint", human / "human.pth", *network)
    assert message.startswith("error: the input images float32 1x256x456x3 of the model does not fit the inp")
    assert message.endswith(" of its checkpoint; describe the model's input with --contract FILE.toml")


def test_integers_without_a_scale_are_refused(crowd: Path, refused: Callable[..., str]) -> None:
    arguments = ("predict", crowd, "photo.png", "-o", "found")
    message = refused(*arguments, "--family", "lightweight-openpose-2d")
    assert "the output heatmaps int8 1x32x57x19 NHWC holds integers whose scale" in message
    text = re.sub(r"scale = 0\.00392.*\nzero_point = 0\n", "", Path("crowd.toml").read_text())
    Path("crowd.toml").write_text(text)
    assert "holds integers whose scale and zero point are unknown" in refused(*arguments, *DESCRIBED)
    assert not Path("found").exists()


def test_the_examples_in_the_documentation_are_valid_contracts(
    tmp_path: Path, crowd: Path, done: Invoke
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "third-party-models.md").read_text()
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(examples) >= 3
    for number, text in enumerate(examples):
        (tmp_path / f"example {number}.toml").write_text(text)
    from posedeploy import contracts

    for number in range(len(examples)):
        assert contracts.read(tmp_path / f"example {number}.toml").outputs
