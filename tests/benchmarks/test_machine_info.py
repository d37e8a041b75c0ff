from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from posedeploy.benchmarks.machine_info import cpu_name, describe_machine

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
