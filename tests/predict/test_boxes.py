from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.predict.box_files.match_names import match_names
from posedeploy.predict.boxes import PersonSource, boxes_from_detector, expand_boxes, read_boxes, takes_boxes
from posedeploy.predict.chain import Predictor
from posedeploy.predict.frames import Frame, Source
from posedeploy.predict.sources import open_source
from posedeploy.printable import printable
from posedeploy.runtimes.base import Runner
from posedeploy.specs import family_spec
from posedeploy.types import Array, ModelSpec, Poses, RuntimeInfo, Tensors, TensorSpec
from tests.poses.helpers import some_poses
from tests.predict.conftest import HEIGHT, PEOPLE, WIDTH, CrowdRunner, spec_of, write_image


def person_spec() -> ModelSpec:
    """mobile-human-pose of 18 joints."""
    data = TensorSpec("data", (1, 3, 256, 256), layout="NCHW")
    coord = TensorSpec("coord", (1, 18, 3))
    return family_spec("mobile-human-pose", "", (data,), (coord,), {"coord": "coord"}, 18, cells=64)


class PersonRunner(Runner):
    """Returns every joint in the center of its box, and counts its runs."""

    def __init__(self) -> None:
        self.inputs, self.outputs = person_spec().inputs, person_spec().outputs
        self.runtime_info = RuntimeInfo("person", "1", "CPU", "fp32", 1)
        self.runs = 0

    def _run(self, tensors: Tensors) -> Tensors:
        self.runs += 1
        return {"coord": np.full((1, 18, 3), 32.0, np.float32)}


@pytest.fixture
def folder(tmp_path: Path, photo: Array) -> Path:
    """Two images, ``a.png`` and ``b.png``."""
    for name in ("a.png", "b.png"):
        write_image(tmp_path / name, photo)
    return tmp_path


def source_of(path: Path) -> Source:
    return open_source(str(path))


def boxes_in(folder: Path, content: Any) -> Path:
    path = folder / "boxes.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def found(finder: PersonSource, frame: Frame) -> list[list[float]]:
    boxes: list[list[float]] = finder.find(frame).tolist()
    return boxes


def test_a_plain_list_belongs_to_the_only_image(folder: Path) -> None:
    source = source_of(folder / "a.png")
    finder = read_boxes(boxes_in(folder, [[1, 2, 30, 40], [5, 6.5, 70, 80]]), source)
    assert finder.name == "boxes.json"
    assert found(finder, next(iter(source))) == [[1, 2, 30, 40], [5, 6.5, 70, 80]]


def test_boxes_of_a_folder_have_image_names(folder: Path) -> None:
    source = source_of(folder)
    content = [{"image": "b.png", "boxes": []}, {"image": "a.png", "boxes": [[1, 2, 30, 40]]}]
    finder = read_boxes(boxes_in(folder, content), source)
    assert [found(finder, frame) for frame in source] == [[[1, 2, 30, 40]], []]


@pytest.mark.parametrize("name", ["a\nb.png", "\x1b[1m.png"])
@pytest.mark.parametrize("form", ["as it is", "escaped", "with a folder"])
def test_an_image_name_may_be_escaped(name: str, form: str, folder: Path) -> None:
    shown = printable((folder / "a.png").rename(folder / name).name)
    image = {"as it is": name, "escaped": shown, "with a folder": f"photos/{name}"}[form]
    boxes = boxes_in(folder, [{"image": image, "boxes": [[1, 2, 30, 40]]}])
    source = source_of(folder)
    frames = {frame.name: frame for frame in source}
    assert found(read_boxes(boxes, source), frames[shown]) == [[1, 2, 30, 40]]


