#!/bin/bash
# The runs of run.sh that are in no committed file, on a machine with many cores and no network:
#
#   rest.sh CARRIED OUT SECONDS CORES [ARM…]        in the repository's root
#
# CARRIED/wheels has the packages that the machine lacks. Two arms run at a time, in the order of ARMS: first those that
# answer most per hour of a core; ARM…: only these. Helion's searches are not among them, because the wheels are those
# of another version than the study's. SIGINT ends the runs in time to pack them: OUT/rest.tar.gz has a folder for each arm
# with the curves of its finished runs, which experiments.contenders.times reads. The same command on the same machine
# goes on with what is left.
set -uo pipefail
usage='rest.sh CARRIED OUT SECONDS CORES [ARM…]'
carried=$(realpath "${1:?$usage}") out=$(realpath "${2:?$usage}") seconds=${3:?$usage} cores=${4:?$usage}
shift 4
ARMS=(conditional_gp_from_default trust_region optuna_tpe_from_default conditional_gp_without_features optuna_tpe_16
  random_16 random random_hierarchical random_from_default local_search pattern_search genetic lfbo_16 catcma
  optuna_tpe_hierarchical conditional_gp_1 rf_ei)
if [ $# -gt 0 ]; then ARMS=("$@"); fi
site=${REST_SITE:-/tmp/site}
export begun=$(date +%s) work=${REST_WORK:-/tmp/claim_2_rest} seconds cores PACKING=${REST_PACKING_S:-60}
if [ -d "$carried/wheels" ] && [ ! -e "$site/.done" ]; then
  python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$site" "$carried"/wheels/*.whl
  touch "$site/.done"
fi
export PYTHONPATH="$PWD:$site" OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 PYTHONUNBUFFERED=1
mkdir -p "$work" "$out"

overrides() {   # what run.sh gives nearopt run for an arm
  case $1 in
    conditional_gp_16) echo "strategy=conditional_gp_2 strategy.label=$1 workers=16 schedule=async" ;;
    conditional_gp_from_default) echo "strategy=conditional_gp_2 start=default strategy.label=$1" ;;
    conditional_gp_without_features) echo "strategy=conditional_gp_2 strategy.label=$1 strategy.features=false" ;;
    *_tpe_from_default) echo "strategy=${1%_from_default} start=default strategy.label=$1" ;;
    *_16) echo "strategy=${1%_16} strategy.label=$1 workers=16 schedule=async" ;;
    *) echo "strategy=$1" ;;
  esac
}

arm() {   # run an arm until it is done or time is short, then pack it
  local results=$work/$1 packed=$work/packed left=$((seconds - PACKING - $(date +%s) + begun))
  if [ "$left" -gt 10 ]; then
    # A shell's background jobs ignore SIGINT, and their children with them unless told otherwise.
    # shellcheck disable=SC2046,SC2086
    timeout -s INT -k 15 "$left" env --default-signal=INT ${PYTHON:-python3} -m harness.cli run -m experiment=claim_2 \
      results="$results" jobs="$cores" $(overrides "$1") ${REST_OVERRIDES:-} > "$work/$1.log" 2>&1
    echo "[$(($(date +%s) - begun)) s] $1: $(tail -n 1 "$work/$1.log")"
  fi
  if [ ! -d "$results" ]; then return; fi
  find "$results" -mindepth 3 -maxdepth 3 -name 'seed-*' ! -exec test -e '{}/DONE' ';' -exec rm -r '{}' +
  mkdir -p "$packed/$1"
  ${PYTHON:-python3} -m experiments.collect "$results" -o "$packed/$1" --steps --beside
}

export -f overrides arm
printf '%s\n' "${ARMS[@]}" | xargs -P 2 -I '{}' bash -c 'arm "$1"' arm '{}'
tar czf "$out/rest.tar.gz" -C "$work" packed $(cd "$work" && ls ./*.log)
ls -l "$out/rest.tar.gz"
echo "[$(($(date +%s) - begun)) s] end"
