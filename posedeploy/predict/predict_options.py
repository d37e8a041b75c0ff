"""How to predict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from posedeploy.predict.boxes import PersonSource
from posedeploy.predict.lifting import People
from posedeploy.predict.threshold import Threshold
from posedeploy.types import Array, Camera

MeshFormat = Literal[".obj", ".glb"]


@dataclass(frozen=True)
class PredictOptions:
    """How to predict.

    draw: write pictures or a video, besides the poses. show: in a window, too; None is for a camera alone,
    and only where there is a display and pygame. track, smooth: ids and steady poses in videos and from
    cameras; without ids there is no smoothing. finder: where people are, for a network that looks at one
    person at a time; None takes the whole image as one person's. people: where their 2D joints come
    from, for a network that lifts them. faces: (triangles, 3) of the mesh that such a network gives, which is
    drawn then and, of images, written as a file for each person. threshold: which people are kept.
    """

    camera: Camera = field(default_factory=Camera)
    draw: bool = True
    show: bool | None = False
    track: bool = True
    smooth: bool = True
    finder: PersonSource | None = None
    people: People | None = None
    faces: Array | None = None
    mesh_format: MeshFormat = ".obj"
    threshold: Threshold = field(default_factory=Threshold)
