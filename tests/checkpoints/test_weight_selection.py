"""Selection of weights and names: wrappers, prefixes, averages, and the user's choice."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

from posedeploy.checkpoints.reader import Checkpoint, read
from posedeploy.checkpoints.weight_sets import Shapes
from posedeploy.errors import CheckpointError

WEIGHTS = {
    "stem.conv.weight": torch.ones(2, 3),
    "stem.conv.bias": torch.ones(2),
    "head.weight": torch.ones(4),
}
OTHERS = {name: 2 * tensor for name, tensor in WEIGHTS.items()}


class Saved(NamedTuple):
    epoch: int
    weights: dict[str, torch.Tensor]


def _measure_distance(shapes: Shapes) -> int:
    expected = {name: tuple(tensor.shape) for name, tensor in WEIGHTS.items()}
    return len(expected.items() ^ shapes.items())


def _named(prefix: str, weights: dict[str, torch.Tensor] = WEIGHTS) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in weights.items()}


def _read(path: Path, content: Any, key: str | None = None) -> Checkpoint:
    torch.save(content, path / "a.pth")
    return read(path / "a.pth", key, _measure_distance)


OPTIMIZER = {
    "state": {0: {"exp_avg": torch.ones(2, 3), "step": torch.tensor(1.0)}},
    "param_groups": [{"lr": 1}],
}
SHARDED = {"state": {name: {"exp_avg": tensor} for name, tensor in WEIGHTS.items()}}
"""The state of an optimizer by number, and by name as in FSDP."""
CONTENTS: dict[str, tuple[Any, str]] = {
    "plain": (WEIGHTS, "."),
    "wrapped": ({"state_dict": WEIGHTS, "epoch": 3}, "state_dict"),
    "wrapped twice": ({"checkpoint": {"model": WEIGHTS, "epoch": 3}}, "checkpoint.model"),
    "in a list": ([3, WEIGHTS], "1"),
    "an unusual key": ({"my_best_weights": WEIGHTS}, "my_best_weights"),
    "compiled": (_named("_orig_mod."), "."),
    "compiled and parallel": ({"net": _named("module._orig_mod.")}, "net"),
    "the other way round": (_named("_orig_mod.module."), "."),
    "parallel twice": (_named("module.module."), "."),
    "Lightning": ({"state_dict": _named("model."), "optimizer_states": [OPTIMIZER]}, "state_dict"),
    "Lightning with a compiled network": ({"state_dict": _named("model._orig_mod.")}, "state_dict"),
    "a prefix that nobody knows": (_named("pose_estimator.core."), "."),
    "compiled parts": ({f"stem._orig_mod.{n[5:]}" if n[0] == "s" else n: t for n, t in WEIGHTS.items()}, "."),
    "averages of torch": ({"n_averaged": torch.tensor(7), **_named("module.")}, "."),
    "averages beside": ({"ema": OTHERS, "model": WEIGHTS}, "model"),
    "averages beside, as timm": ({"state_dict_ema": OTHERS, "state_dict": WEIGHTS}, "state_dict"),
    "averages beside, as BasicSR": ({"params_ema": OTHERS, "params": WEIGHTS}, "params"),
    "averages in the same": (_named("ema_model.", OTHERS) | _named("online_model."), "online_model"),
    "a teacher": ({"model": _named("teacher.", OTHERS) | _named("student.")}, "model.student"),
    "a loss with weights": (
        {"state_dict": _named("model.") | {"loss.scale": torch.ones(1)}},
        "state_dict.model",
    ),
    "a discriminator first": ({"netD": {"conv.weight": torch.ones(9, 9)}, "netG": WEIGHTS}, "netG"),
    "an optimizer first": ({"optimizer": OPTIMIZER, "model": WEIGHTS}, "model"),
    "an optimizer by names": ({"optimizer": SHARDED, "model": WEIGHTS}, "model"),
    "parts": (
        {
            "stem": {"conv.weight": torch.ones(2, 3), "conv.bias": torch.ones(2)},
            "head": {"weight": torch.ones(4)},
        },
        ".",
    ),
    "parts of parts": (
        {
            "net": {
                "stem": {"conv": {"weight": torch.ones(2, 3), "bias": torch.ones(2)}},
                "head": {"weight": torch.ones(4)},
            }
        },
        "net",
    ),
    "parts beside others": (
        {
            "stem": {"conv.weight": torch.ones(2, 3), "conv.bias": torch.ones(2)},
            "head": {"weight": torch.ones(4)},
            "optimizer": {"state": {"x": {"exp_avg": torch.ones(4)}}, "param_groups": []},
            "ema": OTHERS,
        },
        ".",
    ),
    "numbered": ({7: WEIGHTS, "epoch": 3}, "7"),
    "a named tuple": (Saved(3, WEIGHTS), "1"),
    "pairs": (list(WEIGHTS.items()), "."),
    "pairs in a dictionary": ({"model": list(WEIGHTS.items()), "epoch": 3}, "model"),
    "slashes": ({name.replace(".", "/"): tensor for name, tensor in WEIGHTS.items()}, "."),
    "a prefix with a slash": (_named("nets/pose."), "."),
}


@pytest.mark.parametrize("what", CONTENTS)
def test_the_weights_that_fit_are_chosen(tmp_path: Path, what: str) -> None:
    content, key = CONTENTS[what]
    checkpoint = _read(tmp_path, content)
    assert checkpoint.tensors.keys() == WEIGHTS.keys()
    assert all(torch.equal(checkpoint.tensors[name], WEIGHTS[name]) for name in WEIGHTS)
    assert checkpoint.weights.key == key


def test_averaged_weights_are_chosen_if_there_are_no_others(tmp_path: Path) -> None:
    assert _read(tmp_path, {"ema": WEIGHTS}).weights.key == "ema"


@pytest.mark.parametrize(
    ("content", "key", "others"),
    [
        ({"state_dict": WEIGHTS, "state_dict_ema": OTHERS}, "state_dict_ema", ("state_dict_ema",)),
        ({"a": {"ema": OTHERS, "model": WEIGHTS}}, "a.ema", ("a.ema",)),
        ({"ema": _named("module.", OTHERS), "model": _named("_orig_mod.")}, "ema", ("ema",)),
        ({0: WEIGHTS, 1: OTHERS}, "1", ("1",)),
        ({"w": _named("teacher.", OTHERS) | _named("student.")}, "w.teacher", ("w.teacher",)),
    ],
)
def test_other_sets_that_fit_are_listed_and_can_be_chosen(
    tmp_path: Path, content: Any, key: str, others: tuple[str, ...]
) -> None:
    assert _read(tmp_path, content).weights.alternatives == others
    chosen = _read(tmp_path, content, key)
    assert chosen.weights.key == key
    assert torch.equal(chosen.tensors["head.weight"], OTHERS["head.weight"])


def test_the_error_about_an_unknown_key_lists_the_keys(tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError,
        match=r"a\.pth: `weights=ema`: no such weights; choose among state_dict \(3 tensors\), other \(1",
    ):
        _read(tmp_path, {"state_dict": WEIGHTS, "other": {"x": torch.ones(1)}}, "ema")


def test_unused_entries_are_recorded(tmp_path: Path) -> None:
    content = {"epoch": 3, "state_dict": _named("model.") | {"loss.scale": torch.ones(1)}, "args": {}}
    weights = _read(tmp_path, content).weights
    assert weights.prefix == "model."
    assert weights.unused_keys == ("epoch", "args", "loss.scale")


def test_names_that_would_break_a_line_are_escaped(tmp_path: Path) -> None:
    torch.save({"a\nb": torch.ones(1), "\x1b[31m": 3}, tmp_path / "a.pth")
    assert read(tmp_path / "a.pth").weights.unused_keys == ("\\x1b[31m",)


def test_many_small_sets_do_not_multiply_the_time(tmp_path: Path) -> None:
    clutter = {f"layer{number}": {"a": torch.ones(1), "b": torch.ones(1)} for number in range(3000)}
    assert _read(tmp_path, {"clutter": clutter, "zz": WEIGHTS}).weights.key == "zz"


def _recognized(shapes: Shapes) -> int:
    """Return 0 for the network and for its stem alone, by one tensor name, as the families do."""
    return 0 if {"stem.conv.weight", "conv.weight"} & shapes.keys() else 1 << 30


STEM = {name.removeprefix("stem."): tensor for name, tensor in WEIGHTS.items() if name[0] == "s"}


@pytest.mark.parametrize(
    ("content", "key", "names", "others"),
    [
        ({"net": {"stem": STEM, "head": {"weight": torch.ones(4)}}}, "net", WEIGHTS, ()),
        ({"net": {"stem": STEM, "tail": {"weight": torch.ones(4)}}}, "net.stem", STEM, ("net",)),
        ({"pose": WEIGHTS, "detector": {"conv.weight": torch.ones(1)}}, "pose", WEIGHTS, ("detector",)),
        ({"b": {"stem": STEM, "head": {"weight": torch.ones(4)}}, "a": OTHERS}, "a", WEIGHTS, ("b",)),
    ],
    ids=["whole", "incomplete", "another network", "two networks"],
)
def test_a_complete_network_is_preferred_to_a_part_of_it(
    tmp_path: Path, content: Any, key: str, names: dict[str, torch.Tensor], others: tuple[str, ...]
) -> None:
    torch.save(content, tmp_path / "a.pth")
    checkpoint = read(tmp_path / "a.pth", None, _recognized, lambda shapes: _measure_distance(shapes) == 0)
    assert checkpoint.tensors.keys() == names.keys()
    assert (checkpoint.weights.key, checkpoint.weights.alternatives) == (key, others)


def test_the_state_of_an_optimizer_is_not_weights(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no weights found; the keys are optimizer"):
        _read(tmp_path, {"optimizer": OPTIMIZER})
