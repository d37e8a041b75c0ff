from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from posedeploy.engines import FLAVOURS, Passport, Shapes, check_build, choose, details, passport_of
from posedeploy.errors import ArtifactError, DeviceError, ManifestError, MissingPackageError
from posedeploy.plugins import version_of
from posedeploy.types import Artifact, ModelSpec, Provenance

PASSPORT = Passport(
    "tensorrt-rtx",
    "1.7.1.116",
    ("8.0", "8.9", "12.0+"),
    "Linux-x86_64",
    "fp32",
    "a.engine.onnx",
    "ab" * 32,
    profile={"data": Shapes((1, 3, 8, 8), (1, 3, 16, 16), (4, 3, 32, 32))},
)


def _engine(passport: Passport) -> Artifact:
    made = Provenance(None, "0" * 64)
    spec = ModelSpec("x", "", (), ())
    return Artifact(Path("a.engine"), "tensorrt", spec, "fp32", {}, made, details(passport))


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
def test_what_gpus_an_engine_was_built_for(capability: str, covered: bool) -> None:
    assert PASSPORT.covers(capability) is covered


def test_a_passport_comes_back_from_the_manifest_as_it_was() -> None:
    assert passport_of(_engine(PASSPORT)) == PASSPORT


@pytest.mark.parametrize("name", ["", "../a.onnx", "x/y.onnx", 3])
def test_a_passport_that_names_no_file_beside_it_is_refused(name: object) -> None:
    doctored = replace(_engine(PASSPORT), details=details(PASSPORT) | {"onnx": name})
    with pytest.raises(ManifestError, match=r"a\.engine: its manifest's details are no engine's passport"):
        passport_of(doctored)


def test_a_model_made_by_others_has_none() -> None:
    assert passport_of(Artifact(Path("a.engine"), "tensorrt", ModelSpec("x", "", (), ()), "unknown")) is None


def test_an_engine_of_tensorrt_stays_on_its_kind_of_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    tensorrt_rtx = pytest.importorskip("tensorrt_rtx")
    monkeypatch.setitem(FLAVOURS, "tensorrt", replace(FLAVOURS["tensorrt"], module="tensorrt_rtx"))
    theirs = replace(
        PASSPORT, flavour="tensorrt", version=tensorrt_rtx.__version__, system="Linux-aarch64", gpu="Orin"
    )
    with pytest.raises(
        ArtifactError, match=r"^a\.engine: built on Linux-aarch64, and this is .*rebuild a.engine$"
    ):
        check_build(_engine(theirs), theirs)
    portable = replace(theirs, flavour="tensorrt-rtx")
    assert check_build(_engine(portable), portable) == (FLAVOURS["tensorrt-rtx"], tensorrt_rtx)


def test_a_flavour_that_does_not_exist_is_refused() -> None:
    with pytest.raises(DeviceError, match=r"^--flavour lean: wanted tensorrt or tensorrt-rtx$"):
        choose("lean")


def test_gpus_are_named_to_the_flavour_that_builds_ahead_alone() -> None:
    with pytest.raises(
        DeviceError, match=r"^--gpu 8\.6: tensorrt builds for the GPU of this machine only; leave"
    ):
        choose("tensorrt", ("8.6",))


@pytest.mark.parametrize("name", FLAVOURS)
def test_a_flavour_that_is_not_installed_is_refused_and_none_taken_in_its_place(name: str) -> None:
    if version_of(FLAVOURS[name].module) is not None:
        pytest.skip(f"{name} is installed")
    with pytest.raises(MissingPackageError, match=rf"install it with: pip install 'posedeploy\[{name}\]'$"):
        choose(name)


def _installed(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    monkeypatch.setattr("posedeploy.plugins.version_of", lambda name: "1.0" if name in modules else None)


def test_where_both_are_installed_the_user_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(monkeypatch, "tensorrt", "tensorrt_rtx")
    with pytest.raises(
        DeviceError, match=r"^tensorrt and tensorrt-rtx are both installed; say which with --fl"
    ):
        choose(None)


def test_where_none_is_installed_both_ways_out_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(monkeypatch)
    with pytest.raises(
        MissingPackageError, match=r"tensorrt-rtx\]', or 'posedeploy\[tensorrt\]' where there is"
    ):
        choose(None)
    with pytest.raises(MissingPackageError, match=r"^this needs tensorrt-rtx, .*\[tensorrt-rtx\]'$"):
        choose(None, ("8.6",))
