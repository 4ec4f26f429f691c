#!/bin/bash
# On a lent machine: unpack the code and wheels that travelled in a folder, make Helion import, record.
#
#   gpu_sitting.sh CARRIED OUT SECONDS [OPTION…] TASKS@CARDS…       (see sitting.py)
#
# CARRIED holds wheels/, code.tar.gz (made by pack_sitting.sh) and, from the second sitting on, logs/.
set -euo pipefail
carried=$(realpath "$1") out=$(realpath "$2") seconds=$3
shift 3
begin=$SECONDS
site=/tmp/site code=/tmp/code
if [ ! -e "$site/.done" ]; then
    python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$site" "$carried"/wheels/*.whl
    touch "$site/.done"
fi
rm -rf "$code" && mkdir -p "$code" && tar xzf "$carried/code.tar.gz" -C "$code"
export PYTHONPATH="$code:$site" OMP_NUM_THREADS=1 PYTHONUNBUFFERED=1
cd "$code"
# Helion 1.5.1 imports a class that torch 2.11 does not have yet.
python3 - <<'PY'
from importlib.util import find_spec
from pathlib import Path

spec = find_spec("torch")
assert spec is not None and spec.origin is not None
compat = Path(spec.origin).parent / "_inductor/runtime/triton_compat.py"
if "IntelGPUError" not in compat.read_text():
    with compat.open("a") as file:
        file.write("\n\nclass IntelGPUError(Exception):\n    pass\n")
PY
nvidia-smi --query-gpu=index,name,clocks.max.sm,temperature.gpu --format=csv,noheader || true
python3 -c "
from importlib.metadata import version
import torch, triton, kernels.helion
print('helion', version('helion'), 'torch', torch.__version__, 'triton', triton.__version__, 'code', open('COMMIT').read().strip())"
if [ -n "${HELION_2_PREPARE_ONLY:-}" ]; then return; fi   # gpu_live.sh goes on from here
python3 -m experiments.helion_2.sitting "$out" --carried "$carried" --seconds $((seconds - SECONDS + begin)) "$@"
ls -l "$out"