@pytest.mark.parametrize(
    ("images", "keys", "matches", "ambiguous"),
    [
        (["a/1.jpg", "b/1.jpg"], ["a/1.jpg"], {"a/1.jpg": "a/1.jpg"}, []),
        (["a/1.jpg", "b/1.jpg"], ["x\\a\\1.png"], {"a/1.jpg": "x\\a\\1.png"}, []),
        (["a/1.jpg", "b/1.jpg"], ["1.jpg"], {}, ["1.jpg"]),
        (["a/1.jpg", "b/1.jpg"], [1], {}, [1]),
        (["a/1.jpg", "b/2.jpg"], ["1", "02"], {"a/1.jpg": "1", "b/2.jpg": "02"}, []),
        (["1.jpg", "b/1.jpg"], ["1.jpg"], {"1.jpg": "1.jpg"}, []),
        (["1.jpg"], ["photos/1.jpg", "b/1.jpg"], {"1.jpg": "photos/1.jpg"}, []),
        (["1.jpg"], ["a/1.jpg", "b/1.jpg"], {}, []),
        (["1.v2.jpg", "1.jpg"], ["1.v2", "1"], {"1.v2.jpg": "1.v2", "1.jpg": "1"}, []),
        (["1.jpg", "1.png"], ["1.png"], {"1.png": "1.png"}, []),
        (["000139.jpg", "x.jpg"], [139], {"000139.jpg": 139}, []),
    ],
)
def test_names_match_by_the_end_of_their_paths(
    images: list[str], keys: list[str | int], matches: dict[str, str | int], ambiguous: list[str | int]
) -> None:
    files = {image: Path("/data/photos", image) for image in images}
    chosen, several = match_names(files, keys)
    assert (chosen, list(several)) == (matches, ambiguous)


def test_numbered_images_with_gaps_have_their_own_boxes(folder: Path) -> None:
    for number, name in ((1, "a.png"), (3, "b.png"), (4, "a.png")):
        shutil.copy(folder / name, folder / f"f{number}.png")
    content = [{"image": f"f{number}.png", "boxes": [[number, 2, 30, 40]]} for number in (1, 3, 4)]
    source = open_source(str(folder / "f%d.png"))
    finder = read_boxes(boxes_in(folder, content), source)
    assert [found(finder, frame)[0][0] for frame in source] == [1, 3, 4]


def test_a_byte_order_mark_is_accepted(folder: Path) -> None:
    boxes = folder.parent / "marked.json"
    boxes.write_text("[[1, 2, 30, 40]]", encoding="utf-8-sig")
    source = source_of(folder / "a.png")
    assert [found(read_boxes(boxes, source), frame) for frame in source] == [[[1, 2, 30, 40]]]


def remarks(content: Any, folder: Path) -> list[str]:
    return list(read_boxes(boxes_in(folder, content), source_of(folder)).remarks)


