"""An example of a user's own network: Keypoint R-CNN of torchvision, which finds all people in an image.

Its number of people depends on the image. It needs the package torchvision, and its contract is
``keypointrcnn_resnet50_fpn.toml`` in the same folder. The checkpoint is a file with the state dict of
``torchvision.models.detection.keypointrcnn_resnet50_fpn``. ::

    posedeploy export weights.pth --network examples/keypointrcnn_resnet50_fpn.py:build --to torchscript
    posedeploy predict artifacts/weights.torchscript photo.jpg -o poses/
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models.detection import keypointrcnn_resnet50_fpn


def build() -> nn.Module:
    """Return the network with random weights; posedeploy then loads those of the checkpoint."""
    return KeypointRcnn()


class KeypointRcnn(nn.Module):
    """Returns the boxes (people, 4), scores (people,) and keypoints (people, 17, 3) of an image (1, 3, H, W).

    torchvision takes a list of images with values from 0 to 1, and returns a list of dictionaries. The last
    value of a keypoint is its score, which replaces torchvision's constant visibility.
    """

    def __init__(self) -> None:
        super().__init__()
        network = keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None)
        # The children keep the names of the tensors in the checkpoint.
        self.transform, self.backbone = network.transform, network.backbone
        self.rpn, self.roi_heads = network.rpn, network.roi_heads

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        sizes = [(image.shape[2], image.shape[3])]
        images, _ = self.transform([image[0]])
        features = self.backbone(images.tensors)
        proposals, _ = self.rpn(images, features)
        people, _ = self.roi_heads(features, proposals, images.image_sizes)
        results = self.transform.postprocess(people, images.image_sizes, sizes)[0]
        scores = results["keypoints_scores"].sigmoid()[..., None]
        keypoints = torch.cat([results["keypoints"][..., :2], scores], dim=2)
        return results["boxes"], results["scores"], keypoints
