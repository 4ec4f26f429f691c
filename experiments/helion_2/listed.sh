#!/bin/bash
# The replays on the two listed spaces: listed.sh RESULTS [JOBS]. Finished runs are skipped, so it can be given again.
# Helion 1.5.1 has to be the one installed (make test-helion makes .venv-helion-1.5.1): labels say so.
# The strategies of the hypothesis come first, then random search and Helion's other searches.
results=${1:?listed.sh RESULTS [JOBS]} jobs=${2:-2} failed=0
here=$(dirname "$(realpath "$0")")/listed
spaces=$here/helion_softmax_listed-16384x2560-bf16__h100.parquet,$here/helion_layernorm_listed-8192x4096-bf16__h100.parquet
sweep() {
  ${NEAROPT:-nearopt} run -m backend.landscape="$spaces" budget.evaluations=300 'seed=range(4000,4030)' \
    results="$results" jobs="$jobs" "$@" || failed=1
}
sweep strategy=optuna_tpe,random,random_hierarchical,random_from_default
sweep strategy=helion_lfbo_tree strategy.label=helion_lfbo_tree_1.5.1
sweep strategy=conditional_gp
sweep strategy=lfbo
sweep strategy=helion_lfbo_tree strategy.label=helion_lfbo_tree_1.5.1_unseeded strategy.compiler_seeds=false
# What Helion's searches begin with, and random search after it: not in the hypothesis.
sweep strategy=random start="$here/start.json" strategy.label=random_from_helion_start
for search in lfbo_pattern pattern de_surrogate differential_evolution random; do
  sweep strategy=helion_$search strategy.label=helion_${search}_1.5.1
done
exit $failed
