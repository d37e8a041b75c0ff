"""Tile the pictures of a folder, in the order of their names: ``python tools/contact_sheet.py DIR -o
SHEET.jpg``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy import files
from posedeploy.predict.images import read_image
from posedeploy.types import Array
from tools.command_line import run_tool

COLUMNS = 4
WIDTH, HEIGHT, GAP = 360, 270, 6
PAPER = 255


def make_cell(image: Array) -> Array:
    """Return the whole image, scaled to fit and centered, (HEIGHT, WIDTH, 3)."""
    scale = min(WIDTH / image.shape[1], HEIGHT / image.shape[0])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    cell = np.full((HEIGHT, WIDTH, 3), PAPER, np.uint8)
    top, left = (HEIGHT - small.shape[0]) // 2, (WIDTH - small.shape[1]) // 2
    cell[top : top + small.shape[0], left : left + small.shape[1]] = small
    return cell


def tile_images(images: list[Array]) -> Array:
    """Return all images, four in a row."""
    rows = -(-len(images) // COLUMNS)
    tiled = np.full((rows * (HEIGHT + GAP) + GAP, COLUMNS * (WIDTH + GAP) + GAP, 3), PAPER, np.uint8)
    for index, image in enumerate(images):
        top, left = GAP + index // COLUMNS * (HEIGHT + GAP), GAP + index % COLUMNS * (WIDTH + GAP)
        tiled[top : top + HEIGHT, left : left + WIDTH] = make_cell(image)
    return tiled


def picture_path(text: str) -> Path:
    """Return the path of a picture to write; an ``argparse`` type.

    Raises:
        ArgumentTypeError: the suffix is not that of an image format.
    """
    if not cv2.haveImageWriter(text):
        raise argparse.ArgumentTypeError(f"{text}: expected a file like picture.png or picture.jpg")
    return Path(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=picture_path, required=True)
    arguments = parser.parse_args()
    pictures = sorted(path for path in arguments.folder.iterdir() if path.suffix in (".png", ".jpg"))
    if not pictures:
        parser.error(f"{arguments.folder}: contains no .png or .jpg files")
    _, encoded = cv2.imencode(arguments.output.suffix, tile_images([read_image(path) for path in pictures]))
    with files.staged(arguments.output.parent) as stage:
        (stage / arguments.output.name).write_bytes(encoded.tobytes())
    print(f"{len(pictures)} pictures in {arguments.output}")


if __name__ == "__main__":
    run_tool(main)
