"""Exports of real engines without a GPU: their files, graphs and precision, and errors."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx builds the engines")
pytest.importorskip("cuda.bindings", reason="cuda-python runs them")

from posedeploy import manifest
from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions
from posedeploy.convert.prepare import Graphs
from posedeploy.errors import (
    ExportError,
)
from posedeploy.flatten import flat
from posedeploy.plugins import version_of
from posedeploy.tensorrt.build_info import build_info_of
from posedeploy.tensorrt.options import TensorRtOptions
from posedeploy.types import Artifact, Model, ModelSpec, RunOptions, TensorSpec
from tests.convert.test_targets import _check, _expected, _image, _normalized
from tests.support.engines import build_engine
from tests.support.lifting import small_gtrs, small_pose2mesh, write
from tests.support.networks import CONTRACT, two_input_model, write_crop_network
from tests.support.reference_cases import BUNDLED, BUNDLED_CASES, PUBLISHED, Case
from tests.support.stand_ins import load_on_stand_in

ROOT = Path(__file__).parents[2]
RANGE = TensorRtOptions(
    min_shapes={"": (1, 3, 16, 16)}, opt_shapes={"": (1, 3, 32, 40)}, max_shapes={"data": (2, 3, 40, 64)}
)
IMAGES = TensorRtOptions(
    min_shapes={"": (1, 16, 16, 3)}, opt_shapes={"": (1, 32, 40, 3)}, max_shapes={"data": (2, 40, 64, 3)}
)
OPTIONS = {
    "as published": ExportOptions(),
    "batch of 2": ExportOptions(batch=2),
    "embedded": ExportOptions(embed_preprocessing=True),
    "all at once": ExportOptions(
        (24, 16), dynamic=True, embed_preprocessing=True, outputs="last", tensorrt=IMAGES
    ),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_the_graph_of_an_engine_equals_pytorch(
    tiny: Model, engine: Artifact, tmp_path: Path, name: str
) -> None:
    options = OPTIONS[name]
    artifact = engine if name == "as published" else build_engine(tiny, tmp_path, options)
    size = options.input_size or (CONTRACT.height, CONTRACT.width)
    shapes = [(options.batch, *size)] + ([(1, 40, 56), (2, 32, 40)] if options.dynamic else [])
    assert manifest.read(artifact.path) == artifact
    with load_on_stand_in(artifact) as runner:
        for shape in shapes:
            image = _image(*shape)
            normalized = _normalized(image, CONTRACT)
            found = runner.run({"data": image if options.embed_preprocessing else normalized})
            assert list(found) == [output.name for output in artifact.spec.outputs]
            _check(found, _expected(tiny, normalized))


def test_an_export_writes_the_engine_its_graph_and_build_info(engine: Artifact) -> None:
    names = ["tiny.engine", "tiny.engine.onnx", "tiny.engine.posedeploy.json"]
    assert sorted(path.name for path in engine.path.parent.iterdir()) == names
    assert engine.files.keys() == {"tiny.engine"}, "the graph may stay behind when the engine is moved"
    info = build_info_of(engine)
    assert info is not None
    kept = engine.path.with_name(info.onnx)
    assert info.onnx_sha256 == hashlib.sha256(kept.read_bytes()).hexdigest()
    assert (info.library, info.version) == ("tensorrt-rtx", version_of("tensorrt_rtx"))
    assert info.compute_capabilities == ("8.0", "8.6", "8.9", "12.0+")
    assert (engine.precision, info.precision, info.profile) == ("fp32", "fp32", {})
    assert info.layers == {"convolutions": {"fp32": 6}}
    onnx.checker.check_model(kept, full_check=True)


def test_the_kept_graph_holds_no_paths_of_the_machine(engine: Artifact) -> None:
    assert b"/prepare.py" not in engine.path.with_name("tiny.engine.onnx").read_bytes()


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


WRAPPED = ExportOptions(tensorrt=TensorRtOptions(wrap="torch2trt"))


@pytest.fixture(scope="module")
def wrapped(tiny: Model, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """Return the tiny network as an engine with a torch2trt file; do not change its files."""
    return build_engine(tiny, tmp_path_factory.mktemp("wrapped"), WRAPPED)


def test_an_outdated_torch2trt_file_is_removed(tiny: Model, wrapped: Artifact, tmp_path: Path) -> None:
    assert wrapped.sidecars.keys() == {"tiny.engine.onnx", "tiny-trt.pth"}
    assert manifest.read(wrapped.path) == wrapped
    shutil.copytree(wrapped.path.parent, tmp_path, dirs_exist_ok=True)
    (tmp_path / "theirs-trt.pth").write_bytes(b"theirs")
    after = build_engine(tiny, tmp_path)
    assert after.sidecars.keys() == {"tiny.engine.onnx"}
    assert _names(tmp_path) == {
        "tiny.engine",
        "tiny.engine.onnx",
        "tiny.engine.posedeploy.json",
        "theirs-trt.pth",
    }


@pytest.mark.parametrize("how", ["changed", "of an export that is not known"])
def test_files_of_others_are_kept(tiny: Model, wrapped: Artifact, tmp_path: Path, how: str) -> None:
    shutil.copytree(wrapped.path.parent, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "tiny-trt.pth"
    if how == "changed":
        path.write_bytes(b"theirs")
    else:
        manifest.path_of(tmp_path / "tiny.engine").unlink()
    content = path.read_bytes()
    build_engine(tiny, tmp_path)
    assert path.read_bytes() == content


class WithUnsupportedOperator(nn.Module):
    """A network whose second part has an operator that TensorRT lacks."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.heads = nn.ModuleList([nn.Identity(), Determinants()])

    def forward(self, data: Tensor) -> Tensor:
        x: Tensor = self.heads[1](self.heads[0](self.first(data)))
        return x


