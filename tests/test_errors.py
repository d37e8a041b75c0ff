"""Messages of errors: their fields, and one printable line."""

from __future__ import annotations

import pytest

from posedeploy.errors import DeviceError, PoseDeployError


def test_the_message_joins_the_fields() -> None:
    error = PoseDeployError(
        "a.npy: not joints", found="shape 3", expected="(people, joints, 2)", hint="pass `joints=coco17`"
    )
    assert str(error) == (
        "a.npy: not joints; found shape 3; expected (people, joints, 2); pass `joints=coco17`"
    )


@pytest.mark.parametrize(
    ("what", "parameter"),
    [("`threads=0`: too few", "threads"), ("`dynamic`: fixed", "dynamic"), ("a.npy: `dynamic`", None)],
)
def test_the_parameter_is_the_one_at_the_start_of_the_message(what: str, parameter: str | None) -> None:
    assert DeviceError(what).parameter == parameter


def test_fields_are_printable() -> None:
    error = PoseDeployError("a\x1b.npy: bad", found="\n", hint="rename\u202e it")
    assert (error.what, error.found, error.hint) == ("a\\x1b.npy: bad", "\\n", "rename\\u202e it")


@pytest.mark.parametrize("what", ["`mesh=a.npy`: bad", "`dynamic`: bad", "bad"])
def test_the_problem_excludes_the_parameter(what: str) -> None:
    assert PoseDeployError(what).problem == "bad"
