"""Engines built for real, without a GPU: what is asked is built, and what cannot be is refused by name."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from posedeploy.tensorrt.build_progress import progress_monitor
from posedeploy.tensorrt.builder import build
from posedeploy.tensorrt.rebuild import rebuild

pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx builds the engines")
pytest.importorskip("cuda.bindings", reason="cuda-python runs them")

from posedeploy import manifest
from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions
from posedeploy.errors import (
    ArtifactError,
    DeviceError,
    ExportError,
    MissingPackageError,
    PoseDeployError,
)
from posedeploy.flatten import flat
from posedeploy.plugins import version_of
from posedeploy.tensorrt.build_info import build_info_of
from posedeploy.tensorrt.libraries import LIBRARIES
from posedeploy.tensorrt.options import TensorRtOptions
from posedeploy.tensorrt.shape_profile import shape_profile
from posedeploy.types import Artifact, Model, ModelSpec, RunOptions, TensorSpec
from tests.convert.test_targets import _check, _image, _normalised, _wanted
from tests.support.lifting import small_gtrs, small_pose2mesh, write
from tests.support.networks import CONTRACT, CROPS, two_input_model, write_crop_network
from tests.support.reference_cases import BUNDLED, PUBLISHED, TRAVELLING, Case
from tests.support.stand_ins import on_stand_in
from tests.support.tables import gpu_here

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


@pytest.fixture(scope="module")
def plain(tiny: Model, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The tiny network as an engine; do not change its files."""
    return _built(tiny, tmp_path_factory.mktemp("plain"))


def _built(model: Model, folder: Path, options: ExportOptions | None = None) -> Artifact:
    (artifact,) = export(model, ["tensorrt"], folder, "tiny", options)
    return artifact


@pytest.mark.parametrize("name", OPTIONS)
def test_the_graph_an_engine_is_built_from_computes_what_pytorch_computes(
    tiny: Model, tmp_path: Path, name: str
) -> None:
    options = OPTIONS[name]
    artifact = _built(tiny, tmp_path, options)
    size = options.input_size or (CONTRACT.height, CONTRACT.width)
    shapes = [(options.batch, *size)] + ([(1, 40, 56), (2, 32, 40)] if options.dynamic else [])
    assert manifest.read(artifact.path) == artifact
    with on_stand_in(artifact) as runner:
        for shape in shapes:
            image = _image(*shape)
            normalised = _normalised(image, CONTRACT)
            found = runner.run({"data": image if options.embed_preprocessing else normalised})
            assert list(found) == [output.name for output in artifact.spec.outputs]
            _check(found, _wanted(tiny, normalised))


def test_what_is_made_is_an_engine_its_graph_and_build_info(plain: Artifact) -> None:
    names = ["tiny.engine", "tiny.engine.onnx", "tiny.engine.posedeploy.json"]
    assert sorted(path.name for path in plain.path.parent.iterdir()) == names
    assert plain.files.keys() == {"tiny.engine"}, "the graph may stay behind when the engine is moved"
    info = build_info_of(plain)
    assert info is not None
    kept = plain.path.with_name(info.onnx)
    assert info.onnx_sha256 == hashlib.sha256(kept.read_bytes()).hexdigest()
    assert (info.library, info.version) == ("tensorrt-rtx", version_of("tensorrt_rtx"))
    assert info.compute_capabilities == ("8.0", "8.6", "8.9", "12.0+")
    assert (plain.precision, info.precision, info.profile) == ("fp32", "fp32", {})
    onnx.checker.check_model(kept, full_check=True)


def test_the_kept_graph_holds_no_paths_of_the_machine(plain: Artifact) -> None:
    assert b"/prepare.py" not in plain.path.with_name("tiny.engine.onnx").read_bytes()


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


WRAPPED = ExportOptions(tensorrt=TensorRtOptions(wrap="torch2trt"))


def test_what_was_wrapped_before_goes_with_its_engine(tiny: Model, tmp_path: Path) -> None:
    before = _built(tiny, tmp_path, WRAPPED)
    assert before.beside.keys() == {"tiny.engine.onnx", "tiny-trt.pth"}
    assert manifest.read(before.path) == before
    (tmp_path / "theirs-trt.pth").write_bytes(b"theirs")
    after = _built(tiny, tmp_path)
    assert after.beside.keys() == {"tiny.engine.onnx"}
    assert _names(tmp_path) == {
        "tiny.engine",
        "tiny.engine.onnx",
        "tiny.engine.posedeploy.json",
        "theirs-trt.pth",
    }


