from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

from posedeploy.types import Array
from tests.benchmarks import coco
from tests.commands.conftest import Invoke, fill, lines_wider_than, words
from tests.predict.conftest import HEIGHT, PEOPLE, WIDTH, write_image
from tests.support.lifting import small_gtrs, small_pose2mesh, write

IMAGES = ("a.png", "b.png")
GIVEN = ("--annotations", "people.json", "--images", "photos")


@pytest.fixture
def people(human: Path, photo: Array, done: Invoke, tmp_path: Path) -> list[dict[str, Any]]:
    """Annotations, in ``people.json``, of the people that the network finds in the images of ``photos``."""
    (tmp_path / "photos").mkdir()
    for name in IMAGES:
        write_image(tmp_path / "photos" / name, photo)
    done("predict", human / "out" / "human.onnx", "photos", "-o", "found", "--no-draw")
    found = json.loads(Path("found/poses.json").read_text())
    entries = []
    for person in found["annotations"]:
        keypoints = np.reshape(person["keypoints"], (-1, 3))
        keypoints[keypoints[:, 2] == 0, 2] = -1
        entries.append(coco.person(person["image_id"], keypoints[list(coco.OURS)]))
    coco.write(tmp_path / "people.json", dict.fromkeys(IMAGES, (WIDTH, HEIGHT)), entries)
    return entries


def test_the_height_of_the_images_can_be_changed(
    people: list[dict[str, Any]], human: Path, done: Invoke, refused: Callable[..., str]
) -> None:
    for height in (128, 256):
        done("evaluate", *GIVEN, "--height", height, "--json", "e.json")
        assert json.loads(Path("e.json").read_text())["height"] == height
    assert "of a fixed height" in refused("evaluate", human / "out" / "human.onnx", *GIVEN, "--height", 64)


def test_every_runtime_finds_all_people(
    people: list[dict[str, Any]], human: Path, network: tuple[str, str], done: Invoke
) -> None:
    out = human / "out"
    runs = [
        ((human / "human.pth", *network), "pytorch"),
        ((out / "human.torchscript",), "torchscript"),
        ((out / "human.onnx",), "onnxruntime"),
        ((out / "human.onnx", "--runtime", "openvino"), "openvino"),
        ((out / "human.xml",), "openvino"),
    ]
    for arguments, runtime in runs:
        _finds_everyone(people, done, arguments, runtime)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "name", "runtime"), [("tflite", "human.tflite", "litert"), ("aoti", "human.pt2", "aoti")]
)
def test_the_other_runtimes_find_all_people(
    people: list[dict[str, Any]],
    human: Path,
    network: tuple[str, str],
    done: Invoke,
    target: str,
    name: str,
    runtime: str,
) -> None:
    done("export", human / "human.pth", "--to", target, "-o", "more", *network)
    _finds_everyone(people, done, (Path("more", name),), runtime)


def _finds_everyone(
    people: list[dict[str, Any]], done: Invoke, arguments: tuple[Any, ...], runtime: str
) -> None:
    result = done("evaluate", *arguments, *GIVEN, "--json", "e.json")
    document = json.loads(Path("e.json").read_text())
    assert (document["format"], document["version"]) == ("posedeploy.evaluate", 1)
    assert document["runtime_info"]["runtime"] == runtime
    assert document["label"] == str(arguments[0])
    assert (document["images"], len(document["detections"])) == (2, 2 * PEOPLE)
    assert [part["name"] for part in document["slices"]] == ["all", "large"]
    for part in document["slices"]:
        assert part["people"] == 2 * PEOPLE
        averages = [part[name] for name in ("ap", "ap50", "ap75", "ar", "ar50", "ar75")]
        assert averages == pytest.approx([1.0] * 6)
        assert len(part["precision"]) == len(part["recall"]) == len(document["thresholds"]) == 10
    found = [detection["keypoints"] for detection in document["detections"]]
    np.testing.assert_allclose(found[0][:2], people[0]["keypoints"][:2], atol=2e-3)
    assert "all 4 1.000 1.000 1.000 1.000 1.000 1.000" in words(result.stdout)
    assert "at least 1/3 of the image high 4 1.000" in words(result.stdout)
    assert (
        "4 people detected in 2 images; 17 keypoints scored; not scored, because the model or the "
        "annotations lack them: neck" in words(result.stdout)
    )
    assert "Running per image evaluation" not in result.output
    assert not lines_wider_than(80, "\n".join(result.stdout.splitlines()[2:]))


