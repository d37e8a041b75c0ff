from __future__ import annotations

import pytest

from posedeploy.benchmarks.matched_outputs import FileOutputs, MatchedOutputs, match_outputs
from posedeploy.errors import InputError
from posedeploy.types import TensorSpec

MAPS, PAFS, ODD = (1, 19, 8, 8), (1, 38, 8, 8), (1, 7)


def outputs(path: str, roles: dict[str, str] | None = None, **shapes: tuple[int | str, ...]) -> FileOutputs:
    return FileOutputs(path, tuple(TensorSpec(*item) for item in shapes.items()), roles or {})


@pytest.mark.parametrize(
    ("candidate", "reference", "expected"),
    [
        (
            outputs("a", {"maps": "x", "pafs": "y"}, x=MAPS, y=MAPS),
            outputs("b", {"maps": "q", "pafs": "p"}, p=MAPS, q=MAPS),
            MatchedOutputs({"x": "q", "y": "p"}),
        ),
        (outputs("a", x=MAPS, y=MAPS), outputs("b", y=MAPS, x=MAPS), MatchedOutputs({"x": "x", "y": "y"})),
        (outputs("a", x=MAPS, y=PAFS), outputs("b", p=PAFS, q=MAPS), MatchedOutputs({"x": "q", "y": "p"})),
        (outputs("a", x=("batch", 19, 8, 8)), outputs("b", p=MAPS), MatchedOutputs({"x": "p"})),
        (
            outputs("a", x=MAPS, y=ODD),
            outputs("b", x=MAPS, z=PAFS),
            MatchedOutputs({"x": "x"}, ("y",), ("z",)),
        ),
    ],
    ids=["roles", "names", "shapes", "dynamic", "some"],
)
def test_outputs_are_matched_by_role_then_name_then_shape(
    candidate: FileOutputs, reference: FileOutputs, expected: MatchedOutputs
) -> None:
    assert match_outputs(candidate, reference) == expected


@pytest.mark.parametrize(
    ("candidate", "reference", "message"),
    [
        (
            outputs("a", x=MAPS, y=MAPS),
            outputs("b", p=MAPS, q=MAPS),
            "a: out.*: x .* y .* with p .* q .* of b",
        ),
        (
            outputs("a", x=MAPS),
            outputs("b", p=MAPS, q=MAPS),
            "matched: x .* with p .*, q .* of b; write the",
        ),
        (outputs("a", x=MAPS, y=MAPS), outputs("b", p=MAPS), "a: outputs .*: x .*, y .* with p"),
        (
            outputs("a", x=MAPS),
            outputs("b", y=PAFS),
            "a and b have no output in common: x .* and y .*; write",
        ),
        (outputs("a", x=MAPS), outputs("b", x=PAFS), "a: the output x .* does not fit the output x .* of b"),
    ],
)
def test_ambiguous_and_different_outputs_are_an_error(
    candidate: FileOutputs, reference: FileOutputs, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        match_outputs(candidate, reference)
