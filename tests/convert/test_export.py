"""An export writes all of its files or none, whatever ends it."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from posedeploy import __version__, manifest
from posedeploy.convert import openvino
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions
from posedeploy.convert.prepare import Prepared, prepare
from posedeploy.errors import ExportError, OutputError
from posedeploy.types import Artifact, Model, ModelSpec, TensorSpec
from tests.support.tables import COMPILING_IS_SLOW, ON_CPU

ROOT = Path(__file__).parents[2]


def _contents(folder: Path) -> Mapping[str, bytes]:
    """Return every file below a folder, temporary ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _copied(exported: dict[str, Artifact], folder: Path) -> Mapping[str, bytes]:
    for artifact in exported.values():
        for path in artifact.path.parent.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
    return _contents(folder)


def test_an_unknown_target_is_an_error_before_anything_is_written(tiny: Model, tmp_path: Path) -> None:
    with pytest.raises(
        ExportError, match="no target is called 'coreml'; available: torchscript, onnx, openvino"
    ):
        export(tiny, ["onnx", "coreml"], tmp_path / "out", "tiny")
    assert not (tmp_path / "out").exists()


def test_files_of_other_targets_stay_if_one_fails(
    tiny: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.onnx").mkdir()
    with pytest.raises(OutputError):
        export(tiny, ["torchscript", "onnx"], tmp_path, "a")
    [warning] = [each.message for each in caplog.records if "written before" in each.message]
    assert warning == f"{tmp_path / 'a.torchscript'}: written before the export to onnx failed"
    assert manifest.read(tmp_path / "a.torchscript").target == "torchscript"


def test_an_export_writes_only_the_artifact_and_its_manifest(
    exported: dict[str, Artifact],
) -> None:
    folder = exported["onnx"].path.parent
    written = {name for artifact in exported.values() for name in artifact.files}
    manifests = {manifest.path_of(artifact.path).name for artifact in exported.values()}
    assert {path.name for path in folder.iterdir()} == written | manifests
    assert exported["openvino"].files.keys() == {"tiny.xml", "tiny.bin"}


def test_a_stem_with_dots_is_kept_whole(tiny: Model, tmp_path: Path) -> None:
    (artifact,) = export(tiny, ["openvino"], tmp_path, "snapshot_1.0.2")
    assert artifact.files.keys() == {"snapshot_1.0.2.xml", "snapshot_1.0.2.bin"}


def test_exporting_again_replaces_the_artifact(tiny: Model, tmp_path: Path) -> None:
    (first,) = export(tiny, ["torchscript"], tmp_path, "tiny")
    (second,) = export(tiny, ["torchscript"], tmp_path, "tiny", ExportOptions(batch=2))
    assert manifest.read(second.path).spec != first.spec
    assert len(list(tmp_path.iterdir())) == 2


class Interrupted(nn.Module):
    """A network whose forward pass raises KeyboardInterrupt after ``calls_left`` calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls_left = 10**9

    def forward(self, data: Tensor) -> Tensor:
        self.calls_left -= 1
        if self.calls_left < 0:
            raise KeyboardInterrupt
        return torch.relu(data)


@pytest.mark.parametrize("target", COMPILING_IS_SLOW)
def test_an_interrupt_during_the_conversion_keeps_the_previous_artifact(tmp_path: Path, target: str) -> None:
    network = Interrupted().eval()
    spec = ModelSpec("x", "", (TensorSpec("data", (1, 3)),), (TensorSpec("out", (1, 3)),))
    model = Model(network, spec, None, "")
    export(model, [target], tmp_path, "a")
    before = _contents(tmp_path)
    network.calls_left = 0
    with pytest.raises(KeyboardInterrupt):
        export(model, [target], tmp_path, "a")
    assert _contents(tmp_path) == before
    assert not list(tmp_path.glob(".posedeploy-*"))


def _child(body: str, *arguments: str | Path) -> subprocess.Popen[str]:
    code = """
        import resource, sys
        from pathlib import Path
        from posedeploy.convert.export import export
        from tests.support.networks import tiny_model
        folder, target = Path(sys.argv[1]), sys.argv[2]
    """
    program = textwrap.dedent(code) + textwrap.dedent(body)
    command = [sys.executable, "-W", "ignore", "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_ctrl_c_keeps_the_previous_artifact_and_no_temporary_folder(
    exported: dict[str, Artifact], tmp_path: Path
) -> None:
    before = _copied(exported, tmp_path)
    child = _child('export(tiny_model(), [target], folder, "tiny")', tmp_path, "openvino")
    deadline = time.monotonic() + 60
    while not any(map(Path.is_dir, tmp_path.glob(".posedeploy-*"))) and time.monotonic() < deadline:
        time.sleep(0.005)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert errors.rstrip().endswith("KeyboardInterrupt"), errors
    assert _contents(tmp_path) == before
    assert not list(tmp_path.glob(".posedeploy-*"))


@pytest.mark.slow
def test_a_full_disk_keeps_the_previous_artifact_of_every_target(
    exported: dict[str, Artifact], tmp_path: Path
) -> None:
    before = _copied(exported, tmp_path)
    child = _child(
        """
        from posedeploy.errors import OutputError
        resource.setrlimit(resource.RLIMIT_FSIZE, (8000, resource.RLIM_INFINITY))
        for name in target.split():
            try:
                export(tiny_model(), [name], folder, "tiny")
            except OutputError as error:
                print(error)
        """,
        tmp_path,
        " ".join(ON_CPU),
    )
    output, errors = child.communicate(timeout=120)
    assert output.splitlines() == [
        f"{tmp_path}: writing failed (File too large); no partial files were left, and the existing files "
        "are unchanged"
    ] * len(ON_CPU), errors
    assert _contents(tmp_path) == before
    assert not list(tmp_path.glob(".posedeploy-*"))


@pytest.mark.slow
def test_an_export_sends_nothing_and_writes_nothing_elsewhere(tmp_path: Path) -> None:
    home, out = tmp_path / "home", tmp_path / "out"
    home.mkdir()
    code = f"""
from pathlib import Path
from posedeploy.convert.export import export
from tests.support.networks import tiny_model
export(tiny_model(), ["onnx", "openvino", "torchscript"], Path({str(out)!r}), "tiny")
"""
    kept = {
        name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD", "JENKINS_URL")
    }
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**kept, "HOME": str(home)}, check=True)
    assert (out / "tiny.xml").is_file()
    assert not (home / "intel").exists(), "OpenVINO keeps an identity there, and sends it"


def test_a_write_error_quotes_openvino(tiny: Model, tmp_path: Path) -> None:
    (tmp_path / "tiny.bin").mkdir()
    with pytest.raises(OutputError, match=r"^tiny\.xml: OpenVINO cannot write this file \(.*tiny\.bin.*\)$"):
        openvino.convert(prepare(tiny, ExportOptions()), tmp_path / "tiny.xml")


def test_a_full_disk_is_reported_for_openvino(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiny.bin").mkdir()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=100))
    with pytest.raises(OSError, match="No space left on device"):
        openvino.convert(prepare(tiny, ExportOptions()), tmp_path / "tiny.xml")


@pytest.mark.parametrize("stem", ["", ".", "..", "../evil", "a/b", "/evil", ".hidden"])
def test_a_stem_with_folders_is_an_error(tiny: Model, tmp_path: Path, stem: str) -> None:
    with pytest.raises(ExportError, match="not a file name; leave out folders and a leading dot"):
        export(tiny, ["torchscript"], tmp_path / "out", stem)
    assert not list(tmp_path.iterdir())


def test_an_export_keeps_no_network_alive(tiny: Model, tmp_path: Path) -> None:
    earlier = set(map(id, _prepared_networks()))  # the traceback of another test may hold one
    export(tiny, ["onnx"], tmp_path, "tiny")
    assert [network for network in _prepared_networks() if id(network) not in earlier] == []


def _prepared_networks() -> list[Prepared]:
    gc.collect()
    return [kept for kept in gc.get_objects() if type(kept) is Prepared]


def test_the_provenance_names_the_packages_and_the_user_s_file(tiny: Model, tmp_path: Path) -> None:
    model = replace(tiny, network="net.py:build", network_sha256="a" * 64)
    (artifact,) = export(model, ["torchscript"], tmp_path, "tiny")
    written = manifest.read(artifact.path).provenance
    assert written is not None
    assert (written.network, written.network_sha256) == ("net.py:build", "a" * 64)
    assert written.packages == {"posedeploy": __version__, "torch": version("torch")}


@pytest.mark.parametrize("folder", ["file/out", "/proc/posedeploy"])
def test_a_folder_that_cannot_be_written_is_refused(tiny: Model, tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write here \(.*\); choose another folder"):
        export(tiny, ["torchscript"], tmp_path / folder, "tiny")


class Sorts(nn.Module):
    """A loop whose length depends on the data, which no exporter supports."""

    def forward(self, data: Tensor) -> Tensor:
        for _ in range(int(data.sum().item())):
            data = data + 1
        return data


class Determinant(nn.Module):
    """An operator that ONNX has and OpenVINO does not."""

    def forward(self, data: Tensor) -> Tensor:
        return data + torch.linalg.det(data[:, None] * data[:, :, None])


class Bessel(nn.Module):
    """An operator that ONNX does not have."""

    def forward(self, data: Tensor) -> Tensor:
        return torch.special.bessel_j0(data)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (Sorts(), ""),
        (
            nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.ReLU(), Bessel())),
            r"it fails at the operator prims\.bessel_j0\.default in 1\.1 \(No ONNX function found for",
        ),
        (Bessel(), r"it fails at the operator prims\.bessel_j0\.default in the network itself \(No ONNX "),
    ],
    ids=["loop", "operator", "operator of the network itself"],
)
def test_a_network_that_onnx_cannot_express_is_a_one_line_error(
    tmp_path: Path, network: nn.Module, said: str
) -> None:
    spec = ModelSpec("x", "", (TensorSpec("data", (1, 3)),), (TensorSpec("out", (1, 3)),))
    with pytest.raises(
        ExportError, match=f"^PyTorch's ONNX exporter cannot convert this network: {said}"
    ) as refusal:
        export(Model(network.eval(), spec, None, ""), ["onnx"], tmp_path, "a")
    assert "\n" not in str(refusal.value)
    assert not list(tmp_path.iterdir())


def test_an_operator_that_openvino_lacks_is_named_with_its_module(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.ReLU(), Determinant()))
    spec = ModelSpec("x", "", (TensorSpec("data", (1, 3)),), (TensorSpec("out", (1, 3)),))
    reason = r"it does not support Det \(node \S+, in 1\.1 \(Determinant\)\)"
    with pytest.raises(ExportError, match=f"^OpenVINO cannot convert this network: {reason}$"):
        export(Model(network.eval(), spec, None, ""), ["openvino"], tmp_path, "a")
    assert not list(tmp_path.iterdir())
