"""Calls of ``predict`` with a network of known people, a camera, and readers of the results."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from posedeploy.predict.frames import Frame, Kind, Source
from posedeploy.predict.predict_options import PredictOptions
from posedeploy.predict.run import Prediction, predict
from posedeploy.predict.sources import open_source
from posedeploy.types import Array, Artifact
from tests.predict.conftest import CrowdRunner


def run(
    source: Path,
    artifact: Artifact,
    folder: Path,
    on_progress: Callable[[int, int | None], None] | None = None,
    **options: Any,
) -> Prediction:
    runner = CrowdRunner(artifact.spec)
    return predict(open_source(str(source)), runner, artifact, folder, PredictOptions(**options), on_progress)


def document(folder: Path) -> Any:
    return json.loads((folder / "poses.json").read_text(encoding="utf-8"))


def read_video(path: Path) -> list[Array]:
    capture, frames = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        frames.append(read[1])
    return frames


class Camera(Source):
    """A camera with 50 equal frames. The frames from ``turned_at`` on are rotated by 90 degrees."""

    kind: Kind = "camera"

    def __init__(self, image: Array, turned_at: int = 50) -> None:
        super().__init__("camera-0", (), None)
        self._images = [image] * turned_at + [np.rot90(image)] * (50 - turned_at)

    def __iter__(self) -> Iterator[Frame]:
        for index, image in enumerate(self._images):
            yield Frame(self.name, image, index, index / self.fps)
