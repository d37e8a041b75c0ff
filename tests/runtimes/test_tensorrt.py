"""The runner of engines: its contract with a stand-in for the GPU, and on a GPU if there is one."""

from __future__ import annotations

from collections.abc import Iterator
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
from posedeploy.cuda import gpu as this_gpu
from posedeploy.errors import ArtifactError, DeviceError, InputError
from posedeploy.runtimes.load_runner import open_runner, resolve_spec
from posedeploy.runtimes.tensorrt import TensorRtRunner
from posedeploy.tensorrt.build_info import build_info_of
from posedeploy.tensorrt.engine import numpy_type
from posedeploy.tensorrt.options import TensorRtOptions
from posedeploy.types import Artifact, Model
from tests.runtimes.engine_cases import ON_GPU
from tests.runtimes.runner_cases import Opener, close_to
from tests.runtimes.test_runner_sharing import (  # noqa: F401 - the contract, over the fixture below
    test_a_closed_runner_is_refused,
    test_a_forked_process_is_refused_or_runs,
    test_a_runner_cannot_be_copied,
    test_a_stream_ends_with_its_runner,
    test_closing_waits_for_the_current_run,
    test_streams_and_runs_may_be_nested,
    test_threads_share_a_runner,
)
from tests.runtimes.test_runners import (  # noqa: F401 - the contract, over the fixture below
    test_a_runner_runs_and_describes_its_tensors,
    test_a_stream_gives_the_outputs_of_runs_in_order,
    test_a_stream_may_be_left_early,
    test_a_stream_reads_few_inputs_ahead,
    test_arrays_may_be_views_flipped_or_read_only,
    test_closing_twice_does_nothing,
    test_inputs_are_unchanged_and_may_be_reused,
    test_inputs_that_do_not_fit_are_refused,
    test_outputs_belong_to_the_caller,
)
from tests.support.networks import outputs_of, tiny_image, two_input_model
from tests.support.stand_ins import StandInCuda, load_on_stand_in
from tests.support.tables import skip_without_gpu

RANGE = TensorRtOptions(
    min_shapes={"": (1, 3, 16, 16)}, opt_shapes={"": (1, 3, 32, 40)}, max_shapes={"": (2, 3, 32, 64)}
)


