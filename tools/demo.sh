# The main job on the built-in sample: each command is shown, run, and kept in artifacts/commands.txt. Called by
# `make demo` with the folder of the environment's programs. No network is needed.
set -e
bin=$1
mkdir -p artifacts
: > artifacts/commands.txt

show() {
    printf '\n\033[1m$ %s\033[0m\n' "$*"
    printf '%s\n' "$*" >> artifacts/commands.txt
    program=$1
    shift
    "$bin/$program" "$@"
}

show posedeploy samples draw --seed 8 --count 1 --size 512x912 --people 4 -o artifacts/drawn
show posedeploy export --to openvino --to onnx --to torchscript
for model in sample artifacts/sample.onnx artifacts/sample.xml; do
    show posedeploy predict "$model" artifacts/drawn/000000.png -o "artifacts/poses/$(basename "$model")"
done
show python tools/overlay.py artifacts/drawn/000000.png -o artifacts/skeletons.png \
    PyTorch=artifacts/poses/sample/poses.json \
    ONNX-Runtime=artifacts/poses/sample.onnx/poses.json \
    OpenVINO=artifacts/poses/sample.xml/poses.json
show posedeploy parity artifacts/sample.xml artifacts/sample.onnx artifacts/sample.torchscript \
    --images artifacts/drawn/000000.png --json artifacts/parity.json
show posedeploy bench --device CPU --json artifacts/bench.json
show posedeploy doctor
printf '\nThe picture is artifacts/skeletons.png: what PyTorch, ONNX Runtime and OpenVINO found, over each other. The sample\n'
printf 'was trained on drawn people. For photographs: %s/posedeploy predict CHECKPOINT PHOTO -o poses/\n' "$bin"