@pytest.mark.parametrize("made", [small_gtrs, small_pose2mesh])  # of which one stands on a mesh
def test_a_network_on_joints_is_refused(
    people: list[dict[str, Any]], human: Path, refused: Callable[..., str], made: Callable[[], nn.Module]
) -> None:
    body, detector = write(made(), Path("body.pth.tar")), human / "out" / "human.onnx"
    message = refused("evaluate", body, *GIVEN, "--detector", detector)
    assert "body.pth.tar: " in message and "so it cannot detect people; use a network" in message


def test_refined_positions_are_scored_and_recorded(
    people: list[dict[str, Any]], human: Path, done: Invoke
) -> None:
    found = []
    for options in ((), ("--refine",)):
        done("evaluate", human / "out" / "human.onnx", *GIVEN, *options, "--json", "e.json")
        document = json.loads(Path("e.json").read_text())
        assert document["refined"] == bool(options)
        found.append([person["keypoints"] for person in document["detections"]])
    assert found[0] != found[1]
    np.testing.assert_allclose(found[0], found[1], atol=4)


def test_a_missed_person_and_a_limit_change_the_scores(
    people: list[dict[str, Any]], human: Path, done: Invoke
) -> None:
    shifted = np.reshape(people[0]["keypoints"], (-1, 3)) + np.array([300, 0, 0])
    more = [*people, coco.person(1, shifted)]
    coco.write(Path("people.json"), dict.fromkeys(IMAGES, (WIDTH, HEIGHT)), more)
    onnx = human / "out" / "human.onnx"
    done("evaluate", onnx, *GIVEN, "--json", "e.json")
    (everyone, _) = json.loads(Path("e.json").read_text())["slices"]
    assert (everyone["people"], everyone["ar"]) == (2 * PEOPLE + 1, pytest.approx(0.8))
    done("evaluate", onnx, *GIVEN, "--limit", 1, "--json", "e.json")
    document = json.loads(Path("e.json").read_text())
    assert (document["images"], document["slices"][0]["people"]) == (1, PEOPLE + 1)
    assert document["slices"][0]["ar"] == pytest.approx(2 / 3)


def test_an_average_without_people_is_absent(people: list[dict[str, Any]], human: Path, done: Invoke) -> None:
    small = [person | {"bbox": [*person["bbox"][:3], 20.0]} for person in people]
    coco.write(Path("people.json"), dict.fromkeys(IMAGES, (WIDTH, HEIGHT)), small)
    result = done("evaluate", human / "out" / "human.onnx", *GIVEN, "--json", "e.json")
    large = json.loads(Path("e.json").read_text())["slices"][1]
    assert (large["people"], large["ap"], large["precision"]) == (0, None, [])
    (line,) = (line for line in result.stdout.splitlines() if line.startswith("at least 1/3"))
    assert line.split()[-1] == "0"


@pytest.mark.slow
def test_the_default_model_is_the_sample(people: list[dict[str, Any]], done: Invoke) -> None:
    result = done("evaluate", *GIVEN, "--limit", 1)
    assert result.stdout.startswith("sample\npytorch ")
    assert "the built-in sample" in result.stderr


def test_annotations_of_other_tools_are_read(people: list[dict[str, Any]], human: Path, done: Invoke) -> None:
    """Other spellings of names, folders in file names, no areas, no sizes and a missing image."""
    document = json.loads(Path("people.json").read_text())
    document["categories"][0]["keypoints"] = [name.replace("_", " ").upper() for name in coco.NAMES]
    for image, name in zip(document["images"], ("C:\\photos\\a.png", "val/2017/b.png"), strict=True):
        image["file_name"] = name
        del image["width"], image["height"]
    for annotation in document["annotations"]:
        del annotation["area"]
    document["images"].append({"id": 7, "file_name": "gone.png", "width": 9, "height": 9})
    document["annotations"].append(people[0] | {"image_id": 7})
    Path("people.json").write_text(json.dumps(document))
    result = done("evaluate", human / "out" / "human.onnx", *GIVEN, "--json", "e.json")
    errors = words(result.stderr)
    assert "people.json: 4 of 5 annotations have no area: computed from their box" in errors
    assert (
        "--images photos: 1 of 3 annotated images missing: gone.png; these images and their people are"
        in errors
    )
    document = json.loads(Path("e.json").read_text())
    assert (document["images"], len(document["keypoints"]), len(document["remarks"])) == (2, 17, 2)
    assert document["slices"][0]["people"] == 2 * PEOPLE
    assert document["slices"][0]["ap"] == pytest.approx(1)


