"""``parity --save-reference`` and ``--reference``: the comparison where PyTorch is not installed."""

from __future__ import annotations

import json
import re
import shutil
import textwrap
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from posedeploy.api import collected_outputs, comparing
from posedeploy.api.collected_outputs import CollectedRunner
from posedeploy.api.stored_inputs import select_inputs
from posedeploy.benchmarks.noise_floor import OutputNoise
from posedeploy.benchmarks.reference_file import KEY, StoredFloor, load_arrays, open_reference
from posedeploy.benchmarks.reference_writing import write_reference
from posedeploy.calibration.image_hashes import pixel_hash
from posedeploy.errors import InputError, OutputError
from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.types import Array, Calibration, RunOptions, Tensors
from tests.commands.conftest import Invoke, fill, words
from tests.predict.conftest import write_image
from tests.support.faulty_descriptions import change_description
from tests.support.lifting import small_gtrs, write
from tests.support.networks import write_crop_network

Refused = Callable[..., str]


@dataclass(frozen=True)
class Saved:
    """A model, the reference file that was written with it, and the report of that comparison."""

    model: Path
    reference: Path
    report: dict[str, Any]


@pytest.fixture(scope="module")
def saved(
    human: Path, network: tuple[str, str], invoke: Invoke, tmp_path_factory: pytest.TempPathFactory
) -> Saved:
    folder = tmp_path_factory.mktemp("saved") / "référence 1"
    folder.mkdir()
    model, reference = human / "out" / "human.onnx", folder / "human.safetensors"
    report = folder / "r.json"
    result = invoke("parity", model, "--save-reference", reference, "--json", report, *network)
    assert result.exit_code == 0, result.output
    return Saved(model, reference, json.loads(report.read_text()))


def _changed(saved: Saved, path: Path, **arrays: Array) -> Path:
    """Write a copy of the reference file with other arrays and the same metadata."""
    content = load_file(saved.reference)
    document = open_reference(saved.reference).document
    metadata = {KEY: msgspec.json.encode(document).decode()}
    save_file(content | {name.replace("__", "/"): array for name, array in arrays.items()}, path, metadata)
    return path


@pytest.mark.parametrize("suffix", ["onnx", "xml"])
def test_the_result_equals_that_of_pytorch(
    suffix: str, saved: Saved, human: Path, network: tuple[str, str], done: Invoke
) -> None:
    model = human / "out" / f"human.{suffix}"
    result = done("parity", model, "--reference", saved.reference, "--json", "replayed.json")
    done("parity", model, "--json", "compared.json", *network)
    (replayed,), (compared,) = (
        json.loads(Path(name).read_text())["results"] for name in ("replayed.json", "compared.json")
    )
    saved_model, loaded_model = replayed.pop("reference"), compared.pop("reference")
    assert saved_model["checkpoint_sha256"] == loaded_model["checkpoint_sha256"]
    assert (saved_model["runtime_info"], loaded_model["runtime_info"]["runtime"]) == (None, "pytorch")
    assert replayed.pop("sensitivity") is None, "mistakes are tried in PyTorch"
    assert not compared.pop("sensitivity")["proves_nothing"]
    assert replayed == compared
    assert "within tolerance of PyTorch in fp32" in words(result.stdout)


def test_the_file_holds_what_its_documentation_says(saved: Saved) -> None:
    arrays, document = load_file(saved.reference), open_reference(saved.reference).document
    assert document.names == tuple(saved.report["results"][0]["outputs"][0]["inputs"])
    names = {name.partition("/")[2] for name in arrays}
    assert names == {"image", "input/data", "output/heatmaps", "output/pafs"}
    assert arrays["0/image"].dtype == np.uint8 and arrays["0/input/data"].dtype == np.float32
    assert document.packages["torch"] == torch.__version__


