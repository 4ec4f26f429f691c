#!/bin/bash
# The live confirmation on one H100 with 16 cores: gpu_live.sh CARRIED OUT SECONDS [OPTION…]   (options of live_runs.py run)
#
# CARRIED holds wheels/ and, from the second sitting on, transfer/live.tar.gz, which the one before left in OUT. The end of
# the time re-times what the finished runs found; a later sitting with more runs does so again.
set -euo pipefail
source "$(dirname "$0")/gpu_prepare.sh"
shift 3
results=/tmp/nearopt-transfer-live retime_s=110
python3 -m experiments.transfer.live_runs run "$results" "$out" --carried "$carried/transfer" --seconds $(($(left) - retime_s)) "$@" || true
timeout -s INT $(($(left) - 12)) python3 -m experiments.transfer.live_runs retime "$results" "$out" || true
ls -l "$out"
