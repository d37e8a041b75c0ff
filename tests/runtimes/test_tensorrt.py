"""The runner of engines: its contract where a GPU stands in, its refusals, and a GPU if there is one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx builds the engines")
pytest.importorskip("cuda.bindings", reason="cuda-python runs them")

from cuda.bindings import runtime

from posedeploy import manifest
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions
from posedeploy.cuda import Gpu
from posedeploy.cuda import gpu as this_gpu
from posedeploy.errors import ArtifactError, DeviceError, InputError, ManifestError, MissingPackageError
from posedeploy.plugins import version_of
from posedeploy.runtimes.load_runner import open_artifact, open_runner, resolve_spec
from posedeploy.runtimes.tensorrt import TensorRtRunner
from posedeploy.tensorrt.build_info import build_info_of
from posedeploy.tensorrt.engine import TensorRtEngine, numpy_type
from posedeploy.tensorrt.libraries import identify_library
from posedeploy.tensorrt.options import TensorRtOptions
from posedeploy.types import Artifact, Model, ModelSpec, RunOptions
from tests.runtimes.test_runner_sharing import (  # noqa: F401 - the contract, over the fixture below
    test_a_closed_runner_is_refused,
    test_a_forked_process_is_refused_or_served,
    test_a_stream_ends_with_its_runner,
    test_closing_waits_for_runs_and_ends_the_rest,
    test_runners_are_not_copied,
    test_streams_and_runs_may_be_nested,
    test_threads_share_a_runner,
    wanted_outputs,
)
from tests.runtimes.test_runners import (  # noqa: F401 - the contract, over the fixture below
    DAMAGE,
    Opener,
    _close_to,
    test_a_stream_gives_in_order_what_runs_would,
    test_a_stream_may_be_left_early,
    test_a_stream_reads_no_further_ahead_than_it_runs,
    test_arrays_may_be_views_flipped_or_read_only,
    test_closing_twice_does_nothing,
    test_inputs_are_not_changed_and_may_be_reused_at_once,
    test_inputs_that_do_not_fit_are_refused,
    test_it_runs_and_says_what_its_tensors_are,
    test_results_are_the_callers_to_keep_and_to_write_to,
)
from tests.support.networks import outputs_of, tiny_image, two_input_model
from tests.support.stand_ins import StandInCuda, on_stand_in
from tests.support.tables import gpu_here

RANGE = TensorRtOptions(
    min_shapes={"": (1, 3, 16, 16)}, opt_shapes={"": (1, 3, 32, 40)}, max_shapes={"": (2, 3, 32, 64)}
)
ON_GPU = RunOptions("cuda")


@pytest.fixture(scope="session")
def engine(tiny: Model, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The tiny network as an engine; do not change its files."""
    (artifact,) = export(tiny, ["tensorrt"], tmp_path_factory.mktemp("engine"), "tiny")
    return artifact


@pytest.fixture(params=["fixed", "free axes", pytest.param("on a GPU", marks=pytest.mark.gpu)])
def opener(request: pytest.FixtureRequest, tiny: Model, engine: Artifact, tmp_path: Path) -> Iterator[Opener]:
    """What opens the tiny network; also for the tests that come from the other runtimes."""
    artifact = engine
    if request.param == "free axes":
        (artifact,) = export(
            tiny, ["tensorrt"], tmp_path, "free", ExportOptions(dynamic=True, tensorrt=RANGE)
        )
    if request.param == "on a GPU":
        gpu_here()
        info, found = build_info_of(artifact), this_gpu()
        if info is not None and not info.covers(found.capability):
            pytest.skip(f"{info.builder} builds nothing for {found.name} ({found.capability})")
        yield lambda: open_runner(artifact, ON_GPU)
        return
    cudas: list[StandInCuda] = []

    def opened() -> TensorRtRunner:
        cudas.append(StandInCuda())
        return on_stand_in(artifact, ON_GPU, cudas[-1])

    yield opened
    assert all(cuda.closed for cuda in cudas)


def _copied(engine: Artifact, folder: Path) -> Artifact:
    for path in engine.path.parent.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return replace(engine, path=folder / engine.path.name)


