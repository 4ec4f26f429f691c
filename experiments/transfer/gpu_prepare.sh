# Sourced by gpu_dtype.sh and gpu_live.sh on a lent machine: install the wheels that travelled, go to the repository's
# root, and show the device. Recordings that serve as sources are read from there. Sets $carried, $out and left().
begin=$SECONDS carried=$(realpath "$1") seconds=$3
mkdir -p "$2"
out=$(realpath "$2")
site=/tmp/nearopt-site
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if compgen -G "$carried/wheels/*.whl" > /dev/null && [ ! -e "$site/.done" ]; then
    python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$site" "$carried"/wheels/*.whl
    touch "$site/.done"
fi
export PYTHONPATH="$PWD:$site" OMP_NUM_THREADS=1 PYTHONUNBUFFERED=1
left() { echo $((seconds - SECONDS + begin)); }
nvidia-smi --query-gpu=index,name,clocks.max.sm,temperature.gpu --format=csv,noheader || true
