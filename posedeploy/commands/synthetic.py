"""``posedeploy synthetic``: images of synthetic people with known joints."""

from __future__ import annotations

from pathlib import Path

from posedeploy.console.output import out, show_count
from posedeploy.printable import counted
from posedeploy.synthetic.coco_annotations import write_images


def run(
    count: int,
    seed: int,
    folder: Path,
    size: tuple[int, int] | None,
    people: int | None,
    keypoint_set: str,
) -> None:
    """Write the images of ``size`` (height, width) in px and print the paths."""
    width_first = None if size is None else (size[1], size[0])
    with show_count(f"writing images to {folder}") as on_progress:
        annotations, *images = write_images(
            folder, count, seed, width_first, people, keypoint_set, on_progress
        )
    out.print(f"{counted(len(images), 'image')} of seed {seed}")
    for line in (annotations, f"{images[0]}" + (f" to {images[-1].name}" if len(images) > 1 else "")):
        out.print(f"  {line}", markup=False, soft_wrap=True)
