from __future__ import annotations

from pathlib import Path

import pytest
import torch

from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.errors import CheckpointError, InputError
from posedeploy.families import FAMILIES
from tests.support.reference_cases import BUNDLED, Case

STATE = Case(BUNDLED / "lightweight-openpose-2d").tensors()
HEAD = "initial_stage.heatmaps.1.0.weight"


def _state() -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array.copy()) for name, array in STATE.items()}


def _saved(state: dict[str, torch.Tensor], folder: Path) -> Path:
    torch.save({"state_dict": state}, folder / "a.pth")
    return folder / "a.pth"


def test_a_model_is_in_eval_mode_on_the_cpu_in_float32_with_every_tensor_of_the_file(tmp_path: Path) -> None:
    model = open_checkpoint(_saved(_state(), tmp_path))
    assert model.spec.family == "lightweight-openpose-2d"
    assert model.source == tmp_path / "a.pth"
    assert not model.module.training
    loaded = model.module.state_dict()
    assert loaded.keys() == STATE.keys()
    assert all(torch.equal(loaded[name], torch.from_numpy(array)) for name, array in STATE.items())


def test_half_precision_weights_become_float32(tmp_path: Path) -> None:
    halved = {name: t.half() if t.is_floating_point() else t for name, t in _state().items()}
    model = open_checkpoint(_saved(halved, tmp_path))
    assert model.module.state_dict()[HEAD].dtype == torch.float32
    assert torch.equal(model.module.state_dict()[HEAD], halved[HEAD].float())


def test_the_counters_of_batch_norm_may_be_missing(tmp_path: Path) -> None:
    without = {name: t for name, t in _state().items() if not name.endswith("num_batches_tracked")}
    assert len(without) < len(STATE)
    open_checkpoint(_saved(without, tmp_path))


def test_all_missing_unexpected_and_misshaped_tensors_are_listed(tmp_path: Path) -> None:
    state = _state()
    del state["model.3.0.weight"], state["cpm.align.0.weight"]
    state["extra.weight"] = torch.ones(1)
    state["model.0.0.weight"] = torch.ones(32, 1, 3, 3)
    with pytest.raises(CheckpointError) as refusal:
        open_checkpoint(_saved(state, tmp_path))
    assert str(refusal.value).endswith(
        "does not fit the network. 2 missing: model.3.0.weight, cpm.align.0.weight. 1 "
        "unexpected: extra.weight. 1 of another shape: model.0.0.weight 32x1x3x3, expected 32x3x3x3. Pass "
        "your own variant as `network=FILE.py:FUNCTION`, or another family as `family`"
    )


def test_a_long_list_of_tensors_is_shortened(tmp_path: Path) -> None:
    state = _state()
    for name in [name for name in state if name.startswith("model.")]:
        del state[name]
    with pytest.raises(
        CheckpointError, match=r"missing: model\.0\.0\.weight, .* and \d+ more\. Pass your own"
    ):
        open_checkpoint(_saved(state, tmp_path))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_nan_and_infinite_weights_are_named(tmp_path: Path, value: float) -> None:
    state = _state()
    state["model.0.0.weight"][3, 1, 2, 0] = value
    with pytest.raises(CheckpointError, match=r"NaN or infinite weights in model\.0\.0\.weight; pass a"):
        open_checkpoint(_saved(state, tmp_path))


def test_the_error_about_an_unknown_network_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"unknown network with 2 tensors from a to b; .* `network="):
        open_checkpoint(_saved({"a": torch.ones(1), "b": torch.ones(1)}, tmp_path))


def test_a_checkpoint_of_an_unknown_family_is_an_error(tmp_path: Path) -> None:
    unknown = _saved({"stem.conv.weight": torch.ones(8, 3, 3, 3), "stem.conv.bias": torch.ones(8)}, tmp_path)
    with pytest.raises(CheckpointError, match="unknown network with 2 tensors"):
        open_checkpoint(unknown)


@pytest.mark.parametrize("family", FAMILIES)
def test_naming_a_wrong_family_lists_what_does_not_fit(tmp_path: Path, family: str) -> None:
    path = _saved({"a": torch.ones(1), "b": torch.tensor(1.0)}, tmp_path)
    with pytest.raises(
        CheckpointError, match=r"does not fit the network. \d+ missing: .* 2 unexpected: a, b"
    ):
        open_checkpoint(path, family)


def test_naming_the_2d_family_for_a_3d_checkpoint_is_refused(tmp_path: Path) -> None:
    path = Case(BUNDLED / "lightweight-openpose-3d").write(tmp_path / "3d.pth")
    with pytest.raises(CheckpointError, match=r"unexpected: Pose3D"):
        open_checkpoint(path, "lightweight-openpose-2d")


def test_naming_a_family_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no network family is called 'openpose'; the families are"):
        open_checkpoint(_saved(_state(), tmp_path), "openpose")


def test_a_trained_checkpoint_of_a_variant_is_an_error(real: Path) -> None:
    with pytest.raises(CheckpointError, match=r"does not fit the network.*unexpected: model\.0\.0\.bias"):
        open_checkpoint(real / "human-pose-estimation-0001.pth")


def test_the_error_about_folded_batch_norm_names_it(tmp_path: Path) -> None:
    state = {name: tensor for name, tensor in _state().items() if not name.startswith("model.0.1.")}
    state["model.0.0.bias"] = torch.ones(32)
    with pytest.raises(CheckpointError, match=r"1 unexpected: model\.0\.0\.bias\. Its BatchNorm layers are"):
        open_checkpoint(_saved(state, tmp_path))
    del state["model.0.0.bias"]
    with pytest.raises(CheckpointError, match=r"does not fit") as refusal:
        open_checkpoint(_saved(state, tmp_path))
    assert "BatchNorm" not in str(refusal.value)


def test_integers_in_place_of_weights_are_named(tmp_path: Path) -> None:
    state = _state()
    state[HEAD] = state[HEAD].to(torch.int8)
    with pytest.raises(CheckpointError, match=rf"no floating-point numbers in {HEAD}; expected the weights"):
        open_checkpoint(_saved(state, tmp_path))
