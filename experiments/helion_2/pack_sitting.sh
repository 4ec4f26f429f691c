#!/bin/bash
# Fill a folder with what a lent machine needs: pack_sitting.sh FOLDER (the wheels in FOLDER/wheels stay as they are).
set -euo pipefail
root=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
mkdir -p "$1/wheels" "$1/logs"
folder=$(realpath "$1")
cd "$root"
git rev-parse HEAD > "$folder/COMMIT"
tar czf "$folder/code.tar.gz" --exclude='__pycache__' harness kernels search_spaces analysis conf experiments/helion_2 \
    -C "$folder" COMMIT
du -sh "$folder"/*