@pytest.mark.parametrize("how", ["changed", "of an export that is not known"])
def test_what_was_not_written_by_an_export_before_stays(tiny: Model, tmp_path: Path, how: str) -> None:
    before = _built(tiny, tmp_path, WRAPPED)
    wrapped = tmp_path / "tiny-trt.pth"
    if how == "changed":
        wrapped.write_bytes(b"theirs")
    else:
        manifest.path_of(before.path).unlink()
    content = wrapped.read_bytes()
    _built(tiny, tmp_path)
    assert wrapped.read_bytes() == content


def test_gpus_that_are_named_are_those_it_is_built_for(tiny: Model, plain: Artifact, tmp_path: Path) -> None:
    asked = TensorRtOptions(gpus=("8.6", "8.9", "12.0"))
    artifact = _built(tiny, tmp_path, ExportOptions(tensorrt=asked))
    assert artifact.details["compute_capabilities"] == ["8.6", "8.9", "12.0"]
    assert artifact.path.read_bytes() != plain.path.read_bytes()


def test_a_build_tells_how_far_it_is(tiny: Model, tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    export(tiny, ["tensorrt"], tmp_path, "tiny", on_progress=lambda doing, part: told.append((doing, part)))
    parts = [part for _, part in told]
    assert len(told) > 20
    assert parts == sorted(parts) and parts[0] > 0 and parts[-1] <= 1
    assert "Building engine" in {doing for doing, _ in told}


def test_ctrl_c_in_a_build_ends_it_and_leaves_what_stood_before(tiny: Model, tmp_path: Path) -> None:
    before = _built(tiny, tmp_path)

    def interrupt(doing: str, part: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(tiny, ["tensorrt"], tmp_path, "tiny", on_progress=interrupt)
    assert manifest.read(before.path) == before


@pytest.mark.slow
def test_ctrl_c_from_the_keyboard_ends_a_build_at_its_next_step(tiny: Model, tmp_path: Path) -> None:
    before = _built(tiny, tmp_path)
    code = f"""
import time
from pathlib import Path
from posedeploy.convert.export import export
from tests.support.networks import tiny_model
calls = []
def on_progress(doing, part):
    calls.append(part)
    print(len(calls), flush=True)
    time.sleep(0.5)
try:
    export(tiny_model(), ["tensorrt"], Path({str(tmp_path)!r}), "tiny", on_progress=on_progress)
finally:
    print("in all", len(calls), flush=True)
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        while child.stdout.readline().strip() not in ("3", ""):
            pass
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=120)
    assert errors.rstrip().endswith("KeyboardInterrupt"), errors
    assert int(output.split("in all")[1]) <= 6, "it went on"
    assert manifest.read(before.path) == before
    assert not list(tmp_path.glob(".posedeploy-*"))


def test_phases_of_one_name_may_overlap() -> None:
    api = SimpleNamespace(IProgressMonitor=object)
    parts: list[float] = []
    monitor = progress_monitor(api, lambda doing, part: parts.append(part))
    monitor.phase_start("build", None, 2)
    for parent in ("build", "build"):
        monitor.phase_start("tactic", parent, 4)
    assert monitor.step_complete("tactic", 0)
    monitor.phase_finish("tactic")
    assert monitor.step_complete("tactic", 1)
    monitor.phase_start("late", "tactic", 0)
    assert monitor.step_complete("late", 0) and monitor.step_complete("build", 0)
    assert monitor.raised is None and parts == sorted(parts)


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        (
            TensorRtOptions(gpus=("9.0",)),
            DeviceError,
            r"^`gpu=sm90`: tensorrt-rtx \S+ builds for sm75, sm80, sm86, sm89, sm120, sm121$",
        ),
        (
            TensorRtOptions(timing_cache=Path("a.cache")),
            ExportError,
            r"^`timing_cache=a\.cache`: tensorrt-rtx times nothing while it builds, .*; leave the option out",
        ),
        (
            TensorRtOptions(workspace_mib=1),
            ExportError,
            r"within workspace limit.*; `workspace=1` may be too little$",
        ),
        (
            TensorRtOptions(min_shapes={"": (1, 3, 8, 8)}),
            ExportError,
            r"^`min_shapes`: no input has free axes; give `dynamic` too, or leave them out$",
        ),
    ],
    ids=["GPU", "timing cache", "workspace", "range"],
)
def test_what_cannot_be_as_asked_is_refused(
    tiny: Model, tmp_path: Path, asked: TensorRtOptions, error: type[PoseDeployError], said: str
) -> None:
    with pytest.raises(error, match=said):
        _built(tiny, tmp_path, ExportOptions(tensorrt=asked))
    assert not list(tmp_path.iterdir())


def test_the_library_that_needs_a_gpu_is_refused_without_one(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu_here(wanted=False)
    asked = ExportOptions(tensorrt=TensorRtOptions("tensorrt"))
    if version_of("tensorrt") is None:
        with pytest.raises(MissingPackageError, match="needs the package tensorrt,"):
            _built(tiny, tmp_path, asked)
    monkeypatch.setitem(LIBRARIES, "tensorrt", replace(LIBRARIES["tensorrt"], module="tensorrt_rtx"))
    with pytest.raises(
        DeviceError, match=r"finds no GPU here .*; without one, build with `trt_library=tensorrt-rtx`"
    ):
        _built(tiny, tmp_path, asked)
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore:.*Timing cache operations are no-ops:DeprecationWarning")
def test_a_timing_cache_is_read_and_written(
    plain: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library here has none, but takes the calls: what is tested is our part of it."""
    monkeypatch.setitem(
        LIBRARIES, "tensorrt-rtx", replace(LIBRARIES["tensorrt-rtx"], supports_timing_cache=True)
    )
    graph, cache = plain.path.with_name("tiny.engine.onnx"), tmp_path / "new" / "a.cache"
    for _ in range(2):
        build(graph, TensorRtOptions(timing_cache=cache), {}, lambda doing, part: None)
        assert cache.stat().st_size > 0
    cache.unlink()
    cache.mkdir()
    with pytest.raises(ExportError, match=r"^`timing_cache=.*a\.cache`: cannot be read \(Is a directory\)$"):
        build(graph, TensorRtOptions(timing_cache=cache), {}, lambda doing, part: None)


FREE = (TensorSpec("data", ("batch", 3, "height", 8)), TensorSpec("scale", ("batch",)), TensorSpec("k", (3,)))


def _asked(
    low: dict[str, tuple[int, ...]], mid: dict[str, tuple[int, ...]], top: dict[str, tuple[int, ...]]
) -> ExportOptions:
    return ExportOptions(
        dynamic=True, tensorrt=TensorRtOptions(min_shapes=low, opt_shapes=mid, max_shapes=top)
    )


def test_every_input_with_free_axes_has_its_range() -> None:
    low, mid, top = ({"data": (n, 3, 8 * n, 8), "scale": (n,)} for n in (1, 2, 4))
    found = shape_profile(FREE, _asked(low, mid, top).tensorrt)
    assert found.keys() == {"data", "scale"}
    assert (found["data"].min, found["scale"].opt, found["data"].max) == (
        (1, 3, 8, 8),
        (2,),
        (4, 3, 32, 8),
    )


DATA, SCALE = {"data": (1, 3, 8, 8)}, {"scale": (1,)}


@pytest.mark.parametrize(
    ("inputs", "asked", "said"),
    [
        (
            FREE,
            _asked({}, {}, {}),
            r"^`dynamic`: TensorRT tunes an engine for a range of shapes; give `min_shapes`, `opt_shapes`",
        ),
        (
            FREE[:1],
            _asked(DATA, DATA, {}),
            r"^`dynamic`: .* give `min_shapes`, `opt_shapes` and `max_shapes` for data float32 batchx3x",
        ),
        (
            FREE,
            _asked(DATA, DATA, DATA),
            r"^`min_shapes`: no shape for the input scale float32 batch; give a",
        ),
        (
            FREE,
            _asked({"": (1,)}, DATA, DATA),
            r"^`min_shapes` without a name: the inputs with free axes are data, scale;",
        ),
        (
            FREE[:1],
            _asked({"x": (1,)}, DATA, DATA),
            r"^`min_shapes=x`: the inputs with free axes are data; write NAME:SH",
        ),
        (
            FREE[:1],
            _asked({"": (1, 4, 8, 8)}, DATA, DATA),
            r"^`min_shapes`: 1x4x8x8 does not fit the input data float32 batchx3xheightx8; give a shape",
        ),
        (FREE[:1], _asked({"": (1, 3, 8)}, DATA, DATA), r"^`min_shapes`: 1x3x8 does not fit"),
        (FREE[:1], _asked({"": (0, 3, 8, 8)}, DATA, DATA), r"^`min_shapes`: 0x3x8x8 does not fit"),
        (
            FREE[:1],
            _asked(DATA, {"": (1, 3, 4, 8)}, DATA),
            r"^`min_shapes`, `opt_shapes`, `max_shapes` of data: expected min .*, and one has 8, 4, 8$",
        ),
    ],
)
def test_a_range_that_does_not_fit_is_refused(
    inputs: tuple[TensorSpec, ...], asked: ExportOptions, said: str
) -> None:
    with pytest.raises(ExportError, match=said):
        shape_profile(inputs, asked.tensorrt)


class Odd(nn.Module):
    """Its second part has an operator that TensorRT lacks."""

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
    model = Model(Odd().eval(), ModelSpec("x", "", inputs, outputs), None, "")
    with pytest.raises(
        ExportError,
        match=r"^tensorrt-rtx cannot take this network: Det \(node \S+, in heads\.1 \(Determinants\)\): un",
    ):
        export(model, ["tensorrt"], tmp_path, "odd")
    assert not list(tmp_path.iterdir())


def test_half_precision_is_recorded_and_close(tiny: Model, tmp_path: Path) -> None:
    artifact = _built(tiny, tmp_path, ExportOptions(precision="fp16"))
    assert (artifact.precision, artifact.details["precision"]) == ("fp16", "fp16")
    image = _normalised(_image(1, 32, 40), CONTRACT)
    with on_stand_in(artifact, RunOptions("cuda", "fp16")) as runner:
        found = runner.run({"data": image})
        assert runner.effective.precision == "fp16"
    for name, wanted in _wanted(tiny, image).items():
        distance = np.abs(found[name] - wanted).max() / np.abs(wanted).max()
        assert found[name].dtype == np.float32 and 1e-6 < distance < 3e-3


def test_an_engine_is_built_again_from_its_graph(plain: Artifact, tmp_path: Path) -> None:
    for path in plain.path.parent.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / "tiny.engine"
    path.write_bytes(b"damaged")
    again = rebuild(manifest.described(path), TensorRtOptions(gpus=("8.9",)), lambda doing, part: None)
    assert manifest.read(path) == again
    assert again.details["compute_capabilities"] == ["8.9"]
    assert again.provenance is not None and plain.provenance is not None
    options = {**plain.provenance.options, "library": "tensorrt-rtx", "gpus": "('8.9',)"}
    assert again.provenance == replace(plain.provenance, options=options)
    with on_stand_in(replace(again, details=plain.details)) as runner:
        assert [spec.name for spec in runner.outputs] == [output.name for output in plain.spec.outputs]
    (tmp_path / "tiny.engine.onnx").write_bytes(b"another")
    with pytest.raises(
        ArtifactError, match=r"tiny.engine.onnx: not the ONNX that tiny.engine was built from, by"
    ):
        rebuild(again, TensorRtOptions(), lambda doing, part: None)
    (tmp_path / "tiny.engine.onnx").unlink()
    with pytest.raises(
        ArtifactError, match=r"it was built from, tiny.engine.onnx, is not beside it; put it there"
    ):
        rebuild(again, TensorRtOptions(), lambda doing, part: None)


@pytest.mark.parametrize("graph", ["b.engine.onnx", "tiny.engine.onnx"])
def test_a_renamed_engine_is_built_again_from_its_graph(plain: Artifact, tmp_path: Path, graph: str) -> None:
    names = {"tiny.engine": "b.engine", "tiny.engine.onnx": graph}
    for path in plain.path.parent.iterdir():
        (tmp_path / names.get(path.name, path.name)).write_bytes(path.read_bytes())
    (tmp_path / "c.engine.onnx").write_bytes(b"another")
    again = rebuild(manifest.described(tmp_path / "b.engine"), TensorRtOptions(), lambda doing, part: None)
    assert manifest.read(tmp_path / "b.engine") == again
    assert list(again.files) == ["b.engine"]


@pytest.mark.skipif(version_of("tensorrt") is not None, reason="the missing library is installed")
def test_an_engine_of_a_library_that_is_not_here_is_not_built_again_as_another(plain: Artifact) -> None:
    theirs = replace(plain, details={**plain.details, "library": "tensorrt"})
    with pytest.raises(MissingPackageError, match=r"needs the package tensorrt, .*'posedeploy\[tensorrt\]'"):
        rebuild(theirs, TensorRtOptions(), lambda doing, part: None)


def test_an_engine_made_by_others_cannot_be_built_again() -> None:
    theirs = Artifact(Path("a.engine"), "tensorrt", ModelSpec("x", "", (), ()), "unknown")
    with pytest.raises(
        ArtifactError, match=r"^a\.engine: a third-party engine, without an ONNX file to build"
    ):
        rebuild(theirs, TensorRtOptions(), lambda doing, part: None)


def test_several_inputs_with_free_axes(tmp_path: Path) -> None:
    low, mid, top = ({"joints": (n, 5, 2)} for n in (1, 2, 4))
    (artifact,) = export(two_input_model("batch"), ["tensorrt"], tmp_path, "x", _asked(low, mid, top))
    joints = np.random.RandomState(0).rand(3, 5, 2).astype(np.float32)
    with on_stand_in(artifact) as runner:
        found = runner.run({"joints": joints, "scale": np.ones(1, np.float32)})
    assert np.array_equal(found["joints_again"], joints)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("make", [small_pose2mesh, small_gtrs], ids=["pose2mesh", "gtrs"])
def test_networks_on_joints_become_engines(make: Callable[[], nn.Module], tmp_path: Path) -> None:
    mesh = tmp_path / "faces.npy" if make is small_pose2mesh else None
    model = open_checkpoint(write(make(), tmp_path / "a.pth.tar"), None, mesh)
    _holds(model, 1e-4, ExportOptions(), tmp_path)


@pytest.mark.parametrize("name", CROPS)
def test_networks_of_one_person_become_engines(name: str, tmp_path: Path) -> None:
    model = open_checkpoint(write_crop_network(name, tmp_path / "a.pth"))
    _holds(model, 1e-4, ExportOptions(), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("name", TRAVELLING)
def test_published_networks_that_travel_with_the_tests_become_engines(
    name: str, precision: str, tmp_path: Path
) -> None:
    _published(Case(BUNDLED / name), precision, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("name", sorted(set(PUBLISHED) - set(TRAVELLING) - {"gtrs-human36"}))
def test_published_networks_become_engines(
    name: str, precision: str, reference: Path, tmp_path: Path
) -> None:
    _published(Case(reference / "cases" / name), precision, tmp_path)


@pytest.mark.slow
def test_gtrs_becomes_an_engine_of_half_precision(reference: Path, tmp_path: Path) -> None:
    # Its ONNX export is most of either precision's time, and the float16 graph is made of the float32 one.
    _published(Case(reference / "cases" / "gtrs-human36"), "fp16", tmp_path)


def _published(case: Case, precision: str, folder: Path) -> None:
    mesh = case.write_mesh(folder / "faces.npy")
    model = open_checkpoint(case.write(folder / "a.pth"), mesh=mesh)
    if precision == "fp32":
        _holds(model, 1e-4, ExportOptions(), folder)
    else:
        _holds(model, 1e-2, ExportOptions(precision="fp16"), folder)


def _holds(model: Model, bound: float, asked: ExportOptions, folder: Path) -> None:
    """An engine is built, from a graph that gives what PyTorch gives, as far as the precision goes."""
    artifact = _built(model, folder, asked)
    assert artifact.path.stat().st_size > 0
    stream = np.random.RandomState(0)
    inputs = {
        spec.name: stream.standard_normal([int(length) for length in spec.shape]).astype(np.float32)
        for spec in artifact.spec.inputs
    }
    with on_stand_in(artifact) as runner:
        found = runner.run(inputs)
    with torch.inference_mode():
        results = flat((model.deployed or model.module)(*map(torch.from_numpy, inputs.values())))
    for (name, mine), theirs in zip(found.items(), results, strict=True):
        distance = np.abs(mine - theirs.numpy()).max() / theirs.abs().max().item()
        assert distance < bound, name
