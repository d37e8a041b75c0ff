"""Evaluation on a Ray cluster: workers detect the people, and this process scores them."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Unpack

from posedeploy import plugins
from posedeploy.api.evaluating import check_annotated_size, evaluate
from posedeploy.api.evaluation_report import EvaluationReport
from posedeploy.api.model_args import ModelKeywords, optional_path
from posedeploy.api.person_sources import PersonArgs
from posedeploy.api.writing_poses import PredictSettings
from posedeploy.argument_types import check_arguments
from posedeploy.benchmarks.annotations import Annotations
from posedeploy.convert.export_options import ignore_progress
from posedeploy.errors import InputError
from posedeploy.predict.chain import Predictor
from posedeploy.scaling.image_list import ImageRef
from posedeploy.scaling.image_worker import ImageWorker
from posedeploy.scaling.poses_table import ImageRow
from posedeploy.scaling.ray_settings import RaySettings
from posedeploy.scaling.shard_job import (
    ShardJob,
    choose_worker_options,
    resolve_model_args,
    resolve_model_path,
    resolve_setting_paths,
)
from posedeploy.types import OnProgress, Poses, Precision, RunOptions, StrPath

logger = logging.getLogger(__name__)
TASK_IMAGES = 16
"""The number of images that a worker takes at once."""
MAX_RETRIES = 2
"""How often images are processed again, because their worker died."""


@check_arguments
def evaluate_on_ray(
    model: StrPath | None,
    annotations: StrPath,
    images: StrPath | Iterable[StrPath],
    ray: RaySettings | None = None,
    *,
    device: str = "cpu",
    precision: Precision | None = None,
    threads: int | None = None,
    runtime: str | None = None,
    limit: int | None = None,
    refine: bool = False,
    detector: StrPath | None = None,
    detector_spec: StrPath | None = None,
    on_progress: OnProgress = ignore_progress,
    **model_args: Unpack[ModelKeywords],
) -> EvaluationReport:
    """Score a network on a Ray cluster, with the same result as ``evaluate``.

    The workers detect the people, and this process scores them.

    Args:
        model: all nodes have it under the same path.
        images: as for ``model``.
        ray: the address of the cluster and the number of workers; the other fields are not used.
        threads: the CPU threads of each worker; None for 1.

    Raises:
        ClusterError: the cluster cannot be reached, or a node cannot run the job.
        PoseDeployError: as in ``evaluate``.
    """
    plugins.module("posedeploy.scaling.cluster")
    persons = PersonArgs(detector=optional_path(detector), contract=optional_path(detector_spec))
    job = ShardJob(
        source="the annotated images",
        model=resolve_model_path(model),
        settings=resolve_setting_paths(PredictSettings(persons=persons, refine=refine, draw=False)),
        options=choose_worker_options(RunOptions(device, precision, threads, "throughput")),
        runtime=runtime,
        model_args=resolve_model_args(model_args),
    )
    return evaluate(
        model,
        annotations,
        images,
        device=device,
        precision=precision,
        threads=job.options.threads,
        runtime=runtime,
        limit=limit,
        refine=refine,
        detector=detector,
        detector_spec=detector_spec,
        stream_poses=partial(_stream_on_ray, job, ray or RaySettings(), on_progress),
        on_progress=on_progress,
        **model_args,
    )


def _stream_on_ray(
    job: ShardJob,
    ray: RaySettings,
    on_progress: OnProgress,
    predictor: Predictor,
    annotations: Annotations,
    paths: Mapping[int | str, Path],
    errors: list[str],
) -> Generator[tuple[int, Poses], None, None]:
    refs = [ImageRef(image.file_name, str(paths[image.id].absolute())) for image in annotations.images]
    for row in _compute_rows(job, ray, refs, on_progress):
        image = annotations.images[row.index]
        if row.poses is None or row.size is None:
            errors.append(str(row.error))
            continue
        try:
            check_annotated_size(paths[image.id], row.size[::-1], image)
        except InputError as error:
            errors.append(str(error))
            continue
        if row.remark is not None:
            logger.info(f"{image.file_name}: {row.remark}")
        yield row.index, row.poses


def _compute_rows(
    job: ShardJob, ray: RaySettings, refs: Sequence[ImageRef], on_progress: OnProgress
) -> Iterator[ImageRow]:
    """Yield the result of each image in the order of the annotations, which breaks ties of scores."""
    pool = plugins.module("posedeploy.scaling.worker_pool")
    tasks = [(first, refs[first : first + TASK_IMAGES]) for first in range(0, len(refs), TASK_IMAGES)]
    waiting: dict[int, list[ImageRow]] = {}
    next_index = 0
    on_progress("starting Ray", None)
    with plugins.load("posedeploy.scaling.cluster:connect")(ray.address) as cluster:
        size = pool.choose_pool_size(ray.workers, job.options, len(tasks), cluster)
        pool.report_start(size, cluster, on_progress)
        computed = pool.compute_tasks(partial(ImageWorker, job), tasks, size, max_retries=MAX_RETRIES)
        with closing(computed) as outcomes:
            for outcome in outcomes:
                rows: list[ImageRow] = outcome.take()
                waiting[rows[0].index] = rows
                while next_index in waiting:
                    ready = waiting.pop(next_index)
                    next_index += len(ready)
                    yield from ready