@pytest.mark.slow
@pytest.mark.usefixtures("three_branches")
def test_a_network_on_joints_is_compared(done: Invoke, tmp_path: Path) -> None:
    write(small_gtrs(), tmp_path / "g.pth")
    done("export", "g.pth", "--to", "onnx", "-o", "out")
    done("parity", "out/g.onnx", "--save-reference", "g.safetensors")
    Path("g.pth").unlink()
    done("parity", "out/g.onnx", "--reference", "g.safetensors", "--json", "r.json")
    (entry,) = json.loads(Path("r.json").read_text())["results"]
    assert entry["poses"]["people"] == 6 and entry["poses"]["error_mm"] < 1


GUIDE = Path(__file__).parents[2] / "docs" / "parity-without-pytorch.md"


def _run_on_phone(model: Path, pattern: str, channels_last: Sequence[str]) -> None:
    """Run a model as the Kotlin code of the documentation does, in a file with these channels-last tensors.

    Args:
        pattern: the regular expression of the Kotlin code for the names of the inputs.
    """
    with open_runner(open_artifact(model), RunOptions(threads=1)) as runner:
        (tensor,) = runner.inputs
        batch, channels, height, width = map(int, tensor.shape)
        for file in Path().glob("*.bin"):
            match = re.fullmatch(pattern, file.name)
            if match is None or file.stat().st_size != 4 * batch * channels * height * width:
                continue
            assert match[2] == tensor.name
            array = np.fromfile(file, "<f4")
            if tensor.name in channels_last:
                array = array.reshape(batch, height, width, channels).transpose(0, 3, 1, 2)
            outputs = runner.run(
                {tensor.name: np.ascontiguousarray(array.reshape(batch, channels, height, width))}
            )
            for name, output in outputs.items():
                last = output.transpose(0, 2, 3, 1) if name in channels_last else output
                last.astype("<f4").tofile(f"{match[1]}-output-{name}.bin")


@pytest.mark.parametrize("channels_last", [[], ["data", "heatmaps", "pafs"]], ids=["nchw", "nhwc"])
def test_the_documented_code_collects_outputs_that_pass(
    channels_last: list[str], saved: Saved, done: Invoke
) -> None:
    text = textwrap.dedent(GUIDE.read_text(encoding="utf-8").partition("## Outputs of a phone")[2])
    blocks = [textwrap.dedent(each) for each in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]
    assert len(blocks) == 2
    (pattern,) = re.findall(r'INPUT_FILE = Regex\("(.*?)"\)', text)
    assert '"$number-output-$name.bin"' in text
    Path("out").mkdir()
    manifest = {"details": {"channels_last": channels_last}}
    Path("out/human.tflite.posedeploy.json").write_text(json.dumps(manifest))
    shutil.copy(saved.reference, "human.safetensors")
    exec(blocks[0], {})
    assert len([*Path().glob("*-input-data.bin")]) == len(open_reference(saved.reference))
    _run_on_phone(saved.model, pattern.replace("\\\\", "\\"), channels_last)
    exec(blocks[1], {})
    collected = ("--collected-outputs", "phone.safetensors")
    done("parity", saved.model, "--reference", saved.reference, *collected)


LABELING = """
from torch import nn


class LabelingNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 5, 3, 4, 1)

    def forward(self, image):
        maps = self.body(image.permute(0, 3, 1, 2))
        return maps.permute(0, 2, 3, 1), maps.flatten(2).argmax(2), maps.amax((2, 3)) > 0.5


def build():
    return LabelingNetwork()
"""
CHANNELS_LAST = """
[input]
layout = "NHWC"
height = 48
width = 32
mean = [103.53, 116.28, 123.675]
std = [57.375, 57.12, 58.395]

[outputs]
maps = { name = "maps", layout = "NHWC" }
labels = "labels"
mask = "mask"
"""


