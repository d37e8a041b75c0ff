from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from posedeploy.errors import ArtifactError, DeviceError, ManifestError, MissingPackageError
from posedeploy.plugins import version_of
from posedeploy.tensorrt.build_info import BuildInfo, ShapeRange, build_info_of, to_details
from posedeploy.tensorrt.compatibility import check_library
from posedeploy.tensorrt.libraries import LIBRARIES, choose_library
from posedeploy.types import Artifact, ModelSpec, Provenance

INFO = BuildInfo(
    "tensorrt-rtx",
    "1.7.1.116",
    ("8.0", "8.9", "12.0+"),
    "Linux-x86_64",
    "fp32",
    "a.engine.onnx",
    "ab" * 32,
    profile={"data": ShapeRange((1, 3, 8, 8), (1, 3, 16, 16), (4, 3, 32, 32))},
)


def _engine(info: BuildInfo) -> Artifact:
    provenance = Provenance(None, "0" * 64)
    spec = ModelSpec("x", "", (), ())
    return Artifact(Path("a.engine"), "tensorrt", spec, "fp32", {}, provenance, to_details(info))


@pytest.mark.parametrize(
    ("capability", "covered"),
    [
        ("8.0", True),
        ("8.6", False),
        ("8.9", True),
        ("9.0", False),
        ("12.0", True),
        ("12.1", True),
        ("13.0", True),
    ],
)
def test_build_info_covers_the_gpus_of_the_build(capability: str, covered: bool) -> None:
    assert INFO.covers(capability) is covered


def test_build_info_is_restored_from_the_manifest() -> None:
    assert build_info_of(_engine(INFO)) == INFO


@pytest.mark.parametrize("name", ["", "../a.onnx", "x/y.onnx", 3])
def test_build_info_that_names_no_sidecar_is_an_error(name: object) -> None:
    doctored = replace(_engine(INFO), details=to_details(INFO) | {"onnx": name})
    with pytest.raises(ManifestError, match=r"a\.engine: the details in its manifest are not a T"):
        build_info_of(doctored)


def test_a_third_party_engine_has_no_build_info() -> None:
    assert (
        build_info_of(Artifact(Path("a.engine"), "tensorrt", ModelSpec("x", "", (), ()), "unknown")) is None
    )


def test_an_engine_of_tensorrt_needs_its_kind_of_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    tensorrt_rtx = pytest.importorskip("tensorrt_rtx")
    monkeypatch.setitem(LIBRARIES, "tensorrt", replace(LIBRARIES["tensorrt"], module="tensorrt_rtx"))
    theirs = replace(
        INFO, library="tensorrt", version=tensorrt_rtx.__version__, system="Linux-aarch64", gpu="Orin"
    )
    with pytest.raises(
        ArtifactError, match=r"^a\.engine: built on Linux-aarch64; this machine is .*rebuild a.engine$"
    ):
        check_library(_engine(theirs), theirs)
    portable = replace(theirs, library="tensorrt-rtx")
    assert check_library(_engine(portable), portable) == (LIBRARIES["tensorrt-rtx"], tensorrt_rtx)


def test_an_unknown_library_is_an_error() -> None:
    with pytest.raises(DeviceError, match=r"^`trt_library=lean`: expected tensorrt or tensorrt-rtx$"):
        choose_library("lean")


def test_gpus_can_only_be_named_for_tensorrt_rtx() -> None:
    with pytest.raises(
        DeviceError, match=r"^`gpu=8\.6`: tensorrt builds for the GPU of this machine only; leave"
    ):
        choose_library("tensorrt", ("8.6",))


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_missing_library_is_an_error_and_is_not_replaced(name: str) -> None:
    if version_of(LIBRARIES[name].module) is not None:
        pytest.skip(f"{name} is installed")
    with pytest.raises(MissingPackageError, match=rf"install it with: pip install 'posedeploy\[{name}\]'$"):
        choose_library(name)


def _installed(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    monkeypatch.setattr("posedeploy.plugins.version_of", lambda name: "1.0" if name in modules else None)


def test_if_both_are_installed_the_user_must_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(monkeypatch, "tensorrt", "tensorrt_rtx")
    with pytest.raises(
        DeviceError, match=r"^tensorrt and tensorrt-rtx are both installed; choose one with `trt_library`"
    ):
        choose_library(None)


def test_if_none_is_installed_the_error_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(monkeypatch)
    with pytest.raises(
        MissingPackageError, match=r"tensorrt-rtx\]', or 'posedeploy\[tensorrt\]' on a machine"
    ):
        choose_library(None)
    with pytest.raises(
        MissingPackageError, match=r"^TensorRT engines need tensorrt-rtx, .*\[tensorrt-rtx\]'$"
    ):
        choose_library(None, ("8.6",))
