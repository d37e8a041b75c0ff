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
from posedeploy.benchmarks.machine_info import Machine, this_machine
from posedeploy.benchmarks.oks import THRESHOLDS
from posedeploy.text_files import format_json
from posedeploy.types import Artifact

AVERAGES = ("ap", "ap50", "ap75", "ar", "ar50", "ar75")


@dataclass(frozen=True)
class EvaluationReport:
    """COCO's keypoint AP and AR of one network, for all people and for the large ones.

    artifact: the network. annotations: what was scored, with remarks on what was left out. detector: what
    found the people for a network of one person. is_refined: positions lie between the cells of the heatmaps.
    """

    evaluation: Evaluation
    annotations: Annotations
    artifact: Artifact
    detector: Path | None = None
    is_refined: bool = False
    machine: Machine = field(default_factory=this_machine)

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
        """What is doubtful about the annotations, and what was left out, a sentence each."""
        return self.annotations.remarks

    def to_json(self) -> str:
        """Return the versioned document; ``detections`` are as COCO's own tools read results. docs/json.md
        lists its fields."""
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
                "left_out": result.left_out,
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