def test_channels_last_tensors_integers_and_booleans_are_compared(
    done: Invoke, refused: Refused, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(3, 5, 3, 4, 1)
    weights = {f"body.{name}": tensor for name, tensor in convolution.state_dict().items()}
    torch.save(weights, tmp_path / "n.pth")
    (tmp_path / "n.py").write_text(LABELING)
    (tmp_path / "n.toml").write_text(CHANNELS_LAST)
    own, reference = ("--network", "n.py:build"), ("--reference", "r.safetensors")
    done("export", "n.pth", "--to", "torchscript", "-o", ".", *own)
    done("parity", "n.torchscript", "--save-reference", "r.safetensors", *own)
    arrays = load_file("r.safetensors")
    assert arrays["0/input/data"].shape == (1, 48, 32, 3)
    assert [arrays[f"0/output/{name}"].dtype.kind for name in ("maps", "labels", "mask")] == list("fib")
    outputs = {name: array for name, array in arrays.items() if "/output/" in name}
    save_file(outputs, "c.safetensors")
    for collected in ((), ("--collected-outputs", "c.safetensors")):
        done("parity", "n.torchscript", *reference, *collected, "--json", "r.json")
        (entry,) = json.loads(Path("r.json").read_text())["results"]
        assert len(entry["outputs"][0]["inputs"]) == len(open_reference(Path("r.safetensors")))
    save_file(outputs | {"0/output/labels": outputs["0/output/maps"]}, "c.safetensors")
    line = refused("parity", "n.torchscript", *reference, "--collected-outputs", "c.safetensors")
    assert line.endswith("labels has the dtype float32, expected int64; collect it again from input 0")


def test_the_users_images_are_part_of_the_file(
    human: Path, network: tuple[str, str], photo: Array, done: Invoke, tmp_path: Path
) -> None:
    write_image(tmp_path / "föto.png", photo)
    model = human / "out" / "human.onnx"
    done("parity", model, "--images", "föto.png", "--save-reference", "r.safetensors", *network)
    Path("föto.png").unlink()
    done("parity", model, "--reference", "r.safetensors", "--json", "r.json")
    (entry,) = json.loads(Path("r.json").read_text())["results"]
    assert entry["outputs"][0]["inputs"][-1] == "föto.png"


def test_a_wrong_artifact_fails(saved: Saved, invoke: Invoke, tmp_path: Path) -> None:
    arrays = load_file(saved.reference)
    number = len(open_reference(saved.reference)) - 1
    heatmaps = arrays[f"{number}/output/heatmaps"].copy()
    heatmaps[0, 3, 5, 7] += 1
    collected = {name: array for name, array in arrays.items() if "/output/" in name}
    save_file(collected | {f"{number}/output/heatmaps": heatmaps}, tmp_path / "c.safetensors")
    arguments = ("--reference", saved.reference, "--collected-outputs", "c.safetensors")
    result = invoke("parity", saved.model, *arguments)
    assert result.exit_code == 1
    assert f"heatmaps[0, 3, 5, 7] on {open_reference(saved.reference).document.names[number]}" in words(
        result.stderr
    )
    assert "no noise floor: the reference file was saved without one for " in words(result.stdout)


def test_calibration_images_in_a_reference_file_are_refused(saved: Saved) -> None:
    reference, artifact = open_reference(saved.reference), open_artifact(saved.model)
    pixels = tuple(pixel_hash(stored.image) for stored in reference if stored.image is not None)
    record = Calibration(source="images", sha256="", count=1, pixels=pixels[:1], perceptual=())
    with pytest.raises(InputError) as refusal:
        select_inputs(replace(artifact, calibration=record), reference, artifact.spec, {})
    message = str(refusal.value)
    assert message.startswith(
        f"`reference={saved.reference}`: 1 of {len(pixels)} images was used to calibrate"
    )
    assert message.endswith("; save a reference file with other images")


def _collect(model: Path, reference: Path) -> Tensors:
    """Run a model on the inputs in a reference file, as a program on another device does."""
    outputs: Tensors = {}
    with open_runner(open_artifact(model), RunOptions(threads=1)) as runner:
        for name, array in load_arrays(reference, "a file").items():
            number, _, key = name.partition("/")
            if key == "input/data":
                results = runner.run({"data": array})
                outputs |= {f"{number}/output/{output}": each for output, each in results.items()}
    return outputs


def test_outputs_of_another_device_are_compared_without_running_the_model(
    saved: Saved, done: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = list[int]()

    def load(path: Path, what: str, keys: Collection[str]) -> Tensors:
        loaded.append(len(keys))
        return load_arrays(path, what, keys)

    monkeypatch.setattr(collected_outputs, "load_arrays", load)
    save_file(_collect(saved.model, saved.reference), tmp_path / "phone.safetensors")
    collected = ("--collected-outputs", "phone.safetensors")
    result = done("parity", saved.model, "--reference", saved.reference, *collected, "--json", "r.json")
    (entry,) = json.loads(Path("r.json").read_text())["results"]
    assert entry["passed"] and entry["runtime_info"]["device"] == "another device"
    assert "another device" in words(result.stdout)
    assert set(loaded) == {2}, "the outputs of one input at a time"


def _exchange_names(spec: dict[str, Any]) -> None:
    names = spec["keypoint_names"]
    names[2], names[3] = names[3], names[2]


def _shift(arrays: Tensors) -> Tensors:
    return {name: np.roll(array, 1, axis=2) for name, array in arrays.items()}


@pytest.mark.parametrize(
    ("describe", "collect", "decoding"),
    [
        (lambda spec: None, lambda arrays: arrays, "same"),
        (_exchange_names, lambda arrays: arrays, "different"),
        (lambda spec: None, _shift, "same"),
    ],
    ids=["right outputs", "another decoding", "wrong outputs"],
)
def test_the_network_of_another_device_is_not_judged_on_inputs_it_did_not_get(
    describe: Callable[[dict[str, Any]], object],
    collect: Callable[[Tensors], Tensors],
    decoding: str,
    saved: Saved,
    invoke: Invoke,
    tmp_path: Path,
) -> None:
    def change(spec: dict[str, Any]) -> None:
        spec["contract"].update(color_order="RGB")
        describe(spec)

    model = change_description(saved.model, tmp_path / "human.onnx", change)
    save_file(collect(_collect(saved.model, saved.reference)), tmp_path / "phone.safetensors")
    arguments = ("--reference", saved.reference, "--collected-outputs", "phone.safetensors")
    invoke("parity", model, *arguments, "--json", "r.json")
    (entry,) = json.loads(Path("r.json").read_text())["results"]
    assert [stage["status"] for stage in entry["stages"]] == ["not compared", "not compared", decoding]
    preprocessing, network, _ = entry["stages"]
    assert preprocessing["differences"] == ["contract.color_order is RGB instead of BGR"]
    assert network["note"] == "the artifact did not run on this machine"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda arrays: arrays.pop("1/output/pafs"),
            "it lacks 1/output/pafs; name each array as in the reference file, N/output/NAME",
        ),
        (
            lambda arrays: arrays.update(
                {"0/output/pafs": arrays["0/output/pafs"].transpose(0, 2, 3, 1).copy()}
            ),
            "transpose it with (0, 3, 1, 2), because it is channels last",
        ),
        (
            lambda arrays: arrays.update({"0/output/pafs": arrays["0/output/pafs"][:, :2].copy()}),
            "0/output/pafs has the shape 1x2x32x57, expected 1x38x32x57; collect it again from input 0",
        ),
        (
            lambda arrays: arrays.update({"0/output/pafs": arrays["0/output/pafs"].astype(np.int8)}),
            "has the dtype int8, expected float32; dequantize the outputs",
        ),
        (
            lambda arrays: arrays.update({"1/output/pafs": arrays["1/output/pafs"] > 0}),
            "1/output/pafs has the dtype bool, expected float32; collect it again from input 1",
        ),
        (dict.clear, ", and has no arrays; name each array as in the reference file, N/output/NAME"),
    ],
    ids=["missing", "channels last", "shape", "integers", "booleans", "empty"],
)
def test_collected_outputs_that_do_not_fit_are_refused(
    change: Callable[[Tensors], object], message: str, saved: Saved, refused: Refused, tmp_path: Path
) -> None:
    arrays = {name: array for name, array in load_file(saved.reference).items() if "/output/" in name}
    change(arrays)
    save_file(arrays, tmp_path / "c.safetensors")
    arguments = ("--reference", saved.reference, "--collected-outputs", "c.safetensors")
    assert message in refused("parity", saved.model, *arguments)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as a safetensors file"),
        (b"{}", "cannot be read as a safetensors file"),
        (b"<!DOCTYPE html><html></html>", "cannot be read as a safetensors file"),
        (b"\xff" * 64, "cannot be read as a safetensors file"),
        ((2).to_bytes(8, "little") + b"{}", "its metadata has no field posedeploy.reference"),
    ],
    ids=["empty", "json", "html", "bytes", "no metadata"],
)
def test_another_file_is_refused(content: bytes, message: str, saved: Saved, refused: Refused) -> None:
    Path("r.safetensors").write_bytes(content)
    line = refused("parity", saved.model, "--reference", "r.safetensors")
    assert line.startswith("error: r.safetensors: not a reference file: ") and message in line


