"""The whole chain: an image goes through preprocessing, network and decoding, and comes out as poses."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator

from posedeploy import plugins
from posedeploy.errors import InputError
from posedeploy.families import FAMILIES, Family
from posedeploy.poses.preprocess import prepare
from posedeploy.predict.sources import Frame
from posedeploy.runtimes.base import Runner
from posedeploy.types import Array, Camera, ModelSpec, Placement, Poses, Tensors


class Predictor:
    """Finds the people in images with a network that is loaded. The runner stays its owner's to close."""

    def __init__(self, runner: Runner, spec: ModelSpec, camera: Camera | None = None) -> None:
        """
        Raises:
            InputError: no decoding is known for the spec's family, or the network takes many images at once.
        """
        family = _known(spec)
        self._runner = runner
        self._spec = spec
        self._camera = camera or Camera()
        self._decode = plugins.load(f"{family.poses}:decode")
        self.sigmas: tuple[float, ...] = plugins.load(f"{family.poses}:SIGMAS")

    def __call__(self, image: Array) -> Poses:
        """The people in one (H, W, 3) uint8 BGR image.

        Raises:
            InputError: the image cannot become the network's input.
        """
        tensors, placement = prepare(image, self._spec)
        return self._decoded(self._runner.run(tensors), placement)

    def stream(
        self, frames: Iterable[Frame], refused: list[str] | None = None
    ) -> Generator[tuple[Frame, Poses], None, None]:
        """The people in each frame, in order; the network runs ahead while the caller works on the last ones.

        Args:
            refused: where it is given, a frame that cannot become the network's input is left out and the
                reason put here.

        Raises:
            InputError: a frame cannot become the network's input, and ``refused`` is not given.
        """
        running: deque[tuple[Frame, Placement]] = deque()
        for outputs in self._runner.stream(self._prepared(frames, running, refused)):
            frame, placement = running.popleft()
            yield frame, self._decoded(outputs, placement)

    def _prepared(
        self, frames: Iterable[Frame], running: deque[tuple[Frame, Placement]], refused: list[str] | None
    ) -> Iterator[Tensors]:
        for frame in frames:
            try:
                tensors, placement = prepare(frame.image, self._spec)
            except InputError as error:
                if refused is None:
                    raise InputError(f"{frame.name}: {error}") from error
                refused.append(f"{frame.name}: {error}")
                continue
            running.append((frame, placement))
            yield tensors

    def _decoded(self, outputs: Tensors, placement: Placement) -> Poses:
        poses: Poses = self._decode(outputs, self._spec, placement, self._camera)
        return poses


def _known(spec: ModelSpec) -> Family:
    if spec.family not in FAMILIES:
        raise InputError(
            f"nothing here says how the outputs of this network ({spec.family!r}) become poses; give "
            f"--family {' or '.join(FAMILIES)} where it is one of these, or describe it with --contract FILE"
        )
    images = spec.inputs[0].shape[0] if spec.inputs and spec.inputs[0].shape else 1
    if isinstance(images, int) and images != 1:
        raise InputError(
            f"this network takes {images} images at once ({spec.inputs[0]}) and is given one at a "
            "time; export it again without --batch, or with --dynamic"
        )
    return FAMILIES[spec.family]
