"""Images that reveal wrong exports: plain colors, noise, nobody, a crowd, and people at the border or of
extreme sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from posedeploy.benchmarks.input_shapes import get_image_size
from posedeploy.benchmarks.inputs import SEED, generate_noise_images
from posedeploy.poses.crops import BOX_FITS
from posedeploy.synthetic import MAX_SIDE, MIN_SIDE, generate_scene
from posedeploy.types import Array, ModelSpec

CROWD = 8
"""The number of people in a crowd."""
CUTOUT_SCENE, CUTOUT_SIDE = 7, 320
"""The scene that the single person is cut out of, and the side of its image in px."""
CHANGED_SCALE = 1.5
"""The size of images of extreme aspect ratio, relative to the input: they must be resized."""
ASPECT = 6
"""The ratio of the sides of wide and tall images."""


@dataclass(frozen=True)
class HardImage:
    """One image, or one image for each place of a batch.

    image: (H, W, 3) uint8 BGR, or (batch, H, W, 3). box: (4,) x, y, width and height in px of the person, for
    a single-person network; None for the whole image.
    """

    name: str
    image: Array
    has_people: bool = True
    box: Array | None = None


def generate_hard_images(spec: ModelSpec) -> list[HardImage]:
    """Return the hard images for a spec with a fixed size, the same in every run."""
    height, width = (min(max(MIN_SIDE, length), MAX_SIDE) for length in get_image_size(spec))
    nobody = generate_scene(SEED, 0, (width, height), 0).image
    person = _paste_person(nobody, 0.8, (0.5, 0.5))
    crowd = generate_scene(SEED, 1, (width, height), CROWD).image
    noise = cv2.resize(generate_noise_images(spec, 1)[0], (width, height), interpolation=cv2.INTER_NEAREST)
    images = [
        HardImage("noise", noise, has_people=False),
        HardImage("black", np.zeros_like(nobody), has_people=False),
        HardImage("white", np.full_like(nobody, 255), has_people=False),
        HardImage("nobody", nobody, has_people=False),
        HardImage("one person", person),
        HardImage("a crowd", crowd),
        HardImage("a huge person", _paste_person(nobody, 2.5, (0.5, 0.9))),
    ]
    assert spec.contract is not None, "the network takes images"
    is_crop = spec.contract.fit in BOX_FITS
    return [*images, *(_list_boxes(person) if is_crop else _list_whole_images(nobody))]


def _list_whole_images(nobody: Array) -> Iterator[HardImage]:
    """Yield hard images for a network on whole images."""
    yield HardImage("a person cut by the border", _paste_person(nobody, 0.9, (0.0, 0.6)))
    yield HardImage("a tiny person", _paste_person(nobody, 0.1, (0.7, 0.4)))
    height, width = (round(CHANGED_SCALE * length) for length in nobody.shape[:2])
    for name, size in (
        ("a wide image", (width, max(1, width // ASPECT))),
        ("a tall image", (max(1, height // ASPECT), height)),
    ):
        stretched = cv2.resize(nobody, size, interpolation=cv2.INTER_LINEAR)
        yield HardImage(name, _paste_person(stretched, 0.8, (0.5, 0.5)))


def _list_boxes(person: Array) -> Iterator[HardImage]:
    """Yield boxes in the image of one person for a single-person network."""
    height, width = person.shape[:2]
    for name, (x, y, w, h) in {
        "a box cut by the border": (0.55, 0.4, 0.7, 0.8),
        "a tiny box": (0.45, 0.4, 6 / width, 9 / height),
        "a wide box": (0, 0.45, 1, max(4 / height, 1 / ASPECT / 2)),
        "a tall box": (0.45, 0, max(4 / width, 1 / ASPECT / 2), 1),
    }.items():
        box = np.array([x * width, y * height, w * width, h * height])
        yield HardImage(name, person, box=box)


def _paste_person(backdrop: Array, height: float, center: tuple[float, float]) -> Array:
    """Return the backdrop with the person of ``CUTOUT_SCENE``.

    Args:
        height: of the person, relative to the backdrop. center: of the person, x and y relative to the
            backdrop; the border may cut the person.
    """
    scene = generate_scene(SEED, CUTOUT_SCENE, (CUTOUT_SIDE, CUTOUT_SIDE), 1)
    x, y, w, h = map(int, scene.people[0].box)
    scale = height * backdrop.shape[0] / h
    size = max(2, round(w * scale)), max(2, round(h * scale))
    pixels = cv2.resize(scene.image[y : y + h, x : x + w], size, interpolation=cv2.INTER_LINEAR)
    owners = (scene.owners[y : y + h, x : x + w] == 1).astype(np.uint8)
    is_person = cv2.resize(owners, size, interpolation=cv2.INTER_NEAREST).astype(np.bool_)
    left = round(center[0] * backdrop.shape[1] - size[0] / 2)
    top = round(center[1] * backdrop.shape[0] - size[1] / 2)
    rows = slice(max(0, top), min(backdrop.shape[0], top + size[1]))
    columns = slice(max(0, left), min(backdrop.shape[1], left + size[0]))
    inside = np.s_[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    image = backdrop.copy()
    image[rows, columns][is_person[inside]] = pixels[inside][is_person[inside]]
    return image


def pack_images(images: Sequence[HardImage], batch: int) -> list[HardImage]:
    """Return the images in batches with another image in each place; images repeat if there are too few.

    Images whose size differs from that of the first, and images with a box, stay single; building their input
    alternates the image with its mirror.
    """
    if batch == 1:
        return list(images)
    same = [each for each in images if each.box is None and each.image.shape == images[0].image.shape]
    others = [each for each in images if not any(each is one for one in same)]
    starts = range(0, len(same), batch)
    packed = [_stack([same[(start + place) % len(same)] for place in range(batch)]) for start in starts]
    return packed + others


def repeat_image(image: HardImage, batch: int) -> HardImage:
    """Return a batch with the same image in each place."""
    name = f"batch of {batch}: {image.name} in each place"
    return replace(image, name=name, image=np.stack([image.image] * batch))


def _stack(images: Sequence[HardImage]) -> HardImage:
    names = [each.name for each in images]
    listed = ", ".join(names) if len(names) < 4 else f"{names[0]} to {names[-1]}"
    return HardImage(
        f"batch of {len(images)}: {listed}",
        np.stack([each.image for each in images]),
        any(each.has_people for each in images),
    )