def test_a_truncated_file_is_refused(saved: Saved, refused: Refused) -> None:
    Path("r.safetensors").write_bytes(saved.reference.read_bytes()[:-100])
    assert "r.safetensors: not a reference file: " in refused(
        "parity", saved.model, "--reference", "r.safetensors"
    )


def test_changed_arrays_are_refused(saved: Saved, refused: Refused, tmp_path: Path) -> None:
    maps = load_file(saved.reference)["2/output/pafs"] + 1
    _changed(saved, tmp_path / "r.safetensors", **{"2__output__pafs": maps})
    line = refused("parity", saved.model, "--reference", "r.safetensors")
    assert "is damaged: the arrays of input 2 do not have their recorded hash" in line


def test_a_noise_floor_without_an_output_is_refused(saved: Saved, tmp_path: Path) -> None:
    document = open_reference(saved.reference).document
    noise = {name: OutputNoise(1e-6, 1e-7, 1e-7) for name in ("heatmaps", "pafs")}
    for outputs, is_valid in ((noise, True), ({"heatmaps": noise["heatmaps"]}, False)):
        with_floor = replace(document, floor=StoredFloor("cpu", "fp32", outputs, 1, 1))
        write_reference(tmp_path / "r.safetensors", with_floor, open_reference(saved.reference))
        if is_valid:
            assert open_reference(tmp_path / "r.safetensors").document.floor == with_floor.floor
            continue
        with pytest.raises(
            InputError, match="is damaged: its noise floor lacks the output pafs; copy or save"
        ):
            open_reference(tmp_path / "r.safetensors")


