"""Options of a prediction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from posedeploy.predict.boxes import PersonSource
from posedeploy.predict.lifting import JointSource
from posedeploy.predict.threshold import Threshold
from posedeploy.types import Array, Camera

MeshFormat = Literal[".obj", ".glb"]


@dataclass(frozen=True)
class PredictOptions:
    """Options of a prediction.

    draw: write pictures or a video besides ``poses.json``. show: show the pictures in a window; None shows
    those of a camera if there is a display and pygame. track, smooth: ids and smoothed poses in videos and
    from cameras; smoothing needs tracking. person_source: the boxes of people, for a network that takes one
    person at a time; None uses the whole image. joint_source: the 2D joints of people, for a network that
    lifts them. faces: (triangles, 3) vertex numbers of that network's mesh; each person's mesh is then drawn
    and, for images, written to a file. threshold: selects the people to keep. refine: compute positions
    between the cells of the heatmaps.
    """

    camera: Camera = field(default_factory=Camera)
    draw: bool = True
    show: bool | None = False
    track: bool = True
    smooth: bool = True
    person_source: PersonSource | None = None
    joint_source: JointSource | None = None
    faces: Array | None = None
    mesh_format: MeshFormat = ".obj"
    threshold: Threshold = field(default_factory=Threshold)
    refine: bool = False
