"""Describe a source and what was not written, for ``poses.json``."""

from __future__ import annotations

from posedeploy.families import mesh_output
from posedeploy.predict.boxes import takes_boxes
from posedeploy.predict.frames import Source
from posedeploy.predict.poses_json import SourceRecord
from posedeploy.predict.predict_options import PredictOptions
from posedeploy.printable import printable
from posedeploy.types import Artifact

WHOLE_IMAGE = "the whole image"


def describe_source(
    source: Source, artifact: Artifact, options: PredictOptions, frames: int, *, is_tracked: bool = False
) -> SourceRecord:
    """Return the record of a source of which ``frames`` were processed, for ``poses.json``."""
    persons, joints = options.person_source, options.joint_source
    origin = joints or persons
    no_boxes = WHOLE_IMAGE if takes_boxes(artifact.spec) else None
    return SourceRecord(
        name=source.name,
        kind=source.kind,
        frames=frames,
        expected_frames=source.total,
        skipped_files=len(source.skipped),
        skipped=source.skipped,
        fps=source.fps if source.is_video else None,
        tracked=is_tracked,
        smoothed=is_tracked and options.smooth,
        refined=options.refine,
        boxes=printable(persons.name) if persons else no_boxes,
        joints=printable(joints.name) if joints else None,
        detector=origin.producer if origin else None,
        min_keypoints=options.threshold.min_keypoints,
        min_score=options.threshold.min_score,
    )


def list_mesh_remarks(source: Source, artifact: Artifact, options: PredictOptions) -> list[str]:
    """Return the reasons why meshes are not drawn or written."""
    if mesh_output(artifact.spec) is None:
        return []
    if options.faces is None:
        return ["no mesh is drawn or written: its triangles are unknown; pass a mesh with `mesh=FILE`"]
    if source.is_video:
        return [f"{source.name}: no mesh files are written: they are written for images only"]
    return []