class Determinants(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.det(x)


def test_an_operator_that_tensorrt_lacks_is_named_with_its_module(tmp_path: Path) -> None:
    inputs, outputs = (TensorSpec("data", (1, 3, 4, 4)),), (TensorSpec("x", (1, 4)),)
    model = Model(WithUnsupportedOperator().eval(), ModelSpec("x", "", inputs, outputs), None, "")
    with pytest.raises(
        ExportError,
        match=r"^tensorrt-rtx cannot convert this network: Det \(node \S+, in heads\.1 \(Determinants\)\): u",
    ):
        export(model, ["tensorrt"], tmp_path, "odd")
    assert not list(tmp_path.iterdir())


def test_fp16_is_recorded_and_close(tiny: Model, tmp_path: Path) -> None:
    artifact = build_engine(tiny, tmp_path, ExportOptions(precision="fp16"))
    assert (artifact.precision, artifact.details["precision"]) == ("fp16", "fp16")
    image = _normalized(_image(1, 32, 40), CONTRACT)
    with load_on_stand_in(artifact, RunOptions("cuda", "fp16")) as runner:
        found = runner.run({"data": image})
        assert runner.runtime_info.precision == "fp16"
    for name, wanted in _expected(tiny, image).items():
        distance = np.abs(found[name] - wanted).max() / np.abs(wanted).max()
        assert found[name].dtype == np.float32 and 1e-6 < distance < 3e-3


def test_several_inputs_with_dynamic_axes(tmp_path: Path) -> None:
    low, mid, top = ({"joints": (n, 5, 2)} for n in (1, 2, 4))
    shapes = TensorRtOptions(min_shapes=low, opt_shapes=mid, max_shapes=top)
    options = ExportOptions(dynamic=True, tensorrt=shapes)
    (artifact,) = export(two_input_model("batch"), ["tensorrt"], tmp_path, "x", options)
    joints = np.random.RandomState(0).rand(3, 5, 2).astype(np.float32)
    with load_on_stand_in(artifact) as runner:
        found = runner.run({"joints": joints, "scale": np.ones(1, np.float32)})
    assert np.array_equal(found["joints_again"], joints)


@pytest.mark.usefixtures("small")
def test_pose2mesh_becomes_an_engine(tmp_path: Path) -> None:
    checkpoint = write(small_pose2mesh(), tmp_path / "a.pth.tar")
    model = open_checkpoint(checkpoint, None, tmp_path / "faces.npy")
    _check_engine(model, 1e-4, ExportOptions(), tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("three_branches")
def test_gtrs_becomes_an_engine_in_fp32_and_fp16(tmp_path: Path) -> None:
    model, graphs = open_checkpoint(write(small_gtrs(), tmp_path / "a.pth.tar")), {}
    _check_engine(model, 1e-4, ExportOptions(), tmp_path, graphs)
    _check_engine(model, 1e-2, ExportOptions(precision="fp16"), tmp_path, graphs)


@pytest.mark.parametrize("name", ["mobile", pytest.param("hg", marks=pytest.mark.slow), "hg2d"])
def test_networks_of_one_person_become_engines(name: str, tmp_path: Path) -> None:
    model = open_checkpoint(write_crop_network(name, tmp_path / "a.pth"))
    _check_engine(model, 1e-4, ExportOptions(), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("name", BUNDLED_CASES)
def test_bundled_published_networks_become_engines(name: str, precision: str, tmp_path: Path) -> None:
    _published(Case(BUNDLED / name), precision, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(PUBLISHED) - set(BUNDLED_CASES) - {"gtrs-human36"}))
def test_published_networks_become_fp16_engines(name: str, reference: Path, tmp_path: Path) -> None:
    # The ONNX export takes most of the time, and the FP16 graph is made from the FP32 one.
    _published(Case(reference / "cases" / name), "fp16", tmp_path)


def _published(case: Case, precision: str, folder: Path) -> None:
    mesh = case.write_mesh(folder / "faces.npy")
    model = open_checkpoint(case.write(folder / "a.pth"), mesh=mesh)
    if precision == "fp32":
        _check_engine(model, 1e-4, ExportOptions(), folder)
    else:
        _check_engine(model, 1e-2, ExportOptions(precision="fp16"), folder)


def _check_engine(
    model: Model, bound: float, options: ExportOptions, folder: Path, graphs: Graphs | None = None
) -> None:
    """Build an engine, and check that its graph equals PyTorch within the tolerance of the precision."""
    artifact = build_engine(model, folder, options, graphs)
    assert artifact.path.stat().st_size > 0
    stream = np.random.RandomState(0)
    inputs = {
        spec.name: stream.standard_normal([int(length) for length in spec.shape]).astype(np.float32)
        for spec in artifact.spec.inputs
    }
    with load_on_stand_in(artifact) as runner:
        found = runner.run(inputs)
    with torch.inference_mode():
        results = flat((model.export_form or model.module)(*map(torch.from_numpy, inputs.values())))
    for (name, mine), theirs in zip(found.items(), results, strict=True):
        distance = np.abs(mine - theirs.numpy()).max() / theirs.abs().max().item()
        assert distance < bound, name
