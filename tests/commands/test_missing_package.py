"""Commands in an environment without torch and OpenVINO."""

from __future__ import annotations

import re
import subprocess
import venv
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from posedeploy.types import Array
from tests.commands.conftest import Invoke, fill
from tests.predict.conftest import write_image
from tests.predict.videos import make_video, stamps_of
from tests.support import third_party

pytestmark = pytest.mark.slow
Run = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
DEVICE = ("numpy", "opencv-python-headless", "msgspec", "psutil", "rich", "typer", "onnxruntime")
"""The packages that a device needs for an ONNX artifact: the dependencies of posedeploy and one runtime."""


def _link(name: str, site: Path) -> None:
    """Make a distribution and its requirements importable from ``site`` too."""
    try:
        found = distribution(name)
    except PackageNotFoundError:  # asked for on other systems only
        return
    for top in {Path(file).parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
        if not (site / top).exists():
            (site / top).symlink_to(Path(str(found.locate_file(top))))
    for requirement in found.requires or ():
        wanted = re.match(r"[\w.-]+", requirement)
        if wanted is not None and "extra ==" not in requirement:
            _link(wanted[0], site)


def _environment(folder: Path, packages: Iterable[str]) -> Run:
    """Return a function that runs the command line in a new environment with these packages."""
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python3*/site-packages")
    for name in packages:
        _link(name, site)
    (site / "posedeploy").symlink_to(ROOT / "posedeploy")

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [str(folder / "bin" / "python"), "-I", "-m", "posedeploy", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a function that runs the command line in an environment with the packages of ``DEVICE``."""
    return _environment(tmp_path_factory.mktemp("device"), DEVICE)


def _refused(process: subprocess.CompletedProcess[str]) -> str:
    assert process.returncode == 1, process.stdout + process.stderr
    (line,) = process.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def _missing(package: str, extra: str) -> str:
    return (
        f"error: this needs the package {package}, which is not installed; install it with: "
        f"pip install 'posedeploy[{extra}]'"
    )


def test_an_onnx_artifact_runs_with_the_minimal_packages(
    run: Run, human: Path, photo: Array, done: Invoke, tmp_path: Path
) -> None:
    write_image(tmp_path / "photo.png", photo)
    process = run("predict", human / "out" / "human.onnx", "photo.png", "-o", "device", "--threads", 1)
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("2 people in 1 image\n")
    assert process.stderr == ""
    done("predict", human / "out" / "human.onnx", "photo.png", "-o", "here", "--threads", 1)
    assert Path("device/poses.json").read_text() == Path("here/poses.json").read_text()


def test_a_video_is_read_and_written_by_opencv_without_pyav(run: Run, human: Path, tmp_path: Path) -> None:
    make_video(tmp_path / "clip.mkv")
    process = run("predict", human / "out" / "human.onnx", "clip.mkv", "-o", "device")
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("40 people in 20 images\n")
    assert "PyAV is not installed, so OpenCV reads and writes the video" in process.stderr
    assert len(stamps_of(tmp_path / "device" / "clip.mp4")) == 20
    refusal = _refused(run("predict", human / "out" / "human.onnx", "rtsp://127.0.0.1:1/a"))
    assert refusal == _missing("av", "video")


@pytest.mark.parametrize(
    ("arguments", "package", "extra"),
    [
        (("predict", "{out}/human.xml", "photo.png"), "openvino", "openvino"),
        (("predict", "{out}/human.onnx", "photo.png", "--runtime", "openvino"), "openvino", "openvino"),
        (("predict", "{out}/human.torchscript", "photo.png"), "torch", "torch"),
        (("predict", "{human}/human.pth", "photo.png"), "torch", "torch"),
        (("predict", "{out}/human.onnx", "photo.png", "--show"), "pygame", "window"),
        (("export", "{human}/human.pth"), "torch", "torch"),
        (("export",), "torch", "torch"),
        (("bench", "{human}/human.pth"), "torch", "torch"),
        (("bench",), "torch", "torch"),
        (("parity", "{out}/human.onnx"), "torch", "torch"),
        (("parity", "{out}/human.onnx", "--reference", "r.safetensors"), "safetensors", "reference"),
        (("inspect", "{human}/human.pth"), "torch", "torch"),
        (
            ("evaluate", "{out}/human.onnx", "--annotations", "people.json", "--images", "."),
            "pycocotools",
            "evaluate",
        ),
    ],
)
def test_every_other_command_reports_the_missing_package(
    arguments: tuple[object, ...],
    package: str,
    extra: str,
    run: Run,
    human: Path,
    photo: Array,
    tmp_path: Path,
) -> None:
    write_image(tmp_path / "photo.png", photo)
    out = human / "out"
    arguments = fill(arguments, out=out, human=human)
    assert _refused(run(*arguments)) == _missing(package, extra), arguments


def test_an_artifact_is_compared_with_a_reference_file_without_torch(
    human: Path, network: tuple[str, str], done: Invoke, tmp_path: Path
) -> None:
    run = _environment(tmp_path / "environment", (*DEVICE, "safetensors"))
    done("parity", human / "out" / "human.onnx", "--save-reference", "r.safetensors", *network)
    process = run("parity", human / "out" / "human.onnx", "--reference", "r.safetensors")
    assert process.returncode == 0, process.stderr
    assert "within tolerance of PyTorch in fp32" in process.stdout
    assert process.stderr == ""


def test_an_artifact_is_timed_without_a_comparison(run: Run, human: Path) -> None:
    process = run("bench", human / "out" / "human.onnx", "--runs", 1)
    assert process.returncode == 0, process.stderr
    assert "no comparison with PyTorch for human.onnx: this needs the package torch" in process.stderr
    assert "human.onnx" in process.stdout


@pytest.mark.parametrize(
    "arguments",
    [("families",), ("inspect", "{human}/out/human.onnx"), ("--version",), ("--help",)],
)
def test_commands_without_a_framework_work(arguments: tuple[object, ...], run: Run, human: Path) -> None:
    arguments = fill(arguments, human=human)
    process = run(*arguments)
    assert (process.returncode, process.stderr) == (0, ""), arguments


def test_doctor_reports_missing_packages_with_the_command_to_install_them(run: Run) -> None:
    process = run("doctor")
    assert (process.returncode, process.stderr) == (0, "")
    shown = [" ".join(line.split()) for line in process.stdout.splitlines()]
    rows = {
        "target torchscript missing",
        "runtime openvino missing",
        "runtime onnxruntime works on cpu",
        "scoring pycocotools missing",
        "window pygame missing",
        "video PyAV missing",
    }
    assert {row for row in rows if not any(line.startswith(row) for line in shown)} == set(), process.stdout
    extras = ("torch", "export", "export,openvino", "tflite", "openvino", "evaluate", "window", "video")
    hints = {f"pip install 'posedeploy[{extra}]'" for extra in extras}
    assert hints <= set(shown), "on a line of its own, to be copied"


def test_two_artifacts_are_compared_without_torch(run: Run, tmp_path: Path) -> None:
    kind = third_party.TensorKind("float32", "NCHW")
    third_party.write_onnx(tmp_path / "a.onnx", kind, kind)
    process = run("parity", "a.onnx", "--against", "a.onnx")
    assert process.returncode == 0, process.stderr
    assert "within tolerance of a.onnx" in process.stdout
