"""The errors of candidates: the people that they find, paired with those of PyTorch at its published size."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from random import Random

from posedeploy.api.decoding_pair import build_decode
from posedeploy.api.open_models import open_pytorch_runner
from posedeploy.api.tuning_candidates import OpenCandidate
from posedeploy.api.tuning_inputs import ErrorInputs, check_readable
from posedeploy.benchmarks.ambiguity import DecodedPair
from posedeploy.benchmarks.image_comparison import Pairing, select_image
from posedeploy.benchmarks.input_shapes import with_fixed_size
from posedeploy.decoders import Decode, decoder_of, has_heatmaps
from posedeploy.errors import InputError, PoseDeployError
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.tuning.state import CandidateRecord, to_record
from posedeploy.types import Camera, Model, ModelSpec, Poses, RunOptions

SEED = 20181129
"""The seed of the order of the inputs, in which the first ones include all kinds."""


class PoseErrors:
    """Measures candidates on numbered inputs, always in the same order."""

    def __init__(self, model: Model, inputs: ErrorInputs, threads: int | None) -> None:
        """
        Raises:
            InputError: PyTorch finds no people in any input.
        """
        self._spec = _fixed(model.spec)
        self.inputs = inputs
        self.order = list(range(len(self.inputs)))
        Random(SEED).shuffle(self.order)
        self._pairing = Pairing(model.spec.keypoint_names)
        self._reference: dict[int, Poses] = {}
        self._find_reference(model, threads)
        if not any(len(poses) for poses in self._reference.values()):
            raise InputError(
                f"PyTorch finds no people in the {len(self.inputs)} inputs, so no error can be measured; "
                "pass photographs of people with `images`"
            )

    def measure(
        self, candidate: OpenCandidate, record: CandidateRecord, count: int, has_ended: Callable[[], bool]
    ) -> PoseDeployError | None:
        """Compare a candidate on the first ``count`` inputs until ``has_ended``; skip those in ``record``.

        Returns why the candidate cannot run; None if it can.

        Raises:
            InputError: an input cannot be read, which is no failure of the candidate.
        """
        missing = [number for number in self.order[:count] if str(number) not in record.pairs]
        decode = _refined(candidate.spec)
        try:
            for number, network_input in self.inputs.build(candidate.spec, missing):
                if has_ended():
                    return None
                placements = network_input.placements
                placement = placements[0]
                outputs = select_image(candidate.runner.run(network_input.tensors), 0, len(placements))
                decoded = DecodedPair(self._reference[number], decode(outputs, placement))
                pairs = self._pairing.compare(network_input.name, decoded, {}, {}, placement)
                record.pairs[str(number)] = to_record(pairs)
        except PoseDeployError as error:
            check_readable(self.inputs.files)
            return error
        return None

    def _find_reference(self, model: Model, threads: int | None) -> None:
        decode = _refined(model.spec)
        with ExitStack() as opened:
            runner = opened.enter_context(open_pytorch_runner(model, RunOptions(threads=threads)))
            adapted = adapt_runner(runner, model.spec)
            for number, network_input in self.inputs.build(self._spec, self.order):
                placements = network_input.placements
                outputs = select_image(adapted.run(network_input.tensors), 0, len(placements))
                self._reference[number] = decode(outputs, placements[0])


def check_decodable(model: Model) -> None:
    """Check that the outputs of a network can be decoded to poses.

    Raises:
        InputError: they cannot, so that there are no errors to measure.
    """
    if build_decode(model.spec) is None:
        raise InputError(
            "nothing describes how the outputs of this network become poses, so their errors cannot be "
            "measured; describe the outputs with `contract=FILE.toml`"
        )


def _refined(spec: ModelSpec) -> Decode:
    return decoder_of(spec, Camera(), refine=has_heatmaps(spec.family))


def _fixed(spec: ModelSpec) -> ModelSpec:
    return with_fixed_size(spec) if spec.contract is not None else spec
