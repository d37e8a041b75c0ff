# The main job on the built-in sample: each command is shown, then run. Called by `make demo` with the folder of
# the environment's programs.
set -e
bin=$1

show() {
    printf '\n\033[1m$ posedeploy %s\033[0m\n' "$*"
    "$bin/posedeploy" "$@"
}

show export --to openvino --to onnx --to torchscript
show inspect artifacts/sample.xml
show parity artifacts/sample.xml artifacts/sample.onnx artifacts/sample.torchscript
show bench --device CPU --json artifacts/bench.json
show doctor
printf '\nThe artifacts and bench.json are in ./artifacts. The sample is untrained: its speed and its parity are real, and\n'
printf 'there are no poses in it. With trained weights: %s/posedeploy predict MODEL PHOTO -o poses/\n' "$bin"
