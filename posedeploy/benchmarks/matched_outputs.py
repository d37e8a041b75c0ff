"""Match the outputs of two files of one network, whose names can differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from posedeploy.errors import InputError
from posedeploy.printable import listed
from posedeploy.runtimes.base import Runner
from posedeploy.types import ModelSpec, Ranges, Tensors, TensorSpec


@dataclass(frozen=True)
class FileOutputs:
    """The outputs of a model file as decoding needs them: channels first.

    path: for messages. roles: output names by role.
    """

    path: str
    outputs: tuple[TensorSpec, ...]
    roles: Mapping[str, str]


@dataclass(frozen=True)
class MatchedOutputs:
    """The matched outputs of two files of one network.

    names: the name in the reference by the name in the candidate. only_candidate, only_reference: the outputs
    that the other file lacks.
    """

    names: Mapping[str, str]
    only_candidate: tuple[str, ...] = ()
    only_reference: tuple[str, ...] = ()


def match_outputs(candidate: FileOutputs, reference: FileOutputs) -> MatchedOutputs:
    """Match outputs by their role, otherwise by their name, otherwise by their shape if it is unique.

    Raises:
        InputError: several outputs of one shape could be the same, a matched pair has different shapes, or
            nothing matches.
    """
    names = {name: reference.roles[role] for role, name in candidate.roles.items() if role in reference.roles}
    own = {tensor.name: tensor for tensor in candidate.outputs}
    others = {tensor.name: tensor for tensor in reference.outputs}
    taken = set(names.values())
    names |= {name: name for name in own if name not in names and name in others and name not in taken}
    names |= dict(_match_shapes(candidate, reference, names))
    for name, other in names.items():
        if not _is_compatible(own[name], others[other]):
            raise InputError(
                f"{candidate.path}: the output {own[name]} does not fit the output {others[other]} of "
                f"{reference.path}; pass two files of one network, or describe the outputs in contracts"
            )
    if not names:
        raise InputError(
            f"{candidate.path} and {reference.path} have no output in common: {_list(candidate.outputs)} and "
            f"{_list(reference.outputs)}; {_ADVICE}"
        )
    matched = set(names.values())
    return MatchedOutputs(
        names,
        tuple(name for name in own if name not in names),
        tuple(name for name in others if name not in matched),
    )


_ADVICE = (
    "write the same roles under [outputs] in a contract of each file, and pass them as `contract` and "
    "`against_contract`"
)


def _match_shapes(
    candidate: FileOutputs, reference: FileOutputs, names: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield the pairs of outputs that are the only unmatched ones of a shape in both files."""
    own = [tensor for tensor in candidate.outputs if tensor.name not in names]
    others = [tensor for tensor in reference.outputs if tensor.name not in names.values()]
    for tensor in own:
        fitting = [other for other in others if _is_compatible(tensor, other)]
        rivals = [each for each in own if any(_is_compatible(each, other) for other in fitting)]
        if len(fitting) == len(rivals) == 1:
            yield tensor.name, fitting[0].name
        elif fitting:
            raise InputError(
                f"{candidate.path}: outputs of one shape cannot be matched: {_list(rivals)} with "
                f"{_list(fitting)} of {reference.path}; {_ADVICE}"
            )


def _is_compatible(tensor: TensorSpec, other: TensorSpec) -> bool:
    """Return whether two shapes agree along every axis that is fixed in both."""
    return len(tensor.shape) == len(other.shape) and all(
        a == b or isinstance(a, str) or isinstance(b, str)
        for a, b in zip(tensor.shape, other.shape, strict=True)
    )


def _list(tensors: tuple[TensorSpec, ...] | list[TensorSpec]) -> str:
    return listed([str(tensor) for tensor in tensors])


class RenamedRunner(Runner):
    """A runner that renames and selects outputs of another runner. The owner of the other runner closes it.

    Args:
        names: the names in ``runner`` by the new names.
    """

    def __init__(self, runner: Runner, names: Mapping[str, str]) -> None:
        self._runner, self._names = runner, names
        outputs = {tensor.name: tensor for tensor in runner.outputs}
        self.inputs, self.runtime_info = runner.inputs, runner.runtime_info
        self.outputs = tuple(replace(outputs[old], name=new) for new, old in names.items())

    @property
    def ranges(self) -> Ranges:
        return self._runner.ranges

    def check(self, tensors: Tensors) -> None:
        """Do nothing: the inner runner checks the inputs."""

    def _run(self, tensors: Tensors) -> Tensors:
        outputs = self._runner.run(tensors)
        return {new: outputs[old] for new, old in self._names.items()}


def rename_outputs(spec: ModelSpec, names: Mapping[str, str], roles: Mapping[str, str]) -> ModelSpec:
    """Return the spec of the reference with the outputs of a ``RenamedRunner``.

    Args:
        roles: those of the candidate, which a reference without roles gets.
    """
    outputs = {tensor.name: tensor for tensor in spec.outputs}
    renamed = tuple(replace(outputs[old], name=new) for new, old in names.items())
    new_names = {old: new for new, old in names.items()}
    own = {role: new_names[name] for role, name in spec.roles.items() if name in new_names}
    shared = own or {role: name for role, name in roles.items() if name in names}
    return replace(spec, outputs=renamed, roles=shared)
