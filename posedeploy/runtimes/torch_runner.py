"""The common part of the runners that run on torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from posedeploy.layer_counts import Counts, details_of, in_tf32, summary
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.torch_call import RUN_ERRORS, Program, failure, open_call
from posedeploy.types import RunOptions, Tensors


class TorchRunner(Runner):
    """A runner of a torch program.

    A subclass sets ``inputs``, ``outputs`` and ``runtime_info``, calls ``_report_layers`` if it knows the
    layers of the program, and then calls ``_open``.
    """

    _path: Path | None

    def _report_layers(self, counts: Counts) -> None:
        """Add the layers of the program to the runtime info, and their precision unless it is unknown."""
        layers = in_tf32(counts) if self.runtime_info.precision == "tf32" else counts
        self.runtime_info = replace(
            self.runtime_info,
            precision=summary(layers) or self.runtime_info.precision,
            details={**self.runtime_info.details, **details_of(layers)},
        )

    def _open(
        self,
        program: Program,
        device: torch.device,
        options: RunOptions,
        path: Path | None = None,
        **details: str,
    ) -> None:
        """Prepare runs of a program on a device.

        Args:
            path: the file of the program; None for a module, whose errors are raised unchanged.
            details: added to the runtime info.
        """
        self._path = path
        self._call, report = open_call(
            program,
            device,
            self.inputs,
            self.outputs,
            threads=self.runtime_info.threads,
            graphs=options.cuda_graphs,
        )
        known = self.runtime_info.details
        self.runtime_info = replace(self.runtime_info, details={**report, **known, **details})

    def _run(self, tensors: Tensors) -> Tensors:
        try:
            return self._call([tensors[spec.name] for spec in self.inputs])
        except RUN_ERRORS as error:
            if self._path is None:
                raise
            raise failure(self._path, self.runtime_info.device, error) from error

    def _close(self) -> None:
        del self._call  # the last reference: the loader of an AOTInductor package then removes its files

    def _survives_fork(self) -> bool:
        return self.runtime_info.device == "CPU"  # with several threads, the call itself raises the error
