# A first session with the built-in sample. It shows and runs each command, and writes the commands and two tables to
# artifacts/. `make demo` calls it with the folder of the environment's programs; a second argument reduces the number of
# timed runs. It needs no internet connection.
set -e
bin=$1
runs=${2:+--runs $2}
mkdir -p artifacts
printf '. %s/activate\n' "$bin" > artifacts/commands.txt

announce() {
    printf '\n\033[1m$ %s\033[0m\n' "$*"
    printf '%s\n' "$*" >> artifacts/commands.txt
}

run() {
    program=$1
    shift
    "$bin/$program" "$@"
}

show() {
    announce "$@"
    run "$@"
}

table() {
    file=$1
    shift
    announce "$@"
    status=0
    run "$@" > "$file" || status=$?
    cat "$file"
    return $status
}

show posedeploy synthetic --seed 8 --count 1 --size 512x912 --people 4 -o artifacts/synthetic
show posedeploy export --to openvino --to onnx --to torchscript
for model in sample artifacts/sample.onnx artifacts/sample.xml; do
    show posedeploy predict "$model" artifacts/synthetic/000000.png -o "artifacts/poses/$(basename "$model")"
done
show python tools/overlay.py artifacts/synthetic/000000.png -o artifacts/skeletons.png \
    PyTorch=artifacts/poses/sample/poses.json \
    ONNX-Runtime=artifacts/poses/sample.onnx/poses.json \
    OpenVINO=artifacts/poses/sample.xml/poses.json
table artifacts/parity.txt posedeploy parity artifacts/sample.xml artifacts/sample.onnx artifacts/sample.torchscript \
    --images artifacts/synthetic/000000.png --json artifacts/parity.json
# shellcheck disable=SC2086
table artifacts/bench.txt posedeploy bench --device cpu --json artifacts/bench.json $runs
show posedeploy doctor || printf 'The demo finished, but an installed package does not work: see the table above.\n'
printf '\nartifacts/skeletons.png shows the skeletons from PyTorch, ONNX Runtime and OpenVINO drawn over each other. The tables\n'
printf 'are artifacts/parity.txt and artifacts/bench.txt. The sample was trained on synthetic people. For photographs, run:\n'
printf '%s/posedeploy predict CHECKPOINT PHOTO -o poses/\n' "$bin"
