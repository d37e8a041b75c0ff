"""The contract of a runner, the same for every row of the table; then what is one runtime's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np
import openvino
import psutil
import pytest
import torch
from torch import Tensor, nn

from posedeploy import plugins
from posedeploy.backends import RUNTIMES
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions
from posedeploy.errors import ArtifactError, DeviceError, InputError
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.runtimes.onnxruntime import load_error
from posedeploy.runtimes.run_options import physical_cores
from posedeploy.types import Artifact, Model, ModelSpec, Precision, RunOptions, Tensors, TensorSpec
from tests.support.networks import outputs_of, tiny_image
from tests.support.tables import ON_CPU

PYTORCH = "pytorch"
PAIRS = [(PYTORCH, PYTORCH), *((t.name, runtime) for t in ON_CPU.values() for runtime in t.runtimes)]
ARTIFACT_PAIRS = PAIRS[1:]
Opener = Callable[..., Runner]


def _opener(target: str, runtime: str, model: Model, artifacts: dict[str, Artifact]) -> Opener:
    def opened(options: RunOptions = RunOptions(threads=1)) -> Runner:  # noqa: B008 - frozen
        if target == PYTORCH:
            runner: Runner = plugins.load(RUNTIMES[PYTORCH].runner)(model, options)
            return runner
        return open_runner(artifacts[target], options, runtime)

    return opened


@pytest.fixture(params=PAIRS, ids="-on-".join)
def opener(request: pytest.FixtureRequest, tiny: Model, exported: dict[str, Artifact]) -> Iterator[Opener]:
    """What opens the tiny network, as each target, on each runtime that runs it."""
    threads = torch.get_num_threads()
    target, runtime = request.param
    yield _opener(target, runtime, tiny, exported)
    torch.set_num_threads(threads)  # torch's are the whole process's


def _close_to(found: Tensors, wanted: Tensors) -> bool:
    return list(found) == list(wanted) and all(
        np.abs(found[name] - wanted[name]).max() < 1e-5 * np.abs(wanted[name]).max() for name in wanted
    )


def test_it_runs_and_says_what_its_tensors_are(opener: Opener, tiny: Model) -> None:
    with opener() as runner:
        found = runner.run(tiny_image())
        assert _close_to(found, outputs_of(tiny, tiny_image()))
        assert [spec.name for spec in runner.inputs] == ["data"]
        assert runner.inputs[0].accepts((1, 3, 32, 40))
        for spec in runner.outputs:
            assert spec.accepts(found[spec.name].shape)
            assert found[spec.name].dtype == spec.dtype == "float32"


def test_results_are_the_callers_to_keep_and_to_write_to(opener: Opener, tiny: Model) -> None:
    with opener() as runner:
        first = runner.run(tiny_image(0))
        kept = {name: array.copy() for name, array in first.items()}
        second = runner.run(tiny_image(1))
        assert all(np.array_equal(first[name], kept[name]) for name in kept)
        for array in second.values():
            array[:] = -1
        assert _close_to(runner.run(tiny_image(1)), outputs_of(tiny, tiny_image(1)))
    assert all(np.array_equal(first[name], kept[name]) for name in kept)


def test_inputs_are_not_changed_and_may_be_reused_at_once(opener: Opener, tiny: Model) -> None:
    with opener() as runner:
        tensors = tiny_image()
        runner.run(tensors)
        assert np.array_equal(tensors["data"], tiny_image()["data"])
        tensors["data"][:] = tiny_image(1)["data"]
        assert _close_to(runner.run(tensors), outputs_of(tiny, tiny_image(1)))


def test_arrays_may_be_views_flipped_or_read_only(opener: Opener, tiny: Model) -> None:
    flipped = tiny_image()["data"][..., ::-1]
    read_only = tiny_image()["data"]
    read_only.flags.writeable = False
    channels_last = np.ascontiguousarray(tiny_image()["data"].transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    with opener() as runner:
        for array in (flipped, read_only, channels_last):
            assert _close_to(runner.run({"data": array}), outputs_of(tiny, {"data": array}))


@pytest.mark.parametrize(
    ("tensors", "got"),
    [
        ({}, "none"),
        ({"image": tiny_image()["data"]}, "image float32 1x3x32x40"),
        ({**tiny_image(), "more": np.zeros(1)}, "data float32 1x3x32x40, more float64 1"),
        ({"data": tiny_image()["data"].astype(np.float64)}, "data float64 1x3x32x40"),
        ({"data": tiny_image()["data"][0]}, "data float32 3x32x40"),
        ({"data": np.zeros((1, 4, 32, 40), np.float32)}, "data float32 1x4x32x40"),
        ({"data": tiny_image()["data"].astype(">f4")}, "data float32 in the other byte order 1x3x32x40"),
        ({"data": [1.0]}, "data of type list"),
        (None, "a value of type NoneType"),
    ],
    ids=["missing", "misnamed", "extra", "dtype", "rank", "channels", "byte order", "list", "no tensors"],
)
def test_inputs_that_do_not_fit_are_refused(opener: Opener, tensors: Tensors, got: str) -> None:
    with opener() as runner:
        for attempt in (runner.run, lambda batch: next(runner.stream([batch]))):
            with pytest.raises(
                InputError, match=f"do not fit the network: found {got}; expected data float32 .*x3x"
            ):
                attempt(tensors)


@pytest.mark.parametrize("threads", sorted({1, physical_cores()}))
def test_what_is_in_use_is_what_was_asked(opener: Opener, threads: int) -> None:
    with opener(RunOptions(threads=threads)) as runner:
        assert runner.runtime_info.threads == threads
        assert runner.runtime_info.precision == "fp32"
        assert runner.runtime_info.device == "CPU"
        assert RUNTIMES[runner.runtime_info.runtime]
        assert runner.runtime_info.version[0].isdigit()


def test_left_alone_it_uses_the_physical_cores(opener: Opener) -> None:
    with opener(RunOptions()) as runner:
        assert runner.runtime_info.threads == physical_cores() <= (psutil.cpu_count() or 1)


@pytest.mark.parametrize("threads", [0, -2])
def test_no_threads_at_all_are_refused(opener: Opener, threads: int) -> None:
    with pytest.raises(DeviceError, match=f"`threads={threads}`: expected a thread count of at least 1"):
        opener(RunOptions(threads=threads))


def test_the_throughput_hint_runs_too(opener: Opener, tiny: Model) -> None:
    with opener(RunOptions(threads=1, hint="throughput")) as runner:
        assert _close_to(runner.run(tiny_image()), outputs_of(tiny, tiny_image()))


@pytest.mark.parametrize("device", ["tpu", "GPU", "cuda.1", ""])
def test_a_device_that_does_not_exist_is_refused(opener: Opener, device: str) -> None:
    with pytest.raises(
        DeviceError, match=rf"^`device={device}`: unknown device; expected cpu, cuda, intel-gpu, npu, auto$"
    ):
        opener(RunOptions(device=device))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_is_refused_where_there_is_none(opener: Opener) -> None:
    with pytest.raises(DeviceError, match=r"^`device=cuda`: "):
        opener(RunOptions(device="cuda"))


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_another_precision_is_given_or_refused_but_never_swapped(
    opener: Opener, precision: Precision
) -> None:
    try:
        runner = opener(RunOptions(threads=1, precision=precision))
    except DeviceError as error:
        assert str(error).startswith(f"`precision={precision}`: ")
    else:
        with runner:
            assert runner.runtime_info.precision == precision


def test_a_precision_that_does_not_exist_is_refused(opener: Opener) -> None:
    with pytest.raises(DeviceError, match=r"^`precision=f8`: "):
        opener(RunOptions(precision=cast("Precision", "f8")))


def test_a_precision_left_to_the_runtime_is_said(opener: Opener) -> None:
    with opener(RunOptions(threads=1, precision="auto")) as runner:
        assert runner.runtime_info.precision in ("fp32", "fp16", "bf16")
        runner.run(tiny_image())


def test_closing_twice_does_nothing(opener: Opener) -> None:
    runner = opener()
    with runner as same:
        assert same is runner
    runner.close()


@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_stream_gives_in_order_what_runs_would(opener: Opener, tiny: Model, count: int) -> None:
    with opener() as runner:
        results = list(runner.stream(tiny_image(seed) for seed in range(count)))
    assert len(results) == count
    assert all(_close_to(result, outputs_of(tiny, tiny_image(seed))) for seed, result in enumerate(results))


def test_a_stream_reads_no_further_ahead_than_it_runs(opener: Opener) -> None:
    drawn = []

    def images() -> Iterator[Tensors]:
        for seed in range(50):
            drawn.append(seed)
            yield tiny_image(seed)

    with opener() as runner:
        stream = runner.stream(images())
        next(stream)
    assert len(drawn) <= 8


def test_a_stream_may_be_left_early(opener: Opener, tiny: Model) -> None:
    with opener() as runner:
        for _ in runner.stream(tiny_image(seed) for seed in range(5)):
            break
        assert _close_to(runner.run(tiny_image(3)), outputs_of(tiny, tiny_image(3)))


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "random": lambda content: np.random.RandomState(0).bytes(2000),
    "text": lambda content: b"<html>404 Not Found</html>\n" * 20,
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(("target", "runtime"), ARTIFACT_PAIRS, ids=map("-on-".join, ARTIFACT_PAIRS))
def test_a_damaged_file_is_refused_in_one_line(
    exported: dict[str, Artifact], tmp_path: Path, target: str, runtime: str, damage: str
) -> None:
    whole = exported[target]
    for name in whole.files:
        (tmp_path / name).write_bytes(whole.path.with_name(name).read_bytes())
    broken = tmp_path / whole.path.name
    broken.write_bytes(DAMAGE[damage](broken.read_bytes()))
    with pytest.raises(ArtifactError, match=rf"^{broken}: ") as load_error:
        open_runner(Artifact(broken, target, whole.spec, "fp32"), RunOptions(), runtime)
    assert "\n" not in str(load_error.value)


@pytest.mark.parametrize("size", [0, 500])
def test_weights_that_are_cut_short_are_refused(
    exported: dict[str, Artifact], tmp_path: Path, size: int
) -> None:
    whole = exported["openvino"]
    (tmp_path / "tiny.xml").write_bytes(whole.path.read_bytes())
    (tmp_path / "tiny.bin").write_bytes(whole.path.with_suffix(".bin").read_bytes()[:size])
    with pytest.raises(ArtifactError, match="OpenVINO cannot read it"):
        open_runner(Artifact(tmp_path / "tiny.xml", "openvino", whole.spec, "fp32"), RunOptions())


@pytest.mark.parametrize(("target", "runtime"), ARTIFACT_PAIRS, ids=map("-on-".join, ARTIFACT_PAIRS))
def test_a_file_that_is_gone_is_refused(tiny: Model, tmp_path: Path, target: str, runtime: str) -> None:
    path = tmp_path / f"gone{ON_CPU[target].suffix}"
    with pytest.raises(ArtifactError, match=rf"^{path}: "):
        open_runner(Artifact(path, target, tiny.spec, "fp32"), RunOptions(), runtime)


class Echo(nn.Module):
    """Gives back its own input and a weight of its own: what a careless runner would hand out by
    reference."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(2, 2))

    weight: Tensor

    def forward(self, data: Tensor) -> tuple[Tensor, Tensor]:
        return data, self.weight


