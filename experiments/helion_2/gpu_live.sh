#!/bin/bash
# On a lent machine: one sitting of the live study, with the code and wheels that travelled in a folder.
#
#   gpu_live.sh CARRIED OUT SECONDS CARDS [OPTION…]          (options of live.py run, such as --waves 0 or --per-card 5)
#   gpu_live.sh CARRIED OUT SECONDS CARDS retime             every task's runs in one interleaved batch, a card a task
#
# CARRIED holds wheels/ and code.tar.gz (made by pack_sitting.sh), near/ (made by rates.py near) and, from the second
# sitting on, live.tar.gz as the one before left it in OUT.
set -euo pipefail
carried=$(realpath "$1") out=$(realpath "$2") seconds=$3 cards=$4
shift 4
begin=$SECONDS results=/tmp/helion-live
HELION_2_PREPARE_ONLY=1 source "$(dirname "$0")/gpu_sitting.sh" "$carried" "$out" "$seconds"
if [ -d "$carried/near" ]; then cp -r "$carried/near" .; fi
left() { echo $((seconds - SECONDS + begin)); }
if [ "${1:-}" = retime ]; then
    python3 -c "import sys; from pathlib import Path; from experiments.helion_2.live import unpack; unpack(*map(Path, sys.argv[1:]))" "$carried" "$results"
    i=0
    for task in $(cd "$results" && ls -d helion_*__* | sed 's/__.*//' | sort -u); do
        card=$(echo "$cards" | cut -d, -f$((i % $(echo "$cards" | tr , '\n' | wc -l) + 1)))
        CUDA_VISIBLE_DEVICES=$card timeout -s INT $(($(left) - 20)) python3 -m harness.cli retime task="$task" results="$results" \
            --rounds 6 --limit 400 > "$out/retime-$task.txt" 2>&1 &
        i=$((i + 1))
    done
    wait
    python3 -c "import sys; from pathlib import Path; from experiments.helion_2.live import pack; pack(*map(Path, sys.argv[1:]))" "$results" "$out"
    tail -n 3 "$out"/retime-*.txt
else
    python3 -m experiments.helion_2.live run "$results" "$out" --carried "$carried" --seconds $(($(left) - 5)) --cards "$cards" "$@"
fi
ls -l "$out"