A, B = ({"image": name, "boxes": [[1, 2, 30, 40]]} for name in ("a.png", "b.png"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([[1, 2, 30]], r"not a JSON list of boxes \[x, y, width, height\] in px, or of"),
        ([[1, 2, 30, "x"]], "box 0 is left out: .*expected a list of four numbers; no box remains"),
        ("[[1, 2, 30, NaN]]", "box 0 is left out: NaN or infinity; expected four numbers; no box remains"),
        ({"boxes": []}, "not a JSON list of boxes"),
        ("", "not a JSON list of boxes .*: the file is empty"),
        ([{"image": "a.png"}, {"boxes": []}], 'entry 0 is left out: no "image" with a name'),
        ([A, [1, 2, 30, 40]], "some boxes have no image; put each box"),
        ([[1, 2, 30, 40]], "has 2 images; write the boxes of each image as"),
        ([{"image": "c.png", "boxes": []}], r"its boxes are for c\.png, not for .* \(a\.png, b\.png\)"),
    ],
)
def test_an_invalid_file_is_refused(folder: Path, content: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_boxes(boxes_in(folder, content), source_of(folder))


def test_extra_and_missing_images_are_reported(folder: Path) -> None:
    assert remarks([A, B], folder) == []
    extra = {"image": "c.png", "boxes": []}
    assert remarks([A, B, extra], folder) == [
        f"boxes.json: boxes for images that {folder.name} does not have: c.png"
    ]
    assert remarks([A], folder) == ["boxes.json: no boxes for b.png, so no people are found in them"]
    source = source_of(folder)
    twice = read_boxes(boxes_in(folder, [A, B, A]), source)
    assert [len(found(twice, frame)) for frame in source] == [2, 1]


def test_a_missing_file_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json: no such file"):
        read_boxes(folder / "none.json", source_of(folder))


def test_boxes_of_detected_people_are_enlarged_within_the_image() -> None:
    poses = some_poses([[[20, 10], [60, 90]], [[5, 50], [5, 150]], [[7, 7], [7, 7]], [[np.nan] * 2, [3, 3]]])
    boxes = expand_boxes(poses, np.zeros((120, 100, 3), np.uint8))
    np.testing.assert_allclose(boxes, [[12, 2, 56, 96], [0, 40, 15, 80]])
    nobody = some_poses(np.zeros((0, 2, 2)))
    assert expand_boxes(nobody, np.zeros((120, 100, 3), np.uint8)).shape == (0, 4)


def predictor(boxes: Any = None) -> tuple[Predictor, PersonRunner]:
    runner = PersonRunner()
    return Predictor(runner, person_spec(), boxes=boxes), runner


def test_each_box_becomes_a_person(photo: Array) -> None:
    boxes = np.array([[10, 10, 51, 51], [200, 100, 41, 81]])
    one_by_one, runner = predictor()
    poses = one_by_one(photo, boxes)
    assert len(poses) == runner.runs == 2
    np.testing.assert_allclose(poses.keypoints[:, 0, :2], [[35, 35], [220, 140]], atol=1e-3)
    assert poses.keypoints_3d is not None and poses.keypoints_3d.shape == (2, 18, 4)
    nobody = one_by_one(photo, np.zeros((0, 4)))
    assert nobody.keypoints.shape == (0, 18, 3)
    assert nobody.keypoints_3d is not None and nobody.keypoints_3d.shape == (0, 18, 4)
    whole = one_by_one(photo)
    assert whole.keypoints[0, 0, :2].tolist() == pytest.approx([(WIDTH - 1) / 2, (HEIGHT - 1) / 2], abs=1e-3)


def test_a_stream_keeps_frames_with_their_people(photo: Array) -> None:
    counts = [0, 2, 1, 0, 0, 3, 0]
    taken: list[int] = []

    def boxes(frame: Frame) -> Array:
        taken.append(frame.index)
        return np.tile([10.0 + frame.index, 10, 51, 51], (counts[frame.index], 1))

    streaming, _ = predictor(boxes)
    frames = [Frame(f"{index}.png", photo, index) for index in range(len(counts))]
    results = []
    for frame, poses in streaming.stream(frames):
        results.append((frame.index, len(poses)))
        if len(poses):
            assert poses.keypoints[0, 0, 0] == pytest.approx(35 + frame.index, abs=1e-3)
        assert len(taken) <= len(results) + 4  # frames without people do not pile up
    assert results == list(enumerate(counts))


def test_a_frame_with_an_unusable_box_is_skipped_and_reported(photo: Array) -> None:
    places = [[10.0, 10, 50, 50], [900.0, 10, 50, 50], [20.0, 10, 50, 50]]
    frames = [Frame(f"{index}.png", photo, index) for index in range(3)]
    streaming, _ = predictor(lambda frame: np.array([places[frame.index]]))
    refused: list[str] = []
    assert [frame.index for frame, _ in streaming.stream(frames, refused)] == [0, 2]
    assert refused == [
        "1.png: the box [900, 10, 50, 50] (x, y, width, height) lies outside the image of "
        f"{WIDTH}x{HEIGHT} px"
    ]
    with pytest.raises(InputError, match=r"1\.png: the box"):
        list(streaming.stream(frames))


def test_another_network_detects_the_boxes(photo: Array) -> None:
    crowd = spec_of("lightweight-openpose-2d", height=HEIGHT, width=WIDTH)
    detector = Predictor(CrowdRunner(crowd), crowd)
    finder = boxes_from_detector(detector, "crowd.onnx")
    streaming, _ = predictor(finder.find)
    ((_, poses),) = streaming.stream([Frame("a.png", photo, 0)])
    assert len(poses) == PEOPLE
    centers = poses.keypoints[:, 0, :2]
    for box in detector(photo).boxes:
        assert (np.abs(centers - (box[:2] + box[2:] / 2)) < box[2:].max()).all(axis=1).any()


def test_a_detector_runs_on_the_whole_image() -> None:
    one, _ = predictor()
    message = "`detector=a.xml`: mobile-human-pose takes one person at a time and cannot detect people"
    with pytest.raises(InputError, match=message):
        boxes_from_detector(one, "a.xml")
    assert takes_boxes(person_spec())
    assert not takes_boxes(spec_of("lightweight-openpose-3d"))
    assert isinstance(one(np.zeros((9, 9, 3), np.uint8)), Poses)
