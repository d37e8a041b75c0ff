#!/usr/bin/env bash
# Check posedeploy on a machine with an NVIDIA GPU in under 8 minutes: print the installed versions, run the tests
# marked gpu, and print a table of every network, runtime and precision. The exit status is non-zero if a check fails.
#
#   tools/gpu_check.sh [--dry-run] [--quick] [--keep FOLDER]     PYTHON=python3.12 tools/gpu_check.sh
#
# --dry-run prints the commands, on any machine. --quick skips targets that compile machine code (AOTInductor).
# --keep writes the exported files and the table (table.json) to FOLDER.
set -uo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
dry=0 quick=0 keep=
while [ $# -gt 0 ]; do
    case $1 in
        --dry-run) dry=1 ;;
        --quick) quick=1 ;;
        --keep) keep=${2:?--keep: expected a folder}; shift ;;
        *) echo "$1: unknown option; expected --dry-run, --quick or --keep FOLDER" >&2; exit 2 ;;
    esac
    shift
done
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1
mapfile -t files < <(grep -rl --include='*.py' 'mark\.gpu' tests | sort)
marks=gpu table=(--throughput)
if [ "$quick" = 1 ]; then marks='gpu and not slow' table+=(--aoti none); fi
export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 # other plugins of the machine may warn, and warnings are errors
# The first tests share fixtures of a file, so a file stays in one process.
parallel=$("$PYTHON" -c 'import xdist' 2>/dev/null && echo '-p xdist.plugin -n 4 --dist loadfile')
tests=("$PYTHON" -m pytest -q -p no:cacheprovider $parallel -m "$marks" "${files[@]}")

if [ "$dry" = 1 ]; then
    echo "nvidia-smi, and the versions of torch, onnxruntime, tensorrt and tensorrt_rtx"
    echo "$PYTHON tools/gpu_exports.py FOLDER ${table[*]}, and meanwhile"
    echo "${tests[*]@Q}"
    echo "$PYTHON tools/gpu_table.py --exports FOLDER ${table[*]}"
    exec "$PYTHON" tools/gpu_table.py --dry-run "${table[@]}"
fi

failed=0 began=$SECONDS
if [ -n "$keep" ]; then
    folder=$keep
    mkdir -p "$folder" || exit 1
else
    folder=$(mktemp -d) || exit 1
    trap 'rm -rf "$folder"' EXIT
fi
echo "== installed versions"
nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader || failed=1
"$PYTHON" - <<'PY' || failed=1
from importlib.metadata import PackageNotFoundError, version

import torch

for name in ("torch", "onnxruntime-gpu", "onnxruntime", "cuda-bindings", "tensorrt", "tensorrt_rtx"):
    try:
        print(f"{name} {version(name)}")
    except PackageNotFoundError:
        print(f"{name}: not installed")
print(f"CUDA of torch {torch.version.cuda}, available: {torch.cuda.is_available()}")
PY
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-2} # by default, each of the processes would start a thread for each core
timeout 220 "$PYTHON" tools/gpu_exports.py "$folder" "${table[@]}" >"$folder/log" 2>&1 &
exports=$!
echo "== tests marked $marks"
timeout -s INT -k 20 220 "${tests[@]}" || failed=1 # pytest then prints the failures so far
echo "== exports"
wait "$exports" || failed=1
cat "$folder/log"
echo "== networks, runtimes and precisions"
unset OMP_NUM_THREADS
timeout 220 "$PYTHON" tools/gpu_table.py --exports "$folder" "${table[@]}" --json "$folder/table.json" || failed=1
result=$([ "$failed" = 0 ] && echo passed || echo FAILED)
echo "gpu check: $result, $((SECONDS - began)) s"
exit "$failed"
