"""Compiled code is only loaded on a machine that meets its requirements."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from posedeploy import native_code
from posedeploy.errors import ArtifactError, DeviceError, ManifestError, MissingPackageError

PACKAGE = Path("net.pt2")


@pytest.fixture
def details() -> dict[str, Any]:
    """The manifest details of code compiled on this machine."""
    return native_code.requirement_details("cpu")


def test_code_of_this_machine_is_accepted(details: dict[str, Any]) -> None:
    native_code.check_requirements(PACKAGE, json.loads(json.dumps(details)), "cpu")


def test_a_processor_with_more_features_is_accepted(details: dict[str, Any]) -> None:
    assert details["features"], "torch lists the instruction sets"
    native_code.check_requirements(PACKAGE, details | {"features": details["features"][:-1]}, "cpu")


@pytest.mark.parametrize(
    ("doctored", "message"),
    [
        ({"torch": "1.0.0"}, r"^net\.pt2: compiled for torch 1\.0\.0; this machine has \d.*--to aoti$"),
        ({"machine": "riscv128"}, r"compiled for machine riscv128; this machine has \w+"),
        (
            {"features": ["sse2", "zz1", "zz2"]},
            r"a processor with zz1, zz2, which this processor lacks; export it again",
        ),
        ({"gpu": "sm90"}, r"compiled for gpu sm90; this machine has None"),
    ],
)
def test_code_for_another_machine_is_an_error(
    details: dict[str, Any], doctored: dict[str, Any], message: str
) -> None:
    with pytest.raises(ArtifactError, match=message):
        native_code.check_requirements(PACKAGE, details | doctored, "cpu")


def test_code_for_another_device_is_an_error(details: dict[str, Any]) -> None:
    message = r"^`device=cpu`: net\.pt2 was compiled for cuda; export one with: .* --to aoti `device=cpu`$"
    with pytest.raises(DeviceError, match=message):
        native_code.check_requirements(PACKAGE, details | {"device": "cuda"}, "cpu")


def test_code_without_a_manifest_is_an_error() -> None:
    with pytest.raises(
        ArtifactError, match="compiled code without a manifest that records its requirements; export"
    ):
        native_code.check_requirements(PACKAGE, {}, "cpu")


@pytest.mark.parametrize("wrong", [{"device": "cpu"}, {"device": 1, "torch": "", "machine": ""}])
def test_details_of_another_kind_are_an_error(wrong: dict[str, Any]) -> None:
    message = (
        r"^net\.pt2: the details in its manifest are not the requirements of compiled code \(.*\); export"
    )
    with pytest.raises(ManifestError, match=message):
        native_code.check_requirements(PACKAGE, wrong, "cpu")


def test_an_older_torch_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    with pytest.raises(
        MissingPackageError, match=r"torch \d.* cannot list the instruction sets .*; install torch 2"
    ):
        native_code.build_requirements("cpu")