def test_a_network_that_gives_back_its_input_or_a_weight_gives_copies() -> None:
    outputs = (TensorSpec("same", (1, 3)), TensorSpec("weight", (2, 2)))
    model = Model(Echo().eval(), ModelSpec("x", "", (TensorSpec("data", (1, 3)),), outputs), None, "")
    data = np.ones((1, 3), np.float32)
    with plugins.load(RUNTIMES[PYTORCH].runner)(model, RunOptions(threads=torch.get_num_threads())) as runner:
        first = runner.run({"data": data})
        first["same"][:] = 5
        first["weight"][:] = 5
        assert (data == 1).all()
        assert (runner.run({"data": data})["weight"] == 1).all()


def test_a_free_axis_takes_any_length(tiny: Model, tmp_path: Path) -> None:
    for artifact in export(tiny, ON_CPU, tmp_path, "free", ExportOptions(dynamic=True)):
        for runtime in ON_CPU[artifact.target].runtimes:
            with open_runner(artifact, RunOptions(), runtime) as runner:
                for shape in ((1, 3, 32, 40), (2, 3, 16, 24)):
                    image = {"data": np.random.RandomState(0).standard_normal(shape).astype(np.float32)}
                    assert _close_to(runner.run(image), outputs_of(tiny, image))


def test_torchscript_made_by_others_wants_its_names(exported: dict[str, Artifact]) -> None:
    nameless = Artifact(
        exported["torchscript"].path, "torchscript", ModelSpec("unknown", "", (), ()), "unknown"
    )
    with pytest.raises(
        ArtifactError,
        match=r"TorchScript has no tensor names, .* describe its inputs and outputs with `contract`",
    ):
        open_runner(nameless, RunOptions())


