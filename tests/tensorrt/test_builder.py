"""Builds of real engines without a GPU: options, their errors, progress and Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from posedeploy.tensorrt.build_progress import progress_monitor
from posedeploy.tensorrt.builder import build
from tests.support.tables import skip_with_gpu

pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx builds the engines")
pytest.importorskip("cuda.bindings", reason="cuda-python runs them")

from posedeploy import manifest
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions
from posedeploy.errors import (
    DeviceError,
    ExportError,
    MissingPackageError,
    PoseDeployError,
)
from posedeploy.plugins import version_of
from posedeploy.tensorrt.libraries import LIBRARIES
from posedeploy.tensorrt.options import TensorRtOptions
from posedeploy.types import Artifact, Model
from tests.support.engines import build_engine

ROOT = Path(__file__).parents[2]


def test_an_engine_is_built_for_the_named_gpus(tiny: Model, engine: Artifact, tmp_path: Path) -> None:
    options = TensorRtOptions(gpus=("8.6", "8.9", "12.0"))
    artifact = build_engine(tiny, tmp_path, ExportOptions(tensorrt=options))
    assert artifact.details["compute_capabilities"] == ["8.6", "8.9", "12.0"]
    assert artifact.path.read_bytes() != engine.path.read_bytes()


def test_a_build_reports_its_progress(tiny: Model, tmp_path: Path) -> None:
    reports: list[tuple[str, float]] = []
    export(
        tiny, ["tensorrt"], tmp_path, "tiny", on_progress=lambda phase, part: reports.append((phase, part))
    )
    parts = [part for _, part in reports]
    assert len(reports) > 20
    assert parts == sorted(parts) and parts[0] > 0 and parts[-1] <= 1
    assert "Building engine" in {phase for phase, _ in reports}


def test_ctrl_c_ends_a_build_and_keeps_the_old_files(tiny: Model, tmp_path: Path) -> None:
    before = build_engine(tiny, tmp_path)

    def interrupt(phase: str, part: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(tiny, ["tensorrt"], tmp_path, "tiny", on_progress=interrupt)
    assert manifest.read(before.path) == before


@pytest.mark.slow
def test_ctrl_c_from_the_keyboard_ends_a_build_at_its_next_step(tiny: Model, tmp_path: Path) -> None:
    before = build_engine(tiny, tmp_path)
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
    monitor = progress_monitor(api, lambda phase, part: parts.append(part))
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
    ("options", "error", "message"),
    [
        (
            TensorRtOptions(gpus=("9.0",)),
            DeviceError,
            r"^`gpu=sm90`: tensorrt-rtx \S+ builds for sm75, sm80, sm86, sm89, sm120, sm121$",
        ),
        (
            TensorRtOptions(timing_cache=Path("a.cache")),
            ExportError,
            r"^`timing_cache=a\.cache`: tensorrt-rtx does not time kernels during a build; leave the",
        ),
        (
            TensorRtOptions(workspace_mib=1),
            ExportError,
            r"within workspace limit.*; `workspace=1` may be too low$",
        ),
        (
            TensorRtOptions(min_shapes={"": (1, 3, 8, 8)}),
            ExportError,
            r"^`min_shapes`: no input has dynamic axes; pass `dynamic` too, or leave them out$",
        ),
    ],
    ids=["GPU", "timing cache", "workspace", "range"],
)
def test_options_that_cannot_be_followed_are_an_error(
    tiny: Model, tmp_path: Path, options: TensorRtOptions, error: type[PoseDeployError], message: str
) -> None:
    with pytest.raises(error, match=message):
        build_engine(tiny, tmp_path, ExportOptions(tensorrt=options))
    assert not list(tmp_path.iterdir())


def test_a_library_that_needs_a_gpu_is_an_error_without_one(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_with_gpu()
    options = ExportOptions(tensorrt=TensorRtOptions("tensorrt"))
    if version_of("tensorrt") is None:
        with pytest.raises(MissingPackageError, match="needs the package tensorrt,"):
            build_engine(tiny, tmp_path, options)
    monkeypatch.setitem(LIBRARIES, "tensorrt", replace(LIBRARIES["tensorrt"], module="tensorrt_rtx"))
    with pytest.raises(
        DeviceError,
        match=r"no GPU on this machine .*; without one, build with `trt_library=tensorrt-rtx`",
    ):
        build_engine(tiny, tmp_path, options)
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore:.*Timing cache operations are no-ops:DeprecationWarning")
def test_a_timing_cache_is_read_and_written(
    engine: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The installed library has no timing cache but accepts the calls, which are tested."""
    monkeypatch.setitem(
        LIBRARIES, "tensorrt-rtx", replace(LIBRARIES["tensorrt-rtx"], supports_timing_cache=True)
    )
    graph, cache = engine.path.with_name("tiny.engine.onnx"), tmp_path / "new" / "a.cache"
    for _ in range(2):
        build(graph, TensorRtOptions(timing_cache=cache), {}, lambda phase, part: None)
        assert cache.stat().st_size > 0
    cache.unlink()
    cache.mkdir()
    with pytest.raises(ExportError, match=r"^`timing_cache=.*a\.cache`: cannot be read \(Is a directory\)$"):
        build(graph, TensorRtOptions(timing_cache=cache), {}, lambda phase, part: None)
