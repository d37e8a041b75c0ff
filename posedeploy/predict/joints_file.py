"""A ``.npy`` file of 2D joints, as a source of one frame: a blank ground that holds them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from posedeploy.errors import InputError
from posedeploy.files import DAMAGED
from posedeploy.predict.frames import Frame, Kind, Source
from posedeploy.types import Array

SUFFIX = ".npy"
GROUND = (247, 250, 252)
LEAST, MOST = 256, 8192
"""px of the ground's sides."""


class JointsFile(Source):
    """joints: what the file holds, as it is; the network that takes them says whether they fit."""

    kind: Kind = "joints"

    def __init__(self, path: Path) -> None:
        """
        Raises:
            InputError: it cannot be read, or is no array.
        """
        super().__init__(path.name, (path,), 1)
        try:
            with path.open("rb") as file:
                content: Any = np.load(file, allow_pickle=False)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from error
        except DAMAGED as error:
            raise InputError(
                f"{path}: damaged, or not an array of numbers; wanted joints as numpy.save writes them"
            ) from error
        if not isinstance(content, np.ndarray):
            raise InputError(f"{path}: several arrays in one file; wanted one, as numpy.save writes it")
        self.joints: Array = content

    def __iter__(self) -> Iterator[Frame]:
        """One frame, a tenth larger than the joints reach.

        Raises:
            InputError: they reach too far to be px of an image.
        """
        points = self.joints[..., :2].reshape(-1, 2)
        reach = points.max(axis=0) * 1.1
        if reach.max() > MOST:
            raise InputError(
                f"{self.name}: joints reach to {reach.max() / 1.1:g}; wanted px of an image of at most "
                f"{MOST} px"
            )
        width, height = np.maximum(np.ceil(reach), LEAST).astype(int).tolist()
        yield Frame(self.name, np.full((height, width, 3), GROUND, np.uint8), 0)