def test_openvino_runs_on_auto_and_says_on_what(exported: dict[str, Artifact], tiny: Model) -> None:
    with open_runner(exported["openvino"], RunOptions(device="AUTO")) as runner:
        assert "CPU" in runner.runtime_info.device or set(openvino.Core().available_devices) != {"CPU"}
        assert _close_to(runner.run(tiny_image()), outputs_of(tiny, tiny_image()))


def test_a_network_of_open_model_zoo_runs_under_its_own_names(real: Path) -> None:
    path = real / "human-pose-estimation-0001.xml"
    with open_runner(
        Artifact(path, "openvino", ModelSpec("unknown", "", (), ()), "unknown"), RunOptions()
    ) as runner:
        assert runner.inputs == (TensorSpec("data", (1, 3, 256, 456)),)
        assert {spec.name: spec.shape for spec in runner.outputs} == {
            "Mconv7_stage2_L1": (1, 38, 32, 57),
            "Mconv7_stage2_L2": (1, 19, 32, 57),
        }


def test_a_quantized_network_is_run_in_what_its_file_says_and_that_is_told(real: Path) -> None:
    artifact = Artifact(
        real / "human-pose-estimation-0001.xml", "openvino", ModelSpec("unknown", "", (), ()), "unknown"
    )
    with open_runner(artifact, RunOptions(precision="fp32")) as runner:
        assert runner.runtime_info.precision == "int8"


