from __future__ import annotations

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.poses.weak_perspective import WeakPerspective, fit_camera
from posedeploy.types import Array

TRUE = WeakPerspective(0.23, (412.5, -37.25))


def person(noise: float = 0.0) -> tuple[Array, Array, Array]:
    """Return 17 joints in mm, their positions in px, and scores."""
    stream = np.random.RandomState(4)
    joints = stream.normal(0, 400, (17, 3))
    return joints, TRUE.project(joints) + stream.normal(0, 1, (17, 2)) * noise, stream.uniform(0.1, 1, 17)


def cost(camera: WeakPerspective, joints: Array, pixels: Array, weights: Array) -> float:
    return float((weights[:, None] * (camera.project(joints) - pixels) ** 2).sum())


@pytest.mark.parametrize("is_weighted", [False, True])
def test_the_camera_is_recovered(is_weighted: bool) -> None:
    joints, pixels, weights = person()
    camera = fit_camera(joints, pixels, weights if is_weighted else None)
    assert camera.scale == pytest.approx(TRUE.scale, rel=1e-12)
    assert camera.translation == pytest.approx(TRUE.translation, rel=1e-12)


def test_joints_without_a_score_do_not_count() -> None:
    joints, pixels, weights = person()
    weights[[2, 5]] = 0, -1
    pixels[[2, 5]] = -1, np.nan
    assert fit_camera(joints, pixels, weights).scale == pytest.approx(TRUE.scale, rel=1e-12)


def test_the_closed_form_is_as_good_as_gradient_descent() -> None:
    joints, pixels, weights = person(noise=12)
    spread = np.abs(joints).mean()
    unknown = np.array([0.0, *pixels.mean(axis=0)])
    for _ in range(1500):  # scale in units of the spread, so that one step length suits all three
        error = weights[:, None] * (unknown[0] * joints[:, :2] / spread + unknown[1:] - pixels)
        unknown -= 0.05 * np.array([(error * joints[:, :2] / spread).sum(), *error.sum(axis=0)])
    descended = WeakPerspective(float(unknown[0] / spread), (float(unknown[1]), float(unknown[2])))
    camera = fit_camera(joints, pixels, weights)
    best = cost(camera, joints, pixels, weights)
    assert best <= cost(descended, joints, pixels, weights) * (1 + 1e-12)
    assert best == pytest.approx(cost(descended, joints, pixels, weights), rel=1e-6)


def test_a_perspective_camera_projects_the_origin_to_the_same_pixel() -> None:
    x, y, z = TRUE.position_mm(800, (640, 480)).tolist()
    assert 800 * x / z + 320 == pytest.approx(412.5)
    assert 800 * y / z + 240 == pytest.approx(-37.25)
    assert 800 / z == pytest.approx(TRUE.scale)


JOINTS, PIXELS, WEIGHTS = person()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (JOINTS, PIXELS, np.where(np.arange(17) == 3, WEIGHTS, 0)),
            "1 joints with a score above 0; a camera needs at least 2",
        ),
        (
            (np.where(np.arange(51).reshape(17, 3) == 9, np.nan, JOINTS), PIXELS),
            "NaN or infinity in the joints",
        ),
        ((np.full_like(JOINTS, 0.1), PIXELS), "all joints have the same position in mm"),
        ((JOINTS, np.full_like(PIXELS, 70.1)), "all joints have the same position in px"),
        ((np.zeros_like(JOINTS), PIXELS), "all joints have the same position in mm"),
        ((JOINTS, -PIXELS), "no camera projects the 3D joints onto the 2D joints"),
    ],
    ids=["one joint", "NaN", "one point in mm", "one point in px", "zero", "mirrored"],
)
def test_joints_without_a_camera_are_rejected(arguments: tuple[Array, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_camera(*arguments)