@pytest.fixture(scope="module")
def free(tiny: Model, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """Return the tiny network as an engine with dynamic axes."""
    options = ExportOptions(dynamic=True, tensorrt=RANGE)
    (artifact,) = export(tiny, ["tensorrt"], tmp_path_factory.mktemp("free"), "free", options)
    return artifact


@pytest.fixture(params=["fixed", "dynamic axes", pytest.param("on a GPU", marks=pytest.mark.gpu)])
def opener(request: pytest.FixtureRequest, engine: Artifact, free: Artifact) -> Iterator[Opener]:
    """Return a function that opens the tiny network; the shared tests of runners use it too."""
    artifact = free if request.param == "dynamic axes" else engine
    if request.param == "on a GPU":
        skip_without_gpu()
        info, found = build_info_of(artifact), this_gpu()
        if info is not None and not info.covers(found.capability):
            pytest.skip(f"{info.builder} builds nothing for {found.name} ({found.capability})")
        yield lambda: open_runner(artifact, ON_GPU)
        return
    cudas: list[StandInCuda] = []

    def opened() -> TensorRtRunner:
        cudas.append(StandInCuda())
        return load_on_stand_in(artifact, ON_GPU, cudas[-1])

    yield opened
    assert all(cuda.closed for cuda in cudas)


def test_a_run_is_one_graph_and_one_wait(engine: Artifact) -> None:
    cuda = StandInCuda()
    with load_on_stand_in(engine, ON_GPU, cuda) as runner:
        before = cuda.calls.waits
        runner.run(tiny_image(0))
        runner.run(tiny_image(1))
        assert (cuda.calls.graphs, cuda.calls.launches, cuda.calls.waits - before) == (1, 2, 2)
        assert runner.runtime_info.details["CUDA graph"] == "yes"


def test_memory_is_released_if_there_is_not_enough(engine: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = StandInCuda()
    pins = cuda.calls.cudaMallocHost
    left = iter([True, True, True])  # device and host memory of the input, device memory of an output

    def scarce(size: int) -> tuple[Any, ...]:
        return pins(size) if next(left, False) else (runtime.cudaError_t.cudaErrorMemoryAllocation, None)

    monkeypatch.setattr(cuda.calls, "cudaMallocHost", scarce)
    message = r"^`device=cuda`: CUDA cannot pin \d+ bytes on this machine \(cudaErrorMemoryAllocation\)$"
    with pytest.raises(DeviceError, match=message):
        load_on_stand_in(engine, ON_GPU, cuda)
    assert cuda.closed


def test_the_runtime_info_is_that_of_the_engine(engine: Artifact) -> None:
    with load_on_stand_in(engine, ON_GPU) as runner:
        info = runner.runtime_info
    assert (info.runtime, info.device, info.precision) == (
        "tensorrt",
        "a stand-in",
        "fp32",
    )
    assert info.threads is None
    assert info.version[0].isdigit()
    assert info.details["library"] == "tensorrt-rtx"
    assert info.layers == "convolutions: 6 fp32"
    assert info.details["compute capability"] == "8.6"


def test_a_graph_that_cannot_be_recorded_is_reported(engine: Artifact, tiny: Model) -> None:
    with load_on_stand_in(engine, ON_GPU, StandInCuda(supports_capture=False)) as runner:
        assert "cudaErrorStreamCaptureUnsupported" in runner.runtime_info.details["CUDA graph"]
        assert close_to(runner.run(tiny_image()), outputs_of(tiny, tiny_image()))


@pytest.mark.parametrize("shape", [(1, 3, 32, 40), (2, 3, 16, 64), (1, 3, 16, 16), (2, 3, 32, 64)])
def test_dynamic_axes_take_any_size_in_the_profile(
    free: Artifact, tiny: Model, shape: tuple[int, ...]
) -> None:
    with load_on_stand_in(free, ON_GPU) as runner:
        assert runner.runtime_info.details["CUDA graph"] == "no"
        assert runner.ranges == {"data": ((1, 3, 16, 16), (2, 3, 32, 64))}
        runner.run(tiny_image())
        image = {"data": np.random.RandomState(0).standard_normal(shape).astype(np.float32)}
        assert close_to(runner.run(image), outputs_of(tiny, image))


@pytest.mark.parametrize(("shape", "shown"), [((3, 3, 32, 40), "3x3x32x40"), ((1, 3, 8, 40), "1x3x8x40")])
def test_a_size_outside_the_profile_is_refused(free: Artifact, shape: tuple[int, ...], shown: str) -> None:
    with (
        load_on_stand_in(free, ON_GPU) as runner,
        pytest.raises(
            InputError, match=rf"data is {shown}, and the engine was built for 1x3x16x16 to 2x3x32x64;"
        ),
    ):
        runner.run({"data": np.zeros(shape, np.float32)})


def test_tensors_are_in_the_order_of_the_manifest(engine: Artifact) -> None:
    with load_on_stand_in(engine, ON_GPU) as runner:
        assert resolve_spec(engine, runner) == engine.spec
        assert list(runner.run(tiny_image())) == [output.name for output in engine.spec.outputs]


def test_several_inputs_without_an_image(tmp_path: Path) -> None:
    model = two_input_model()
    (artifact,) = export(model, ["tensorrt"], tmp_path, "lifter")
    joints = np.random.RandomState(0).rand(1, 5, 2).astype(np.float32)
    with load_on_stand_in(artifact) as runner:
        found = runner.run({"scale": np.array([3.0], np.float32), "joints": joints})
    assert np.array_equal(found["joints_again"], joints)


def test_a_type_that_numpy_lacks_is_refused(engine: Artifact) -> None:
    api = pytest.importorskip("tensorrt_rtx")
    names = {
        dtype.name: numpy_type(api, dtype, "x", engine) for dtype in (api.float32, api.float16, api.int64)
    }
    assert names == {"FLOAT": "float32", "HALF": "float16", "INT64": "int64"}
    with pytest.raises(
        ArtifactError, match=r"tiny\.engine: its tensor x is BF16, which NumPy has no type for"
    ):
        numpy_type(api, api.bfloat16, "x", engine)


def test_the_build_info_is_read_from_the_manifest(engine: Artifact) -> None:
    assert manifest.read(engine.path) == engine