@pytest.mark.parametrize("dtype", ["uint32", "uint64", "complex64"])
def test_all_outputs_that_a_reference_file_can_have_are_written(
    dtype: str, saved: Saved, tmp_path: Path
) -> None:
    reference, path = open_reference(saved.reference), tmp_path / "r.safetensors"
    values = np.arange(3).astype(dtype)
    stored = replace(reference.read(0), outputs={"phase": values})
    if dtype != "complex64":
        write_reference(path, reference.document, [stored])
        np.testing.assert_array_equal(load_file(path)["0/output/phase"], values, strict=True)
        return
    with pytest.raises(OutputError, match="phase: a tensor of complex64, which a reference file cannot have"):
        write_reference(path, reference.document, [stored])
    assert not path.exists()


def test_a_newer_version_is_refused(saved: Saved, refused: Refused, tmp_path: Path) -> None:
    metadata = {KEY: json.dumps({"format": "posedeploy.reference", "version": 2})}
    save_file({"a": np.zeros(1)}, tmp_path / "r.safetensors", metadata)
    line = refused("parity", saved.model, "--reference", "r.safetensors")
    assert line.endswith("the version of the reference file is 2, expected 1; upgrade posedeploy")


def test_an_artifact_of_another_shape_is_refused(
    saved: Saved, done: Invoke, refused: Refused, invoke: Invoke, tmp_path: Path
) -> None:
    write_crop_network("hg", tmp_path / "a.pth")
    done("export", "a.pth", "--to", "onnx", "-o", "out")
    line = refused("parity", "out/a.onnx", "--reference", saved.reference)
    assert "its inputs have other shapes (data 1x3x256x456) than out/a.onnx accepts" in line
    others = ("parity", "out/a.onnx", saved.model, "--reference", saved.reference, "--json", "both.json")
    assert invoke(*others).exit_code == 1
    report = json.loads(Path("both.json").read_text())
    assert [row["passed"] for row in report["results"]] == [True]
    assert "its inputs have other shapes" in report["errors"]["out/a.onnx"]


