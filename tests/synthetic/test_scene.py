"""The ground truth of a scene agrees with its pixels."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.poses.lightweight_openpose_2d import KEYPOINT_NAMES, SKELETON
from posedeploy.synthetic import JOINTS, PARTS, Scene, generate_scene
from posedeploy.synthetic.body import INDEX
from posedeploy.synthetic.scene import MIN_HEIGHT_PX, SIZES
from posedeploy.synthetic.visibility import HIDDEN, UNLABELED, VISIBLE

FIRST_OF_SEED_7 = "a91deb51c625155ef8e2a8f7a59c24878a73069357abd76fe8c8ff445b95fe9d"


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [generate_scene(7, index) for index in range(60)]


def test_an_image_is_the_same_on_every_machine(scenes: list[Scene]) -> None:
    digest = hashlib.sha256()
    for scene in scenes[:8]:
        digest.update(scene.image.tobytes() + scene.owners.tobytes())
        for person in scene.people:
            digest.update(person.joints_mm.tobytes() + person.keypoints.tobytes())
    assert digest.hexdigest() == FIRST_OF_SEED_7


def test_images_depend_on_seed_and_index_only(scenes: list[Scene]) -> None:
    np.testing.assert_array_equal(generate_scene(7, 5).image, scenes[5].image)
    assert generate_scene(8, 5).image.tobytes() != scenes[5].image.tobytes()
    assert generate_scene(7, 6).image.tobytes() != scenes[5].image.tobytes()


def test_the_size_and_the_number_of_people_vary(scenes: list[Scene]) -> None:
    assert {scene.image.shape[1::-1] for scene in scenes} <= set(SIZES)
    assert len({scene.image.shape for scene in scenes}) > 4
    assert {len(scene.people) for scene in scenes} >= {1, 2, 3, 4}
    assert all(scene.image.dtype == np.uint8 and scene.owners.dtype == np.uint8 for scene in scenes)


def test_keypoints_are_the_projected_joints(scenes: list[Scene]) -> None:
    for scene in scenes:
        height, width = scene.image.shape[:2]
        for person in scene.people:
            x, y, z = person.joints_mm[: len(KEYPOINT_NAMES)].T
            projected = np.stack([x, y], axis=1) / z[:, None] * scene.focal_length + (width / 2, height / 2)
            np.testing.assert_allclose(person.keypoints, projected, atol=1e-3)
            assert person.joints_mm.shape == (len(JOINTS), 3)


def test_visible_keypoints_lie_on_pixels_of_their_person(scenes: list[Scene]) -> None:
    states = np.zeros(3, int)
    for scene in scenes:
        height, width = scene.image.shape[:2]
        for index, person in enumerate(scene.people):
            states += np.bincount(person.visibility, minlength=3)
            for (x, y), state in zip(np.rint(person.keypoints).astype(int), person.visibility, strict=True):
                inside = 0 <= x < width and 0 <= y < height
                assert inside or state == UNLABELED
                if state == VISIBLE:
                    assert scene.owners[y, x] == index + 1
                    assert 1 <= scene.parts[y, x] <= len(PARTS)
        np.testing.assert_array_equal(scene.parts == 0, scene.owners == 0)
    assert (states > 60).all()


def test_a_hidden_keypoint_has_a_visible_neighbor(scenes: list[Scene]) -> None:
    for scene in scenes:
        for person in scene.people:
            for keypoint in np.flatnonzero(person.visibility == HIDDEN):
                neighbors = [
                    other for limb in SKELETON if keypoint in limb for other in limb if other != keypoint
                ]
                assert (person.visibility[neighbors] == VISIBLE).any()


def test_faces_turned_away_are_not_labeled(scenes: list[Scene]) -> None:
    nose, ears = KEYPOINT_NAMES.index("nose"), [KEYPOINT_NAMES.index(name) for name in ("r_ear", "l_ear")]
    away = 0
    for scene in scenes:
        for person in scene.people:
            joints = person.joints_mm
            if joints[nose, 2] > joints[INDEX["head"], 2] + 60 and joints[ears, 2].max() < joints[nose, 2]:
                away += 1
                assert person.visibility[nose] == UNLABELED
    assert away > 10


def test_areas_and_boxes_agree_with_the_owners(scenes: list[Scene]) -> None:
    for scene in scenes:
        height, width = scene.image.shape[:2]
        for index, person in enumerate(scene.people):
            own = scene.owners == index + 1
            assert person.area == own.sum()
            assert 0 <= person.visible_fraction <= 1
            x, y, across, down = person.box
            assert 0 <= x <= x + across <= width
            assert 0 <= y <= y + down <= height
            rows, columns = np.nonzero(own)
            if len(rows):
                assert x <= columns.min() <= columns.max() < x + across
                assert y <= rows.min() <= rows.max() < y + down


def test_people_have_many_heights(scenes: list[Scene]) -> None:
    heights = [np.ptp(person.keypoints[:, 1]) for scene in scenes for person in scene.people]
    assert min(heights) > MIN_HEIGHT_PX * 0.5
    fractions = [person.box[3] / scene.image.shape[0] for scene in scenes for person in scene.people]
    assert min(fractions) < 0.25
    assert max(fractions) > 0.9


def test_the_size_and_the_number_of_people_can_be_set() -> None:
    scene = generate_scene(0, 0, size=(456, 256), people=4)
    assert scene.image.shape == (256, 456, 3)
    assert len(scene.people) == 4
    assert generate_scene(0, 0, people=0).people == ()
    assert (generate_scene(0, 0, people=0).owners == 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 0), r"`seed=-1`: expected 0 to 4294967295"),
        ((0, 2**32), r"`index=4294967296`: expected 0 to 4294967295"),
        (
            (0, 0, (10, 4000)),
            r"`size`: the images would be 10 px wide and 4000 px high; expected 64 to 4096 px",
        ),
        ((0, 0, None, 9), r"`people=9`: expected 0 to 8"),
    ],
)
def test_invalid_arguments_are_refused(arguments: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        generate_scene(*arguments)  # type: ignore[arg-type]
