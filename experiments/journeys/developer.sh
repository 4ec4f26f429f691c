#!/usr/bin/env bash
# The journey of an optimiser's developer: write a strategy, test it, run it, and judge it by the gate.
#     experiments/journeys/developer.sh [FOLDER]
set -euo pipefail
folder=${1:-my_strategies}
begun=$(date +%s.%N)
nearopt new-strategy my_search -o "$folder"
pytest -q -p no:cacheprovider "$folder"
nearopt run --config-dir "$folder" task=softmax-4096x2560-bf16 strategy=my_search budget.evaluations=40 results="$folder/runs"
answer=0
nearopt gate my_search --config-dir "$folder" --against optuna_tpe --suite ci --results "$folder/gate" \
    --junit "$folder/gate.xml" --json "$folder/gate.json" || answer=$?
case $answer in 0 | 3 | 4) ;; *) exit "$answer" ;; esac
python -c 'import sys; print(f"developer: from new-strategy to the gate'"'"'s answer ({sys.argv[3]}) in "
      f"{float(sys.argv[2]) - float(sys.argv[1]):.0f} s")' "$begun" "$(date +%s.%N)" "exit code $answer"
