from __future__ import annotations

import numpy as np

from posedeploy.poses.draw_mesh import OPACITY, draw_mesh
from posedeploy.poses.weak_perspective import WeakPerspective

CAMERA = WeakPerspective(0.1, (50, 50))
SQUARE = np.array([(-300, -300, 0), (300, -300, 0), (300, 300, 0), (-300, 300, 0)], np.float64)
FACES = np.array([(0, 1, 2), (0, 2, 3)])


def test_only_pixels_of_the_mesh_change() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    draw_mesh(image, SQUARE, FACES, CAMERA, (200, 100, 50))
    assert image[25:75, 25:75].min() > 0
    assert not image[:18].any() and not image[:, :18].any() and not image[82:].any()


def test_near_triangles_hide_far_ones() -> None:
    near = SQUARE * 0.5 - (0, 0, 400)
    tilted = near + np.array([(0, 0, 0), (0, 0, 0), (0, 0, 300), (0, 0, 300)])
    vertices, faces = np.concatenate([tilted, SQUARE]), np.concatenate([FACES, FACES + 4])
    shades = []
    for order in (faces, faces[::-1]):
        image = np.zeros((100, 100, 3), np.uint8)
        draw_mesh(image, vertices, order, CAMERA, (250, 250, 250))
        shades.append((image[50, 45, 0], image[25, 25, 0]))
    assert shades[0] == shades[1]
    assert shades[0][0] != shades[0][1]


def test_both_sides_have_one_shade_and_the_mesh_is_translucent() -> None:
    images = []
    for faces in (FACES, FACES[:, ::-1]):
        image = np.full((100, 100, 3), 255, np.uint8)
        draw_mesh(image, SQUARE, faces, CAMERA, (0, 0, 0))
        images.append(image)
    np.testing.assert_array_equal(*images)
    assert abs(int(images[0][50, 50, 0]) - 255 * (1 - OPACITY)) <= 1
