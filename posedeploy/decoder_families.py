"""The table of decoders: families without a network of their own, for networks that a contract describes.

A new decoder is one file in ``poses/`` and one row here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DecoderFamily:
    """A decoding that many networks share.

    poses: its module. roles: the outputs that it reads. networks: those that it decodes.
    """

    name: str
    poses: str
    task: str
    roles: str
    networks: str


DECODER_FAMILIES = {
    family.name: family
    for family in (
        DecoderFamily(
            name="heatmap",
            poses="posedeploy.poses.heatmap",
            task="one person in a box, 2D, from a heatmap for each keypoint",
            roles="heatmaps",
            networks="HRNet, SimpleBaseline, ViTPose",
        ),
        DecoderFamily(
            name="simcc",
            poses="posedeploy.poses.simcc",
            task="one person in a box, 2D, from a vector for x and y of each keypoint",
            roles="simcc_x, simcc_y",
            networks="RTMPose, RTMW",
        ),
        DecoderFamily(
            name="coordinates",
            poses="posedeploy.poses.coordinates",
            task="one person in a box or an image, 2D or 3D, from coordinates",
            roles="keypoints; optionally world and presence",
            networks="BlazePose, MoveNet for one person, DeepPose",
        ),
        DecoderFamily(
            name="one-stage",
            poses="posedeploy.poses.one_stage",
            task="all people in an image, 2D, from a box, a score and keypoints for each anchor",
            roles="detections; optionally scores and keypoints",
            networks="YOLO-pose, RTMO, Keypoint R-CNN",
        ),
    )
}
