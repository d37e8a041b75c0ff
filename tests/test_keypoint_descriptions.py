from __future__ import annotations

from pathlib import Path

import pytest

from posedeploy import contracts
from posedeploy.errors import InputError
from posedeploy.specs import image_spec
from posedeploy.types import Limb, ModelSpec, TensorSpec

SIX = "keypoint_names = ['a', 'b', 'c', 'd', 'e', 'f']\n"
CHAIN = "skeleton = [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]\n"


def spec_of(heatmaps: int = 7, pafs: int = 10) -> ModelSpec:
    channels = {"heatmaps": heatmaps, "pafs": pafs}
    return image_spec("lightweight-openpose-2d", "own", channels, {name: name for name in channels})


def describe_in_file(spec: ModelSpec, folder: Path, text: str) -> ModelSpec:
    (folder / "own.toml").write_text(text)
    return contracts.add_description(spec, folder / "own.toml", "net.pth")


@pytest.mark.parametrize(
    ("heatmaps", "pafs", "count"), [(19, 38, 18), (7, 10, 6), (19, 34, 18), (18, 38, 17), (2, 0, 1)]
)
def test_the_number_of_keypoints_is_that_of_the_heatmaps(heatmaps: int, pafs: int, count: int) -> None:
    spec = spec_of(heatmaps, pafs)
    assert len(spec.keypoint_names) == count
    assert (spec.keypoint_names[0] == "nose") == ((heatmaps, pafs) == (19, 38))


def test_the_order_of_limbs_is_that_of_the_pairs_of_channels(tmp_path: Path) -> None:
    spec = describe_in_file(spec_of(), tmp_path, SIX + CHAIN)
    assert spec.keypoint_names == ("a", "b", "c", "d", "e", "f")
    assert spec.limbs == tuple(Limb(n, n + 1, (2 * n, 2 * n + 1)) for n in range(5))
    assert spec.skeleton == tuple((n, n + 1) for n in range(5))


def test_names_and_limbs_may_come_from_two_files(tmp_path: Path) -> None:
    spec = describe_in_file(
        describe_in_file(spec_of(), tmp_path, CHAIN), tmp_path, "family = 'lightweight-openpose-2d'\n" + SIX
    )
    assert (spec.keypoint_names[0], len(spec.limbs)) == ("a", 5)


def test_a_skeleton_of_the_published_network_has_no_limbs(tmp_path: Path) -> None:
    spec = describe_in_file(spec_of(19, 38), tmp_path, "skeleton = [[0, 1], [1, 2]]")
    assert (spec.skeleton, spec.limbs) == (((0, 1), (1, 2)), ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no keypoints to add to the model"),
        (SIX.replace("'f'", "'a'"), "keypoint_names repeats a; use each"),
        ("keypoint_names = ['a']", "1 name in keypoint_names, and the network has 6 keypoints"),
        ("skeleton = [[0, 6]]", r"skeleton\[0\] is \[0, 6\]; expected two different keypoints from 0 to 5"),
        (
            "skeleton = [[0, 1], [-1, 2]]",
            r"skeleton\[1\] is \[-1, 2\]; expected .* from 0 to 5",
        ),
        (
            "skeleton = [[3, 6], [2, 3]]",
            "has the number 6 and no 0, but .* from 0 to 5; subtract 1",
        ),
        ("skeleton = [[2, 2]]", "expected two different keypoints"),
        ("skeleton = [[0, 1]]", "1 limb in skeleton, and the network's 10 PAF channels are 5 pairs"),
        (CHAIN + "paf_channels = [[0, 1]]", "1 pair in paf_channels and 5 limbs in skeleton"),
        ("paf_channels = [[0, 1]]", "1 pair in paf_channels and 0 limbs in skeleton"),
        (
            "skeleton = [[0, 1]]\npaf_channels = [[9, 10]]",
            r"paf_channels\[0\] is \[9, 10\]; expected two different channels from 0 to 9",
        ),
        (CHAIN + "heatmap_names = ['x']", "heatmap_names has x, which keypoint_names does not have"),
        (CHAIN + SIX + "heatmap_names = ['a']", "skeleton has b, c, d, e, f, which heatmap_names does not"),
        (CHAIN + "family = 'gtrs'", "family is gtrs, but the model's family is lightweight-openpose-2d"),
        (
            CHAIN + "cells = 3\nvariant = 'x'",
            "variant, cells: the model already defines these, in its manifest or .* leave `contract` out",
        ),
        (CHAIN + "[input]\nheight = 3", "input: the model already defines these"),
        ("skeleton = [[0, 1, 2]]", "not a contract: .*length 2"),
    ],
)
def test_a_description_that_does_not_fit_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=rf"own\.toml: .*{message}") as refusal:
        describe_in_file(spec_of(), tmp_path, text)
    assert "\n" not in str(refusal.value)


def test_paf_channels_of_a_network_without_them_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("skeleton = [[0, 1]]\npaf_channels = [[0, 1]]")
    spec = contracts.family_defaults("mobile-human-pose")
    with pytest.raises(InputError, match="mobile-human-pose has no part affinity fields; remove the line"):
        contracts.add_description(spec, tmp_path / "own.toml", "net.pth")


def third_party(folder: Path, text: str, heatmaps: int = 7, pafs: int = 10) -> ModelSpec:
    (folder / "own.toml").write_text("family = 'lightweight-openpose-2d'\n" + text)
    maps = tuple(
        TensorSpec(name, (1, channels, 32, 57)) for name, channels in (("heatmaps", heatmaps), ("pafs", pafs))
    )
    data = (TensorSpec("data", (1, 3, 256, 456)),)
    return contracts.apply_contract(contracts.read(folder / "own.toml"), data, maps, "net.onnx")


def test_a_third_party_model_is_described_in_the_same_way(tmp_path: Path) -> None:
    assert len(third_party(tmp_path, SIX + CHAIN).limbs) == 5
    assert third_party(tmp_path, "").keypoint_names == tuple(f"joint_{number}" for number in range(6))
    assert third_party(tmp_path, "", 19, 38).keypoint_names[0] == "nose"
    with pytest.raises(InputError, match=r"net\.onnx: 6 names in keypoint_names, and the network has 7"):
        third_party(tmp_path, SIX + CHAIN, heatmaps=8)
    with pytest.raises(
        InputError, match="5 limbs in skeleton, and the network's 12 PAF channels are 6 pairs"
    ):
        third_party(tmp_path, SIX + CHAIN, pafs=12)


@pytest.mark.parametrize("names", ["", SIX], ids=["numbered", "named"])
def test_limbs_of_a_third_party_model_are_checked_against_its_channels(tmp_path: Path, names: str) -> None:
    assert third_party(tmp_path, names + CHAIN).limbs == tuple(
        Limb(n, n + 1, (2 * n, 2 * n + 1)) for n in range(5)
    )
    explicit = third_party(tmp_path, names + "skeleton = [[0, 1]]\npaf_channels = [[4, 5]]")
    assert explicit.limbs == (Limb(0, 1, (4, 5)),)
    with pytest.raises(
        InputError, match=r"skeleton\[0\] is \[0, 9\]; expected two different keypoints from 0 to 5"
    ):
        third_party(tmp_path, names + "skeleton = [[0, 9]]")
    with pytest.raises(InputError, match="1 limb in skeleton, and the network's 10 PAF channels are 5 pairs"):
        third_party(tmp_path, names + "skeleton = [[0, 1]]")
