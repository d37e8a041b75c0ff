#!/usr/bin/env bash
# Check posedeploy on a machine with an NVIDIA GPU in under 8 minutes: print the installed versions, run the tests
# marked gpu, and print a table of every network, runtime and precision. The exit status is non-zero if a check fails.
#
#   tools/gpu_check.sh [--dry-run] [--quick]     PYTHON=python3.12 tools/gpu_check.sh
#
# --dry-run prints the commands, on any machine. --quick skips targets that compile machine code (AOTInductor).
set -uo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
dry=0 quick=0
for option in "$@"; do
    case $option in
        --dry-run) dry=1 ;;
        --quick) quick=1 ;;
        *) echo "$option: unknown option; expected --dry-run or --quick" >&2; exit 2 ;;
    esac
done
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1
mapfile -t files < <(grep -rl --include='*.py' 'mark\.gpu' tests | sort)
marks=gpu table=()
if [ "$quick" = 1 ]; then marks='gpu and not slow' table=(--aoti none); fi

if [ "$dry" = 1 ]; then
    echo "nvidia-smi, and the versions of torch, onnxruntime, tensorrt and tensorrt_rtx"
    echo "$PYTHON -m pytest -q -m '$marks' ${files[*]}"
    echo "$PYTHON tools/gpu_table.py --throughput ${table[*]}"
    exec "$PYTHON" tools/gpu_table.py --dry-run "${table[@]}"
fi

failed=0
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
echo "== tests marked $marks"
timeout 200 "$PYTHON" -m pytest -q -p no:cacheprovider -m "$marks" "${files[@]}" || failed=1
echo "== networks, runtimes and precisions"
timeout 200 "$PYTHON" tools/gpu_table.py --throughput "${table[@]}" || failed=1
[ "$failed" = 0 ] && echo "gpu check: passed" || echo "gpu check: FAILED"
exit "$failed"
