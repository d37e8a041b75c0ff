"""What a scene says of itself is what its pixels show."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.poses.lightweight_openpose_2d import KEYPOINT_NAMES, SKELETON
from posedeploy.synthetic import JOINTS, PARTS, Scene, draw
from posedeploy.synthetic.body import INDEX
from posedeploy.synthetic.scene import SIZES, SMALLEST_PX
from posedeploy.synthetic.visibility import HIDDEN, UNLABELLED, VISIBLE

FIRST_OF_SEED_7 = "a91deb51c625155ef8e2a8f7a59c24878a73069357abd76fe8c8ff445b95fe9d"


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [draw(7, index) for index in range(60)]


def test_an_image_is_the_same_on_every_machine(scenes: list[Scene]) -> None:
    digest = hashlib.sha256()
    for scene in scenes[:8]:
        digest.update(scene.image.tobytes() + scene.owners.tobytes())
        for person in scene.people:
            digest.update(person.joints_mm.tobytes() + person.keypoints.tobytes())
    assert digest.hexdigest() == FIRST_OF_SEED_7


def test_images_hang_on_seed_and_index_alone(scenes: list[Scene]) -> None:
    np.testing.assert_array_equal(draw(7, 5).image, scenes[5].image)
    assert draw(8, 5).image.tobytes() != scenes[5].image.tobytes()
    assert draw(7, 6).image.tobytes() != scenes[5].image.tobytes()


def test_sizes_and_numbers_vary(scenes: list[Scene]) -> None:
    assert {scene.image.shape[1::-1] for scene in scenes} <= set(SIZES)
    assert len({scene.image.shape for scene in scenes}) > 4
    assert {len(scene.people) for scene in scenes} >= {1, 2, 3, 4}
    assert all(scene.image.dtype == np.uint8 and scene.owners.dtype == np.uint8 for scene in scenes)


def test_keypoints_are_the_joints_seen_through_the_camera(scenes: list[Scene]) -> None:
    for scene in scenes:
        height, width = scene.image.shape[:2]
        for person in scene.people:
            x, y, z = person.joints_mm[: len(KEYPOINT_NAMES)].T
            seen = np.stack([x, y], axis=1) / z[:, None] * scene.focal_length + (width / 2, height / 2)
            np.testing.assert_allclose(person.keypoints, seen, atol=1e-3)
            assert person.joints_mm.shape == (len(JOINTS), 3)


def test_visibility_is_what_the_pixels_show(scenes: list[Scene]) -> None:
    states = np.zeros(3, int)
    for scene in scenes:
        height, width = scene.image.shape[:2]
        for index, person in enumerate(scene.people):
            states += np.bincount(person.visibility, minlength=3)
            for (x, y), state in zip(np.rint(person.keypoints).astype(int), person.visibility, strict=True):
                inside = 0 <= x < width and 0 <= y < height
                assert inside or state == UNLABELLED
                if state == VISIBLE:
                    assert scene.owners[y, x] == index + 1
                    assert 1 <= scene.parts[y, x] <= len(PARTS)
        np.testing.assert_array_equal(scene.parts == 0, scene.owners == 0)
    assert (states > 60).all()


def test_a_hidden_keypoint_is_labelled_beside_one_that_is_seen_only(scenes: list[Scene]) -> None:
    for scene in scenes:
        for person in scene.people:
            for keypoint in np.flatnonzero(person.visibility == HIDDEN):
                beside = [
                    other for limb in SKELETON if keypoint in limb for other in limb if other != keypoint
                ]
                assert (person.visibility[beside] == VISIBLE).any()


def test_faces_turned_away_are_not_labelled(scenes: list[Scene]) -> None:
    nose, ears = KEYPOINT_NAMES.index("nose"), [KEYPOINT_NAMES.index(name) for name in ("r_ear", "l_ear")]
    away = 0
    for scene in scenes:
        for person in scene.people:
            joints = person.joints_mm
            if joints[nose, 2] > joints[INDEX["head"], 2] + 60 and joints[ears, 2].max() < joints[nose, 2]:
                away += 1
                assert person.visibility[nose] == UNLABELLED
    assert away > 10


def test_areas_boxes_and_shares_belong_together(scenes: list[Scene]) -> None:
    for scene in scenes:
        height, width = scene.image.shape[:2]
        for index, person in enumerate(scene.people):
            own = scene.owners == index + 1
            assert person.area == own.sum()
            assert 0 <= person.share <= 1
            x, y, across, down = person.box
            assert 0 <= x <= x + across <= width
            assert 0 <= y <= y + down <= height
            rows, columns = np.nonzero(own)
            if len(rows):
                assert x <= columns.min() <= columns.max() < x + across
                assert y <= rows.min() <= rows.max() < y + down


def test_people_are_of_every_height_that_is_asked_for(scenes: list[Scene]) -> None:
    tall = [np.ptp(person.keypoints[:, 1]) for scene in scenes for person in scene.people]
    assert min(tall) > SMALLEST_PX * 0.5
    shares = [person.box[3] / scene.image.shape[0] for scene in scenes for person in scene.people]
    assert min(shares) < 0.25
    assert max(shares) > 0.9


def test_size_and_people_can_be_asked_for() -> None:
    scene = draw(0, 0, size=(456, 256), people=4)
    assert scene.image.shape == (256, 456, 3)
    assert len(scene.people) == 4
    assert draw(0, 0, people=0).people == ()
    assert (draw(0, 0, people=0).owners == 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 0), r"seed -1, image 0: each should be 0 to 4294967295"),
        ((0, 2**32), r"seed 0, image 4294967296"),
        ((0, 0, (10, 4000)), r"a drawn image of 10x4000 px: each side should be 64 to 4096"),
        ((0, 0, None, 9), r"9 people: an image is drawn with 0 to 8"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        draw(*arguments)  # type: ignore[arg-type]
