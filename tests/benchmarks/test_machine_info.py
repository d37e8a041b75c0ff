from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from posedeploy import plugins
from posedeploy.api.earlier_report import EarlierReport
from posedeploy.benchmarks.machine_info import cpu_name, describe_machine
from posedeploy.errors import InputError, MissingPackageError

PARTS = ("0xd05", "0xd05", "0xd0b", "0xd0b")
"""The kind of each core of a big.LITTLE processor."""


def test_the_machine_is_described() -> None:
    machine = describe_machine()
    assert machine.cpu
    assert 1 <= machine.physical_cores <= machine.logical_cores
    assert machine.memory_bytes > 1e8
    assert f"{machine.cpu}, {machine.physical_cores} cores, governor " in str(machine)
    assert str(machine).endswith(f"Python {machine.python}")
    assert "governor powersave" in str(replace(machine, governor="powersave"))


def test_the_gpu_is_part_of_the_machine_if_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = SimpleNamespace(name="NVIDIA Example")
    monkeypatch.setattr(plugins, "load", lambda name: lambda: SimpleNamespace(gpu=lambda: gpu))
    assert (describe_machine().gpu, describe_machine("CUDA").gpu) == ("", "NVIDIA Example")
    assert ", NVIDIA Example, " in str(describe_machine("cuda"))
    report = EarlierReport(Path("old.json"), replace(describe_machine(), gpu="NVIDIA Other"), {})
    report.check_machine(describe_machine())
    with pytest.raises(InputError, match="gpu NVIDIA Other in the report, NVIDIA Example on this machine"):
        report.check_machine(describe_machine("cuda"))


def test_a_missing_gpu_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> None:
        raise MissingPackageError("the package cuda-python is not installed")

    monkeypatch.setattr(plugins, "load", load)
    assert describe_machine("cuda").gpu == ""


def test_arm_processors_are_told_apart(tmp_path: Path) -> None:
    cores = (
        f"processor\t: {n}\nCPU implementer\t: 0x41\nCPU part\t: {part}\n" for n, part in enumerate(PARTS)
    )
    (tmp_path / "cpuinfo").write_text("\n".join(cores))
    (tmp_path / "model").write_bytes(b"Radxa ROCK 5B\0")
    cores_of_rock = "ARM 0x41 0xd05, ARM 0x41 0xd0b"
    assert cpu_name(tmp_path / "cpuinfo", tmp_path / "model") == f"Radxa ROCK 5B, {cores_of_rock}"
    assert cpu_name(tmp_path / "cpuinfo", tmp_path / "none") == cores_of_rock
    assert cpu_name(tmp_path / "none", tmp_path / "none")
