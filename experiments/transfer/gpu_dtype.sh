#!/bin/bash
# Record the fp16 siblings of four bf16 recordings on one H100 with 16 cores: gpu_dtype.sh CARRIED OUT SECONDS
#
# CARRIED holds wheels/ and, from the second sitting on, dtype/ with what the one before left in OUT: finished landscapes
# and the logs of unfinished ones, which the recorder continues.
set -euo pipefail
source "$(dirname "$0")/gpu_prepare.sh"
work=/tmp/nearopt-dtype tasks=softmax-4096x2560-fp16,layernorm-8192x4096-fp16,attention-4x16x2048x64-causal-fp16,matmul-2048x2048x2048-fp16
mkdir -p "$work"
for file in "$carried"/dtype/*; do
    name=$(basename "$file" .gz)
    if [ -e "$work/$name" ]; then continue; fi
    case $file in *.parquet) cp "$file" "$work" ;; *.gz) gzip -dc "$file" > "$work/$name" ;; esac
done
pack() {
    for log in "$work"/*.recording.jsonl; do
        if [ ! -e "$log" ]; then continue; fi
        if [ -e "${log%.recording.jsonl}" ]; then rm -f "$out/$(basename "$log").gz"; continue; fi
        gzip -1 -c "$log" > "$out/.log" && mv "$out/.log" "$out/$(basename "$log").gz"
    done
    for landscape in "$work"/*.parquet; do
        if [ -e "$landscape" ]; then cp "$landscape" "$out"; fi
    done
}
(while sleep 60; do pack; done) &
snapshots=$!
timeout -s INT $(($(left) - 10)) python3 -m harness.cli record task=$tasks -o "$work" --compile-workers 16 \
    --deadline-s $(($(left) - 45)) || echo "not everything is recorded: copy OUT to CARRIED/dtype and repeat"
kill $snapshots && rm -f "$out/.log"
pack
ls -l "$out"
