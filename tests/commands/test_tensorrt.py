"""Commands on engines on a machine without a GPU."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from posedeploy.console.tensorrt_options import EngineFlags, parse_engine_flags, parse_gpus
from posedeploy.errors import InputError
from posedeploy.tensorrt.options import TensorRtOptions
from tests.commands.conftest import Invoke, lines_wider_than, words
from tests.support.tables import skip_with_gpu


def test_flags_become_options() -> None:
    flags = EngineFlags(
        "tensorrt-rtx",
        "sm86,8.9,sm120,SM_86",
        "1x3x256x256",
        "joints:1x17x2,scale:1",
        workspace=512,
        wrap="torch2trt",
    )
    assert parse_engine_flags(flags) == TensorRtOptions(
        "tensorrt-rtx",
        ("8.6", "8.9", "12.0"),
        {"": (1, 3, 256, 256)},
        {"joints": (1, 17, 2), "scale": (1,)},
        workspace_mib=512,
        wrap="torch2trt",
    )
    assert parse_engine_flags(EngineFlags()) == TensorRtOptions()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (EngineFlags(gpu="ampere"), "--gpu ampere: expected compute capabilities, such as sm86,sm120"),
        (EngineFlags(gpu="sm86,"), "--gpu sm86,: expected compute capabilities, such as sm86,sm120"),
        (
            EngineFlags(min_shapes="1x3xHx8"),
            "--min-shapes 1x3xHx8: expected a shape, such as 1x3x256x256, or NAME:SHAPE",
        ),
        (EngineFlags(opt_shapes=""), "--opt-shapes : expected a shape"),
        (EngineFlags(max_shapes="a:1x2,a:1x3"), "--max-shapes a:1x2,a:1x3: expected a shape"),
        (EngineFlags(workspace=0), "--workspace 0: expected 1 to"),
        (EngineFlags(wrap="tensorrt"), "--wrap tensorrt: expected torch2trt"),
    ],
)
def test_invalid_flags_are_refused(flags: EngineFlags, said: str) -> None:
    with pytest.raises(InputError) as refusal:
        parse_engine_flags(flags)
    assert str(refusal.value).startswith(said)


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--trt-library", "tensorrt"),
        ("--gpu", "sm86"),
        ("--min-shapes", "1x3x8x8"),
        ("--opt-shapes", "1x3x8x8"),
        ("--max-shapes", "1x3x8x8"),
        ("--timing-cache", "x"),
        ("--workspace", "1"),
        ("--wrap", "torch2trt"),
    ],
)
def test_a_flag_without_an_engine_is_refused(refused: Callable[..., str], flag: str, value: str) -> None:
    message = refused("export", "--to", "onnx", flag, value)
    assert message == f"error: {flag} {value}: only for tensorrt; leave it out, or add --to tensorrt"


def test_gpus_keep_their_order() -> None:
    assert parse_gpus("12.0,sm75") == ("12.0", "7.5")
    assert parse_gpus(None) == ()


@pytest.fixture(scope="module")
def made(own: Path, network: tuple[str, str], done: Invoke, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the network as an engine and as ONNX; do not change its files."""
    pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx builds the engines")
    pytest.importorskip("cuda.bindings", reason="cuda-python runs them")
    skip_with_gpu()
    out = tmp_path_factory.mktemp("engines")
    flags = ("--gpu", "sm86,sm89", "--wrap", "torch2trt")
    result = done(
        "export", own / "human.pth", "--to", "tensorrt", "--to", "onnx", *flags, "-o", out, *network
    )
    (out / "said").write_text(result.stderr)
    return out


def test_written_files_are_reported(made: Path) -> None:
    message = (made / "said").read_text()
    assert (
        "for compute capability 8.6, 8.9\nwrote human.engine.onnx, for `posedeploy engine rebuild`\n"
        in message
    )
    assert f"wrote {made / 'human-trt.pth'} for torch2trt's TRTModule\n" in message
    assert "torch2trt imports tensorrt, but this engine needs tensorrt-rtx;" in message
    document = json.loads((made / "human.engine.posedeploy.json").read_text())
    assert document["details"]["compute_capabilities"] == ["8.6", "8.9"]
    assert document["details"]["wrapped"] == "human-trt.pth"


def test_an_engine_is_shown_without_a_gpu(made: Path, done: Invoke) -> None:
    result = done("inspect", made / "human.engine")
    shown = words(result.stdout)
    for fact in (
        "library tensorrt-rtx",
        "compute_capabilities 8.6, 8.9",
        "precision fp32",
        "target tensorrt",
    ):
        assert fact in shown
    assert not lines_wider_than(80, result.stdout.partition("\n")[2])


def test_a_missing_gpu_is_reported_in_one_sentence(
    made: Path, refused: Callable[..., str], network: tuple[str, str]
) -> None:
    path = made / "human.engine"
    Path("people.npy").touch()
    for arguments in (("bench", path, "--device", "cuda"), ("parity", path, "--device", "cuda", *network)):
        assert "--device cuda: CUDA finds no GPU on this machine" in refused(*arguments)
        message = refused(*arguments[:2], *arguments[4:])
        assert "the TensorRT engine human.engine runs on cuda only; use --device cuda" in message


def test_parity_compares_the_other_artifacts(made: Path, invoke: Invoke, network: tuple[str, str]) -> None:
    result = invoke("parity", made / "human.engine", made / "human.onnx", *network)
    assert result.exit_code == 1, "nothing is proven of the engine"
    (error,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert "the TensorRT engine human.engine runs on cuda only" in error
    assert "human.onnx" in result.stdout


def test_bench_of_a_folder_times_the_other_artifacts(
    made: Path, done: Invoke, network: tuple[str, str]
) -> None:
    Path("artifacts").mkdir()
    for path in made.glob("human*"):
        (Path("artifacts") / path.name).symlink_to(path)
    result = done("bench", "--runs", 1, *network)
    assert "warning: artifacts/human.engine: left out; tensorrt runs on cuda, not cpu" in result.stderr
    assert "human.onnx" in result.stdout and "human.engine" not in result.stdout


def test_an_engine_is_rebuilt(made: Path, done: Invoke, refused: Callable[..., str]) -> None:
    for path in made.glob("human*"):
        Path(path.name).write_bytes(path.read_bytes())
    result = done("engine", "rebuild", "human.engine", "--gpu", "sm120")
    assert "built with tensorrt-rtx" in result.stderr and "for compute capability 12.0" in result.stderr
    assert "human-trt.pth still contains the old engine" in words(result.stderr)
    assert json.loads(Path("human.engine.posedeploy.json").read_text())["details"][
        "compute_capabilities"
    ] == ["12.0"]
    again = done("engine", "rebuild", "human.engine")
    assert "for compute capability 12.0\n" in again.stderr, "for the GPUs that it was built for"
    assert "human.onnx: a file of onnx, not a TensorRT engine" in refused("engine", "rebuild", "human.onnx")
    assert "no.engine: it has no manifest" in refused("engine", "rebuild", "no.engine")


def test_an_engine_is_unwrapped(made: Path, done: Invoke, refused: Callable[..., str]) -> None:
    result = done("engine", "unwrap", made / "human-trt.pth", "-o", "out")
    assert Path("out/human-trt.engine").read_bytes() == (made / "human.engine").read_bytes()
    assert result.stderr.splitlines()[0] == "wrote out/human-trt.engine"
    assert "inputs: data; outputs: heatmaps, pafs" in result.stderr
    message = refused("inspect", made / "human-trt.pth")
    assert f"extract the engine with: posedeploy engine unwrap {made / 'human-trt.pth'}" in message
