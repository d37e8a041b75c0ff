from __future__ import annotations

from dataclasses import replace

from posedeploy.benchmarks.machine_info import describe_machine


def test_the_machine_is_described() -> None:
    machine = describe_machine()
    assert machine.cpu
    assert 1 <= machine.physical_cores <= machine.logical_cores
    assert machine.memory_bytes > 1e8
    assert f"{machine.cpu}, {machine.physical_cores} cores, governor " in str(machine)
    assert str(machine).endswith(f"Python {machine.python}")
    assert "governor powersave" in str(replace(machine, governor="powersave"))
