"""The score of a network on annotated images, and its JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from posedeploy import artifact_files
from posedeploy.benchmarks.annotations import Annotations
from posedeploy.benchmarks.detections import Detection
from posedeploy.benchmarks.evaluation import Evaluation
from posedeploy.benchmarks.machine_info import Machine, describe_machine
from posedeploy.benchmarks.oks import THRESHOLDS
from posedeploy.text_files import format_json
from posedeploy.types import Artifact

AVERAGES = ("ap", "ap50", "ap75", "ar", "ar50", "ar75")


@dataclass(frozen=True)
class EvaluationReport:
    """COCO keypoint AP and AR of one network, for all people and for large ones.

    annotations: those that were scored, with remarks. detector: the model that detected the people, for a
    network of one person. is_refined: whether positions lie between the cells of the heatmaps.
    """

    evaluation: Evaluation
    annotations: Annotations
    artifact: Artifact
    detector: Path | None = None
    is_refined: bool = False
    machine: Machine = field(default_factory=describe_machine)

    @property
    def ap(self) -> float | None:
        """The average precision over OKS 0.50 to 0.95 of all people; None without people."""
        return self.evaluation.slices[0].ap

    @property
    def ar(self) -> float | None:
        """The average recall over OKS 0.50 to 0.95 of all people; None without people."""
        return self.evaluation.slices[0].ar

    @property
    def remarks(self) -> tuple[str, ...]:
        """Messages on implausible annotations, and on images and people that were left out."""
        return self.annotations.remarks

    def to_json(self) -> str:
        """Return the versioned document; docs/json.md lists its fields."""
        result, artifact, annotations = self.evaluation, self.artifact, self.annotations
        contract = artifact.spec.contract
        return format_json(
            {
                "format": "posedeploy.evaluate",
                "version": 1,
                "machine": asdict(self.machine),
                "label": result.label,
                "model_sha256": artifact_files.hashes_of(artifact),
                "runtime_info": asdict(result.runtime_info),
                "detector": None if self.detector is None else str(self.detector),
                "annotations": str(annotations.path),
                "annotations_sha256": annotations.sha256,
                "images": result.images,
                "height": contract.height if contract is not None else None,
                "refined": self.is_refined,
                "keypoints": result.keypoints,
                "unscored_keypoints": result.unscored_keypoints,
                "remarks": self.remarks,
                "thresholds": THRESHOLDS,
                "slices": [
                    asdict(part) | {name: getattr(part, name) for name in AVERAGES} for part in result.slices
                ],
                "detections": [_result(each, annotations.category_id) for each in result.detections],
            }
        )


def _result(detection: Detection, category: int) -> dict[str, Any]:
    return {
        "image_id": detection.image_id,
        "category_id": category,
        "keypoints": np.round(detection.keypoints, 3).ravel().tolist(),
        "score": detection.score,
    }
