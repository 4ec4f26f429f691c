#!/usr/bin/env bash
# The journey of a kernel engineer, without a GPU: write a kernel, check and test it, and tune it to best.json.
#     experiments/journeys/engineer.sh [FOLDER]
set -euo pipefail
folder=${1:-my_kernels}
begun=$(date +%s.%N)
nearopt new-kernel my_gram --kind cpu -o "$folder"
nearopt check "$folder/my_gram.py"
pytest -q -p no:cacheprovider "$folder"
nearopt tune "$folder/my_gram.py" rows=128 cols=96 --evaluations 8 -o "$folder/tuned"
nearopt best "$folder/tuned" --json > "$folder/best-of-all.json"
test -s "$folder/tuned/best.json"
python -c 'import sys; print(f"engineer: from new-kernel to best.json in {float(sys.argv[2]) - float(sys.argv[1]):.0f} s")' \
    "$begun" "$(date +%s.%N)"