def test_another_checkpoint_is_named(
    saved: Saved, human: Path, network: tuple[str, str], invoke: Invoke, tmp_path: Path
) -> None:
    weights = torch.load(human / "human.pth", weights_only=True)
    weights["pafs"][0, 7, 3, 5] = 99.0
    torch.save(weights, tmp_path / "other.pth")
    assert invoke("export", "other.pth", "--to", "onnx", "-o", "out", *network).exit_code == 0
    result = invoke("parity", "out/other.onnx", "--reference", saved.reference)
    assert result.exit_code == 1
    assert "written with a checkpoint whose SHA-256 is" in words(result.stderr)
    assert "posedeploy bisect" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--reference", "{r}", "--images", "a.png"),
            "--reference and --images: the reference file replaces",
        ),
        (("--reference", "{r}", "--checkpoint", "a.pth"), "--reference and --checkpoint: "),
        (("--reference", "{r}", "--noise-floor"), "--reference and --noise-floor: "),
        (("--reference", "{r}", "--save-reference", "b"), "--reference and --save-reference: "),
        (
            ("--collected-outputs", "a"),
            "--collected-outputs a: they belong to the inputs of a reference file",
        ),
        (("--reference", "{r}", "--collected-outputs", "a", "--threads", "2"), "the artifact is not run"),
        (("--reference", "{r}", "--collected-outputs", "a", "--precision", "bf16"), "leave out --precision"),
        (("--save-reference", "."), "--save-reference .: a folder; pass a file"),
        (("--save-reference", "{w}"), "exists and is not a reference file; pass another file"),
        (("--reference", "missing.safetensors"), "missing.safetensors: no such file"),
        (("--reference", "."), ".: a folder, which posedeploy does not read"),
        (("{m}", "--save-reference", "b"), "one reference file holds the inputs of one artifact, and 2 were"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, tuple) else "",
)
def test_options_that_contradict_each_other_are_refused(
    arguments: tuple[str, ...], message: str, saved: Saved, human: Path, refused: Refused
) -> None:
    assert message in refused(
        "parity", saved.model, *fill(arguments, r=saved.reference, m=saved.model, w=human / "human.pth")
    )


def test_a_folder_that_cannot_be_written_is_refused_before_the_comparison(
    saved: Saved, network: tuple[str, str], refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **keywords: object) -> None:
        raise AssertionError("the comparison began")

    monkeypatch.setattr(comparing, "_comparison", refuse)
    Path("file").write_text("")
    line = refused("parity", saved.model, "--save-reference", "file/r.safetensors", *network)
    assert "file: cannot write here" in line
    shutil.rmtree("file", ignore_errors=True)


def test_the_batch_of_collected_outputs_is_that_of_the_input(saved: Saved, tmp_path: Path) -> None:
    artifact, reference = open_artifact(saved.model), open_reference(saved.reference)
    inputs, outputs = (
        tuple(replace(each, shape=("batch", *each.shape[1:])) for each in tensors)
        for tensors in (artifact.spec.inputs, artifact.spec.outputs)
    )
    dynamic = replace(artifact, spec=replace(artifact.spec, inputs=inputs, outputs=outputs))
    arrays = {name: array for name, array in load_file(saved.reference).items() if "/output/" in name}
    path = tmp_path / "c.safetensors"
    save_file(arrays, path)
    pairs = select_inputs(dynamic, reference, dynamic.spec, {})
    CollectedRunner(dynamic, pairs, path).close()
    save_file(arrays | {"1/output/pafs": np.repeat(arrays["1/output/pafs"], 2, axis=0)}, path)
    message = "1/output/pafs has the shape 2x38x32x57, expected 1x38x32x57; collect it again from input 1"
    with pytest.raises(InputError, match=message):
        CollectedRunner(dynamic, pairs, path)