def _doctored(engine: Artifact, **changes: Any) -> Artifact:
    return replace(engine, details={**engine.details, **changes})


def test_a_run_is_one_graph_and_one_wait(engine: Artifact) -> None:
    cuda = StandInCuda()
    with on_stand_in(engine, ON_GPU, cuda) as runner:
        before = cuda.calls.waits
        runner.run(tiny_image(0))
        runner.run(tiny_image(1))
        assert (cuda.calls.graphs, cuda.calls.launches, cuda.calls.waits - before) == (1, 2, 2)
        assert runner.runtime_info.details["CUDA graph"] == "yes"


def test_what_was_taken_is_given_back_where_there_is_no_more_memory(
    engine: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda = StandInCuda()
    pins = cuda.calls.cudaMallocHost
    left = iter([True, True, True])  # device and host memory of the input, device memory of an output

    def scarce(size: int) -> tuple[Any, ...]:
        return pins(size) if next(left, False) else (runtime.cudaError_t.cudaErrorMemoryAllocation, None)

    monkeypatch.setattr(cuda.calls, "cudaMallocHost", scarce)
    said = r"^`device=cuda`: CUDA cannot pin \d+ bytes here \(cudaErrorMemoryAllocation\)$"
    with pytest.raises(DeviceError, match=said):
        on_stand_in(engine, ON_GPU, cuda)
    assert cuda.closed


def test_what_is_in_use_is_said(engine: Artifact) -> None:
    with on_stand_in(engine, ON_GPU) as runner:
        info = runner.runtime_info
    assert (info.runtime, info.device, info.precision) == (
        "tensorrt",
        "a stand-in",
        "fp32",
    )
    assert info.threads is None
    assert info.version[0].isdigit()
    assert info.details["library"] == "tensorrt-rtx"
    assert info.details["compute capability"] == "8.6"


def test_where_no_graph_can_be_recorded_it_runs_without_and_says_so(engine: Artifact, tiny: Model) -> None:
    with on_stand_in(engine, ON_GPU, StandInCuda(recordable=False)) as runner:
        assert "cudaErrorStreamCaptureUnsupported" in runner.runtime_info.details["CUDA graph"]
        assert _close_to(runner.run(tiny_image()), outputs_of(tiny, tiny_image()))


def test_free_axes_take_what_the_profile_has_and_no_more(tiny: Model, tmp_path: Path) -> None:
    options = ExportOptions(dynamic=True, tensorrt=RANGE)
    (artifact,) = export(tiny, ["tensorrt"], tmp_path, "free", options)
    with on_stand_in(artifact, ON_GPU) as runner:
        assert runner.runtime_info.details["CUDA graph"] == "no"
        assert runner.ranges == {"data": ((1, 3, 16, 16), (2, 3, 32, 64))}
        for shape in ((1, 3, 32, 40), (2, 3, 16, 64), (1, 3, 16, 16), (2, 3, 32, 64)):
            image = {"data": np.random.RandomState(0).standard_normal(shape).astype(np.float32)}
            assert _close_to(runner.run(image), outputs_of(tiny, image))
        for shape, given in (((3, 3, 32, 40), "3x3x32x40"), ((1, 3, 8, 40), "1x3x8x40")):
            with pytest.raises(InputError, match=rf"data is {given}, expected 1x3x16x16 to 2x3x32x64, as"):
                runner.run({"data": np.zeros(shape, np.float32)})


def test_tensors_come_in_the_manifests_order(engine: Artifact) -> None:
    with on_stand_in(engine, ON_GPU) as runner:
        assert resolve_spec(engine, runner) == engine.spec
        assert list(runner.run(tiny_image())) == [output.name for output in engine.spec.outputs]


def test_several_inputs_of_which_none_is_an_image(tmp_path: Path) -> None:
    model = two_input_model()
    (artifact,) = export(model, ["tensorrt"], tmp_path, "lifter")
    joints = np.random.RandomState(0).rand(1, 5, 2).astype(np.float32)
    with on_stand_in(artifact) as runner:
        found = runner.run({"scale": np.array([3.0], np.float32), "joints": joints})
    assert np.array_equal(found["joints_again"], joints)


@pytest.mark.parametrize("device", ["cpu", "intel-gpu", "auto"])
def test_another_device_than_a_gpu_is_refused(engine: Artifact, device: str) -> None:
    with pytest.raises(
        DeviceError,
        match=rf"^`device={device}`: the TensorRT engine tiny.engine runs on cuda only; use `device=cuda`$",
    ):
        open_runner(engine, RunOptions(device))


def test_threads_are_refused(engine: Artifact) -> None:
    with pytest.raises(
        DeviceError, match="`threads=2`: TensorRT uses a thread count on the CPU only; remove it"
    ):
        open_runner(engine, RunOptions("cuda", threads=2))


def test_another_precision_than_the_engines_is_refused(engine: Artifact) -> None:
    with pytest.raises(DeviceError, match=r"^`precision=fp16`: tiny.engine was built in fp32; use"):
        open_runner(engine, RunOptions("cuda", "fp16"))
    half = replace(engine, precision="fp16")
    with pytest.raises(DeviceError, match=r"^`precision=fp32`: tiny.engine was built in fp16; use"):
        open_runner(half, RunOptions("cuda"))


def test_without_a_gpu_it_is_refused_in_one_sentence(engine: Artifact) -> None:
    gpu_here(wanted=False)
    with pytest.raises(
        DeviceError, match=r"^`device=cuda`: CUDA finds no GPU here \(cudaError\w+\); this needs"
    ):
        open_runner(engine, ON_GPU)


def _rebuild(artifact: Artifact) -> str:
    return f"; rebuild it from its ONNX file: posedeploy engine rebuild {artifact.path}"


@pytest.mark.parametrize(
    ("changes", "said", "gpu"),
    [
        (
            {"version": "1.2.0.54"},
            "built with tensorrt-rtx 1.2.0.54, but tensorrt-rtx {version} is installed, which cannot load it",
            "",
        ),
        (
            {"compute_capabilities": ["8.9", "12.0+"]},
            "built for compute capability 8.9, 12.0+, and a stand-in has 8.6",
            " `gpu=sm86`",
        ),
        (
            {"library": "tensorrt-lean"},
            "built with tensorrt-lean {version}, which is unknown; expected tensorrt or tensorrt-rtx",
            " `trt_library=tensorrt-rtx`",
        ),
    ],
    ids=["version", "GPU", "library"],
)
def test_an_engine_of_elsewhere_is_refused_before_tensorrt_sees_it(
    engine: Artifact, changes: dict[str, Any], said: str, gpu: str
) -> None:
    theirs = _doctored(engine, **changes)
    with pytest.raises(ArtifactError) as refusal:
        on_stand_in(theirs, ON_GPU)
    wanted = said.format(version=engine.details["version"])
    assert str(refusal.value) == f"{theirs.path}: {wanted}{_rebuild(theirs)}{gpu}"


def test_an_engine_of_the_other_library_says_what_to_install(engine: Artifact) -> None:
    theirs = _doctored(engine, library="tensorrt", version="10.13.0.35")
    if version_of("tensorrt") is not None:
        pytest.skip("tensorrt is installed")
    with pytest.raises(MissingPackageError, match=r"needs the package tensorrt, .*posedeploy\[tensorrt\]"):
        on_stand_in(theirs, ON_GPU)


def test_details_that_are_no_build_info_are_refused(engine: Artifact) -> None:
    with pytest.raises(
        ManifestError,
        match=r"are not a TensorRT engine's build info .*; export it again",
    ):
        on_stand_in(replace(engine, details={"library": 3}), ON_GPU)


def test_a_changed_file_is_refused_by_its_hash(engine: Artifact, tmp_path: Path) -> None:
    copy = _copied(engine, tmp_path)
    content = bytearray(copy.path.read_bytes())
    content[len(content) // 2] ^= 1
    copy.path.write_bytes(content)
    with pytest.raises(ManifestError, match=r"was changed after it was exported"):
        open_artifact(copy.path)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_engine_is_refused_by_tensorrt_itself_in_one_line(
    engine: Artifact, tmp_path: Path, damage: str
) -> None:
    copy = _copied(engine, tmp_path)
    copy.path.write_bytes(DAMAGE[damage](copy.path.read_bytes()))
    with pytest.raises(
        ArtifactError, match=rf"^{copy.path}: tensorrt_rtx .* cannot load it \(.*; build it"
    ) as refusal:
        TensorRtRunner(copy, ON_GPU, StandInCuda, TensorRtEngine)
    assert "\n" not in str(refusal.value)


def test_a_whole_engine_without_a_gpu_is_not_called_damaged(engine: Artifact) -> None:
    gpu_here(wanted=False)
    with pytest.raises(DeviceError, match=r"^`device=cuda`: tensorrt_rtx cannot use this GPU \("):
        TensorRtRunner(engine, ON_GPU, StandInCuda, TensorRtEngine)


def test_the_gpu_is_let_go_where_opening_fails(engine: Artifact) -> None:
    cuda = StandInCuda(Gpu("an old one", "6.1", "12.0"))
    said = (
        r"an old one has compute capability 6\.1, which tensorrt-rtx \S+ does not support; build it with "
        r"the other library: posedeploy engine rebuild \S+ `trt_library=tensorrt`$"
    )
    with pytest.raises(DeviceError, match=said):
        on_stand_in(engine, ON_GPU, cuda)
    assert cuda.closed


def test_a_file_that_is_gone_is_refused(engine: Artifact, tmp_path: Path) -> None:
    gone = replace(engine, path=tmp_path / "gone.engine")
    with pytest.raises(ArtifactError, match=rf"^{gone.path}: no such file"):
        on_stand_in(gone, ON_GPU)


def test_an_engine_of_a_third_party_has_no_build_info_to_check(engine: Artifact) -> None:
    theirs = Artifact(engine.path, "tensorrt", ModelSpec("unknown", "", (), ()), "unknown")
    with pytest.raises(DeviceError, match=r"^`device=cuda`: "):
        TensorRtRunner(theirs, ON_GPU, StandInCuda, TensorRtEngine)


def _both_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posedeploy.plugins.version_of", lambda name: "1.0")


def test_an_engine_made_by_others_goes_to_the_library_that_its_bytes_name(
    engine: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    _both_installed(monkeypatch)
    library, api = identify_library(engine.path)
    assert (library.name, api.__name__) == ("tensorrt-rtx", "tensorrt_rtx")


def test_an_engine_of_a_library_that_is_missing_goes_to_no_other(tmp_path: Path) -> None:
    if version_of("tensorrt") is not None:
        pytest.skip("tensorrt is installed")
    theirs = tmp_path / "theirs.engine"
    theirs.write_bytes(b"ftrt" + bytes(100))
    with pytest.raises(MissingPackageError, match=r"needs the package tensorrt, .*posedeploy\[tensorrt\]"):
        identify_library(theirs)


@pytest.mark.parametrize("content", [b"", b"vt", b'{"names": 3}vtrt'])
def test_bytes_that_name_no_library_are_not_guessed_at(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "theirs.engine"
    theirs.write_bytes(content)
    if version_of("tensorrt") is None:
        assert identify_library(theirs)[0].name == "tensorrt-rtx", "the only one, and it says what is wrong"
    _both_installed(monkeypatch)
    said = (
        r"it begins with b.*, and engines of tensorrt with b'ftrt', tensorrt-rtx with b'vtrt': it is damaged"
    )
    with pytest.raises(ArtifactError, match=said):
        identify_library(theirs)


def test_a_tensor_of_a_type_that_numpy_lacks_is_refused(engine: Artifact) -> None:
    api = pytest.importorskip("tensorrt_rtx")
    names = {
        dtype.name: numpy_type(api, dtype, "x", engine) for dtype in (api.float32, api.float16, api.int64)
    }
    assert names == {"FLOAT": "float32", "HALF": "float16", "INT64": "int64"}
    with pytest.raises(
        ArtifactError, match=r"tiny\.engine: its tensor x is BF16, which NumPy has no type for"
    ):
        numpy_type(api, api.bfloat16, "x", engine)


def test_the_manifest_gives_the_build_info_back(engine: Artifact) -> None:
    assert manifest.read(engine.path) == engine