@pytest.mark.parametrize("has_sizes", [True, False])
@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.write_bytes(b"no image"), "photos/a.png: not an image but a text"),
        (
            lambda path: write_image(path, np.zeros((32, 64, 3), np.uint8)),
            "photos/a.png: 64x32 px, but",
        ),
    ],
)
def test_an_unreadable_image_is_skipped_and_reported(
    people: list[dict[str, Any]],
    human: Path,
    done: Invoke,
    make: Callable[[Path], Any],
    why: str,
    has_sizes: bool,
) -> None:
    document = json.loads(Path("people.json").read_text())
    if not has_sizes:
        for image in document["images"]["px, but" in why :]:
            del image["width"], image["height"]
        Path("people.json").write_text(json.dumps(document))
    make(Path("photos/a.png"))
    result = done("evaluate", human / "out" / "human.onnx", *GIVEN, "--json", "e.json")
    errors = words(result.stderr)
    assert errors.count(why) == 1 and "; the image and its people are left out" in errors
    found = json.loads(Path("e.json").read_text())
    assert (found["images"], found["slices"][0]["people"]) == (1, PEOPLE)
    assert found["slices"][0]["ap"] == pytest.approx(1)
    assert {each["image_id"] for each in found["detections"]} == {document["images"][1]["id"]}
    assert why in found["remarks"][-1]


def test_an_average_of_few_keypoints_is_reported(
    people: list[dict[str, Any]], human: Path, done: Invoke
) -> None:
    names = ("nose", *(f"point {number}" for number in range(1, 17)))
    coco.write(Path("people.json"), dict.fromkeys(IMAGES, (WIDTH, HEIGHT)), people, names)
    errors = words(done("evaluate", human / "out" / "human.onnx", *GIVEN).stderr)
    assert (
        "only 1 of the 17 annotated keypoints match the network's by name, so AP covers only nose" in errors
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{onnx}", *GIVEN, "--limit", 0), "--limit 0: expected at least 1"),
        (("{onnx}", *GIVEN, "--json", "."), ".: a folder; pass a file for the JSON"),
        (("{onnx}", "--annotations", "none.json", "--images", "photos"), "none.json: no such file"),
        (("{onnx}", "--annotations", "text.json", "--images", "photos"), "text.json: not COCO keypoints"),
        (("{onnx}", "--annotations", "empty.json", "--images", "photos"), "empty.json: no images; expected"),
        (
            ("{onnx}", "--annotations", "nobody.json", "--images", "photos"),
            "nobody.json: nothing to score: none of the 2 evaluated images has a person with labels",
        ),
        (("{onnx}", "--annotations", "tails.json", "--images", "photos"), "have no keypoint in common"),
        (
            ("{onnx}", "--annotations", "larger.json", "--images", "photos"),
            "photos/a.png: 456x256 px, but 912x512 px in the annotations",
        ),
        (
            ("{onnx}", "--annotations", "people.json", "--images", "none"),
            "--images none: 2 of 2 annotated images missing: a.png, b.png; pass the folder that",
        ),
        (
            ("{onnx}", "--annotations", "people.json", "--images", "broken"),
            "broken/a.png: not an image but a text",
        ),
        (("theirs.onnx", *GIVEN), "cannot decode poses: the family 'unknown' of the network is unknown"),
        (("none.onnx", *GIVEN), "none.onnx: no such file"),
        (("{onnx}", *GIVEN, "--device", "TPU"), "TPU"),
        (
            ("--runtime", "openvino", *GIVEN),
            "sample: a checkpoint runs on pytorch; to use openvino, export it",
        ),
    ],
)
def test_bad_input_is_refused(
    arguments: tuple[object, ...],
    message: str,
    people: list[dict[str, Any]],
    human: Path,
    refused: Callable[..., str],
) -> None:
    onnx = human / "out" / "human.onnx"
    shutil.copy(onnx, "theirs.onnx")
    shutil.copytree("photos", "broken")
    for name in IMAGES:
        Path("broken", name).write_bytes(b"no image")
    Path("text.json").write_text("no JSON")
    sizes = dict.fromkeys(IMAGES, (WIDTH, HEIGHT))
    coco.write(Path("empty.json"), {}, [])
    coco.write(Path("nobody.json"), sizes, [])
    coco.write(Path("tails.json"), sizes, [], ("tail",))
    coco.write(Path("larger.json"), dict.fromkeys(IMAGES, (2 * WIDTH, 2 * HEIGHT)), people)
    arguments = fill(arguments, onnx=onnx, human=human)
    assert message in refused("evaluate", *arguments), arguments
    assert not Path("e.json").exists()
