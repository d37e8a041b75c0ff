"""The rules of ARCHITECTURE.md for imports between modules."""

from __future__ import annotations

import re

import pytest

from tests.support.imports import MODULES, OURS, PACKAGE, is_within

BASE = {"posedeploy", "errors", "limits", "pareto", "printable", "types"}
SHARED = BASE | {
    "plugins",
    "backends",
    "manifest",
    "manifest_document",
    "manifest_search",
    "files",
    "contracts",
    "contract_document",
    "contract_template",
    "normalization_units",
    "tensor_tables",
    "tensor_contracts",
    "output_roles",
    "quantization",
    "families",
    "decoder_families",
    "decoding_options",
    "preset_choice",
    "presets",
    "type_values",
    "decoders",
    "specs",
    "spec_checks",
    "flatten",
    "closable",
    "layer_counts",
    "onnxruntime_defects",
    "freed_memory",
    "embedded_manifest",
    "suppress_output",
    "openvino_telemetry",
    "joint_names",
    "joint_sets",
    "keypoint_descriptions",
    "own_keypoints",
    "native_code",
    "reduced_precision",
    "cuda_graph",
    "cuda",
    "input_files",
    "native_paths",
    "text_files",
    "csv_files",
    "brackets",
    "processes",
    "staging",
    "isolation",
    "content_kinds",
    "user_folders",
    "zip_files",
    "npy_files",
    "argument_types",
    "devices",
    "file_states",
    "artifact_files",
    "model_urls",
    "served_parameters",
}

MAY_IMPORT = {
    "limits": set(),
    "pareto": set(),
    "printable": set(),
    "errors": {"printable"},
    "argument_types": {"errors"},
    "types": {"argument_types", "devices", "errors", "file_states", "types"},
    "devices": {"errors"},
    "file_states": set(),
    "artifact_files": SHARED,
    "model_urls": {"errors"},
    "served_parameters": set(),
    "plugins": SHARED,
    "backends": SHARED,
    "manifest": SHARED,
    "manifest_document": SHARED,
    "spec_checks": SHARED,
    "manifest_search": SHARED,
    "files": SHARED,
    "contracts": SHARED,
    "contract_document": SHARED,
    "contract_template": SHARED,
    "normalization_units": SHARED,
    "tensor_tables": SHARED,
    "tensor_contracts": SHARED,
    "output_roles": SHARED,
    "quantization": SHARED,
    "families": SHARED,
    "decoder_families": set(),
    "decoding_options": SHARED,
    "preset_choice": SHARED,
    "presets": BASE | {"text_files"},
    "type_values": set(),
    "decoders": SHARED,
    "specs": SHARED,
    "flatten": SHARED,
    "closable": SHARED,
    "layer_counts": BASE | {"text_files"},
    "onnxruntime_defects": set(),
    "freed_memory": SHARED,
    "embedded_manifest": BASE,
    "suppress_output": BASE,
    "openvino_telemetry": BASE,
    "joint_names": BASE,
    "joint_sets": BASE | {"joint_names"},
    "keypoint_descriptions": SHARED,
    "own_keypoints": BASE | {"joint_sets"},
    "native_code": BASE | {"text_files"},
    "reduced_precision": BASE | {"flatten"},
    "cuda_graph": BASE | {"flatten"},
    "tensorrt": SHARED | {"tensorrt", "checkpoints.reader"},
    "cuda": SHARED,
    "input_files": BASE,
    "native_paths": BASE,
    "text_files": BASE | {"brackets", "content_kinds", "input_files"},
    "csv_files": BASE | {"text_files"},
    "brackets": set(),
    "processes": BASE,
    "user_folders": BASE,
    "staging": BASE | {"input_files", "staging"},
    "isolation": BASE | {"isolation", "processes", "staging"},
    "aoti_package": SHARED | {"aoti_package"},
    "content_kinds": BASE | {"zip_files"},
    "zip_files": BASE,
    "npy_files": BASE | {"input_files", "zip_files"},
    "pickles": BASE | {"pickles", "zip_files"},
    "meshes": SHARED | {"meshes", "pickles"},
    "pages": BASE | {"pages"},
    "checkpoints": SHARED | {"checkpoints", "meshes", "pickles"},
    "poses": SHARED | {"poses"},
    "synthetic": SHARED | {"synthetic", "poses"},
    "calibration": SHARED | {"benchmarks", "calibration", "poses", "predict", "synthetic"},
    "environments": SHARED | {"environments"},
    "convert": SHARED | {"convert", "environments", "aoti_package", "tensorrt"},
    "runtimes": SHARED | {"runtimes", "aoti_package", "tensorrt"},
    "bundles": SHARED | {"bundles", "tensorrt.build_info"},
    "triton_models": SHARED | {"api.pose_estimator", "predict", "runtimes", "triton_models"},
    "client": SHARED | {"client", "runtimes.base"},
    "benchmarks": SHARED | {"benchmarks", "runtimes.base", "runtimes.run_options", "poses", "synthetic"},
    "bisection": SHARED | {"benchmarks", "bisection", "convert", "runtimes"},
    "predict": SHARED | {"predict", "runtimes.base", "runtimes.adapted", "poses"},
    "tuning": SHARED | {"benchmarks", "pages.axes", "tuning"},
    "api": SHARED
    | {
        "api",
        "benchmarks",
        "bisection",
        "bundles",
        "calibration",
        "checkpoints",
        "convert",
        "meshes",
        "pages",
        "poses",
        "predict",
        "runtimes",
        "synthetic",
        "tuning",
    },
    "scaling": SHARED
    | {"api", "benchmarks", "convert.export_options", "predict", "runtimes.base", "scaling"},
    "testing": BASE | {"api", "benchmarks"},
    "pytest_plugin": BASE | {"testing"},
}
"""The permitted imports of each package or module: first parts of names below ``posedeploy``, or whole names.

``console``, ``commands``, ``cli`` and ``__main__`` are not here: they may import everything
except what ``test_nothing_imports_the_command_line`` forbids.
"""