def test_onnx_runtime_does_not_guess_the_precision_of_a_file_made_by_others(
    exported: dict[str, Artifact],
) -> None:
    theirs = Artifact(exported["onnx"].path, "onnx", ModelSpec("unknown", "", (), ()), "unknown")
    with open_runner(theirs, RunOptions(hint="throughput")) as runner:
        assert runner.runtime_info.precision == "as in the file"
        assert runner.runtime_info.details["hint"] == "throughput"


@pytest.mark.parametrize(
    "runtime", [name for name, row in RUNTIMES.items() if {"cpu", "cuda"} <= set(row.devices)]
)
def test_threads_for_another_device_than_the_cpu_are_refused(
    tiny: Model, exported: dict[str, Artifact], runtime: str
) -> None:
    target = next((target for target, name in ARTIFACT_PAIRS if name == runtime), PYTORCH)
    opened = _opener(target, runtime, tiny, exported)
    with pytest.raises(
        DeviceError, match=r"^`threads=2`: .* uses a thread count on the CPU only; remove it$"
    ):
        opened(RunOptions(device="cuda", threads=2))


def test_an_operator_that_the_device_does_not_have_is_refused_with_what_to_do(
    exported: dict[str, Artifact],
) -> None:
    text = (
        "nodes that are assigned to the default CPU EP, but fallback to CPU EP has been explicitly disabled"
    )
    error = load_error(exported["onnx"], "cuda", RuntimeError(text))
    assert isinstance(error, DeviceError)
    assert str(error).startswith("`device=cuda`: ") and str(error).endswith("use `device=cpu`")


@pytest.mark.parametrize(
    ("quota", "most"), [("max 100000", 10**6), ("150000 100000", 1), ("10000 100000", 1)]
)
def test_cores_are_no_more_than_the_quota_of_the_container(tmp_path: Path, quota: str, most: int) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert physical_cores(tmp_path / "cpu.max") == min(most, physical_cores(tmp_path / "none"))
