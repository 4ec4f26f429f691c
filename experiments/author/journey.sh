#!/bin/sh
# From a committed study to the figures of a paper's column, about two minutes on two cores. From the root of the clone:
#   sh experiments/author/journey.sh paper
set -eu
NEAROPT=${NEAROPT:-nearopt}
STUDY=${STUDY:-experiments/claim_5_10x/results}
OUT=${1:-paper}
TASKS=${TASKS:-softmax-4096x2560-bf16__h100,softmax-16384x2560-bf16__h100,layernorm-32768x768-bf16__h100,matmul-1024x1024x1024-bf16__h100,attention-4x16x2048x64-causal-bf16__h100,layernorm-2048x16384-fp16__h100}

# All strategies over all tasks and each kernel, and the share of problems solved.
$NEAROPT report "$STUDY" -o "$OUT" --width 3.3 --rename conditional_gp=ours \
    --figure speedup-compact-evaluations --figure data-profile

# Best-so-far curves of six tasks, four strategies in the order of the legend.
$NEAROPT report "$STUDY" -o "$OUT" --width 3.3 --rename conditional_gp=ours --tasks "$TASKS" \
    --strategies conditional_gp,optuna_tpe,pattern_search,random --figure best-so-far-tasks-evaluations
