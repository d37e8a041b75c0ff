"""Options and engines that the runner of engines refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx builds the engines")
pytest.importorskip("cuda.bindings", reason="cuda-python runs them")


from posedeploy.cuda import Gpu
from posedeploy.errors import ArtifactError, DeviceError, ManifestError, MissingPackageError
from posedeploy.plugins import version_of
from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.runtimes.tensorrt import TensorRtRunner
from posedeploy.tensorrt.engine import TensorRtEngine
from posedeploy.tensorrt.libraries import identify_library
from posedeploy.types import Artifact, ModelSpec, Precision, RunOptions
from tests.runtimes.engine_cases import ON_GPU, copied, with_details
from tests.runtimes.runner_cases import DAMAGE
from tests.support.stand_ins import StandInCuda, load_on_stand_in
from tests.support.tables import skip_with_gpu


@pytest.mark.parametrize("device", ["cpu", "intel-gpu", "auto"])
def test_devices_other_than_a_gpu_are_refused(engine: Artifact, device: str) -> None:
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


@pytest.mark.parametrize(("built", "precision"), [("fp32", "fp16"), ("fp16", "fp32")])
def test_a_precision_other_than_that_of_the_engine_is_refused(
    engine: Artifact, built: Precision, precision: Precision
) -> None:
    with pytest.raises(
        DeviceError, match=rf"^`precision={precision}`: tiny.engine was built in {built}; use"
    ):
        open_runner(replace(engine, precision=built), RunOptions("cuda", precision))


def test_a_machine_without_a_gpu_is_refused_in_one_sentence(engine: Artifact) -> None:
    skip_with_gpu()
    with pytest.raises(
        DeviceError, match=r"^`device=cuda`: CUDA finds no GPU on this machine \(cudaError\w+\); use a"
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
def test_an_engine_built_elsewhere_is_refused_before_tensorrt_loads_it(
    engine: Artifact, changes: dict[str, Any], said: str, gpu: str
) -> None:
    theirs = with_details(engine, **changes)
    with pytest.raises(ArtifactError) as refusal:
        load_on_stand_in(theirs, ON_GPU)
    wanted = said.format(version=engine.details["version"])
    assert str(refusal.value) == f"{theirs.path}: {wanted}{_rebuild(theirs)}{gpu}"


def test_an_engine_of_the_other_library_names_the_extra(engine: Artifact) -> None:
    theirs = with_details(engine, library="tensorrt", version="10.13.0.35")
    if version_of("tensorrt") is not None:
        pytest.skip("tensorrt is installed")
    with pytest.raises(MissingPackageError, match=r"needs the package tensorrt, .*posedeploy\[tensorrt\]"):
        load_on_stand_in(theirs, ON_GPU)


def test_invalid_build_info_is_refused(engine: Artifact) -> None:
    with pytest.raises(
        ManifestError,
        match=r"are not a TensorRT engine's build info .*; export it again",
    ):
        load_on_stand_in(replace(engine, details={"library": 3}), ON_GPU)


def test_a_changed_file_is_refused_by_its_hash(engine: Artifact, tmp_path: Path) -> None:
    copy = copied(engine, tmp_path)
    content = bytearray(copy.path.read_bytes())
    content[len(content) // 2] ^= 1
    copy.path.write_bytes(content)
    with pytest.raises(ManifestError, match=r"was changed after it was exported"):
        open_artifact(copy.path)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_engine_is_refused_in_one_line(engine: Artifact, tmp_path: Path, damage: str) -> None:
    copy = copied(engine, tmp_path)
    copy.path.write_bytes(DAMAGE[damage](copy.path.read_bytes()))
    with pytest.raises(
        ArtifactError, match=rf"^{copy.path}: tensorrt_rtx .* cannot load it \(.*; rebuild it"
    ) as refusal:
        TensorRtRunner(copy, ON_GPU, StandInCuda, TensorRtEngine)
    assert "\n" not in str(refusal.value)


def test_a_whole_engine_without_a_gpu_is_not_called_damaged(engine: Artifact) -> None:
    skip_with_gpu()
    with pytest.raises(DeviceError, match=r"^`device=cuda`: tensorrt_rtx cannot use this GPU \("):
        TensorRtRunner(engine, ON_GPU, StandInCuda, TensorRtEngine)


def test_the_gpu_is_released_if_opening_fails(engine: Artifact) -> None:
    cuda = StandInCuda(Gpu("an old one", "6.1", "12.0"))
    message = (
        r"an old one has compute capability 6\.1, which tensorrt-rtx \S+ does not support; build it with "
        r"the other library: posedeploy engine rebuild \S+ `trt_library=tensorrt`$"
    )
    with pytest.raises(DeviceError, match=message):
        load_on_stand_in(engine, ON_GPU, cuda)
    assert cuda.closed


def test_a_missing_file_is_refused(engine: Artifact, tmp_path: Path) -> None:
    gone = replace(engine, path=tmp_path / "gone.engine")
    with pytest.raises(ArtifactError, match=rf"^{gone.path}: no such file"):
        load_on_stand_in(gone, ON_GPU)


def test_an_engine_of_a_third_party_has_no_build_info_to_check(engine: Artifact) -> None:
    theirs = Artifact(engine.path, "tensorrt", ModelSpec("unknown", "", (), ()), "unknown")
    with pytest.raises(DeviceError, match=r"^`device=cuda`: "):
        TensorRtRunner(theirs, ON_GPU, StandInCuda, TensorRtEngine)


def _pretend_both_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posedeploy.plugins.version_of", lambda name: "1.0")


def test_a_third_party_engine_is_loaded_by_the_library_in_its_header(
    engine: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    _pretend_both_are_installed(monkeypatch)
    library, api = identify_library(engine.path)
    assert (library.name, api.__name__) == ("tensorrt-rtx", "tensorrt_rtx")


def test_an_engine_of_a_missing_library_is_loaded_by_no_other(tmp_path: Path) -> None:
    if version_of("tensorrt") is not None:
        pytest.skip("tensorrt is installed")
    theirs = tmp_path / "theirs.engine"
    theirs.write_bytes(b"ftrt" + bytes(100))
    with pytest.raises(MissingPackageError, match=r"needs the package tensorrt, .*posedeploy\[tensorrt\]"):
        identify_library(theirs)


@pytest.mark.parametrize("content", [b"", b"vt", b'{"names": 3}vtrt'])
def test_an_unknown_header_is_refused(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "theirs.engine"
    theirs.write_bytes(content)
    if version_of("tensorrt") is None:
        assert identify_library(theirs)[0].name == "tensorrt-rtx", "its own error describes the problem"
    _pretend_both_are_installed(monkeypatch)
    message = (
        r"damaged, or not a TensorRT engine: its first bytes are b.*, expected b'ftrt' \(tensorrt\) or "
        r"b'vtrt' \(tensorrt-rtx\); copy it again, or export the network"
    )
    with pytest.raises(ArtifactError, match=message):
        identify_library(theirs)