FREE = {"console", "commands", "cli", "__main__", "__init__"}


def test_every_module_has_an_import_rule() -> None:
    first = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).partition(".")[0]
        for path in PACKAGE.rglob("*.py")
    }
    assert first == MAY_IMPORT.keys() | FREE


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_package_imports_only_permitted_modules(room: str) -> None:
    wrong = [
        f"{found.importer} imports {found.name}"
        for found in OURS
        if found.within({room})
        and found.name != "posedeploy.__version__"
        and not is_within(found.name.removeprefix("posedeploy."), MAY_IMPORT[room])
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("target", "importers"),
    [
        ("cli", {"__main__", "cli"}),
        ("commands", {"cli", "commands"}),
        ("console", {"cli", "commands", "console"}),
    ],
)
def test_the_command_line_is_imported_only_by_itself(target: str, importers: set[str]) -> None:
    wrong = [f for f in OURS if is_within(f.name, {f"posedeploy.{target}"}) and not f.within(importers)]
    assert not wrong


def test_there_are_no_import_cycles() -> None:
    needs: dict[str, set[str]] = {module: set() for module in MODULES}
    for found in OURS:
        name = found.name.removeprefix("posedeploy.")
        needs[found.importer] |= {name, name.rpartition(".")[0]} & MODULES - {found.importer}
    while free := {module for module, wanted in needs.items() if not wanted}:
        needs = {module: wanted - free for module, wanted in needs.items() if module not in free}
    assert not needs, f"an import cycle of {', '.join(sorted(needs))}"


def test_poses_do_not_import_the_table_that_loads_them() -> None:
    """``families`` loads the modules of ``poses`` by name, so importing it there would be a hidden cycle."""
    reached, waiting = set(), {found.importer for found in OURS if found.within({"poses"})}
    while waiting:
        module = waiting.pop()
        reached.add(module)
        names = {found.name.removeprefix("posedeploy.") for found in OURS if found.importer == module}
        waiting |= (names | {name.rpartition(".")[0] for name in names}) & MODULES - reached
    assert "families" not in reached


READ_DETAILS = {
    "aoti_package.build", "layer_counts", "runtimes.litert", "tensorrt.build_info", "types.running"
}  # fmt: skip
"""The modules that read a key of the details of an artifact or of a runtime: each belongs to one of them, or
to the layers, which have the same key in all."""


def test_generic_code_contains_no_keys_of_targets() -> None:
    key = re.compile(r"\.details(\.get\(|\.pop\(|\[)|[\"'] (not )?in \S*\.details\b")
    found = {path for path in PACKAGE.rglob("*.py") if key.search(path.read_text(encoding="utf-8"))}
    assert {".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in found} == READ_DETAILS
