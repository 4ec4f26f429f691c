#!/bin/bash
# Strategies whose asks take from a third of a second to many seconds, on eight tasks, two a kernel, with ten seeds, to
# the first hit within 5%, on a machine with many cores and no network:
#
#   slow_asks.sh CARRIED OUT SECONDS CORES [ARM…]        in the repository's root
#
# CARRIED/wheels has the packages that the machine lacks (smac, ConfigSpace, dask, distributed, importlib_metadata and
# lazy-importer; ax-platform, botorch, gpytorch and
# linear_operator; optuna), CARRIED/slow_asks.csv the runs made before, if any. ARM…: only these. After SECONDS the runs
# under way are given up. OUT/slow_asks.csv has a row for each finished run; its rows belong into
# experiments/contenders/first_hit.csv. The same command on the same machine goes on with what is left.
set -euo pipefail
usage='slow_asks.sh CARRIED OUT SECONDS CORES [ARM…]'
carried=$(realpath "${1:?$usage}") out=$(realpath "${2:?$usage}") seconds=${3:?$usage} cores=${4:?$usage}
shift 4
begun=$(date +%s)
ARMS=(ax botorch_hierarchical botorch_mixed smac optuna_gp)   # the slowest first: runs of the last seed end together
TASKS=attention-2x16x4096x128-causal-bf16__h100,attention-4x16x2048x64-full-fp16__h100
TASKS+=,layernorm-16384x5120-bf16__h100,layernorm-8192x4096-bf16__h100
TASKS+=,matmul-1024x1024x1024-bf16__h100,matmul-4096x4096x4096-bf16__h100
TASKS+=,softmax-4096x2560-bf16__h100,softmax-512x65536-bf16__h100
if [ $# -gt 0 ]; then ARMS=("$@"); fi
site=${SLOW_SITE:-/tmp/site} python=${PYTHON:-python3} runs=$out/slow_asks.csv
if [ -d "$carried/wheels" ] && [ ! -e "$site/.done" ]; then
  "$python" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$site" "$carried"/wheels/*.whl
  touch "$site/.done"
fi
export PYTHONPATH="$PWD:$site" OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
mkdir -p "$out"
if [ ! -e "$runs" ] && [ -e "$carried/slow_asks.csv" ]; then cp "$carried/slow_asks.csv" "$runs"; fi
arms=()
for arm in "${ARMS[@]}"; do arms+=(--arm "$arm: strategy=$arm ${SLOW_OVERRIDES:-}"); done
"$python" -m experiments.contenders.first_hit "${arms[@]}" --tasks "${SLOW_TASKS:-$TASKS}" --seeds "${SLOW_SEEDS:-200:210}" \
  --processes "$cores" --seconds $((seconds - $(date +%s) + begun)) -o "$runs"
