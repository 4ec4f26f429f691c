#!/bin/bash
# The runs of the study: run.sh RESULTS [JOBS]. Finished runs are skipped, so it can be stopped and given again.
# conditional_gp has the defaults that the study had (conditional_gp_2).
# The strategies of the hypothesis come first, those that are dear last. lfbo and rf_ei need scikit-learn, helion_* Helion.
results=${1:?run.sh RESULTS [JOBS]} jobs=${2:-2} failed=0
sweep() { ${NEAROPT:-nearopt} run -m experiment=claim_2 results="$results" jobs="$jobs" "$@" || failed=1; }
sweep strategy=conditional_gp_2 strategy.label=conditional_gp
sweep strategy=optuna_tpe
sweep strategy=lfbo
sweep strategy=helion_lfbo_tree
for strategy in conditional_gp_2 optuna_tpe lfbo random; do
  sweep strategy=$strategy strategy.label=${strategy%_2}_16 workers=16 schedule=async
done
sweep strategy=random,random_hierarchical,random_from_default,local_search,pattern_search,genetic
sweep strategy=trust_region
sweep strategy=catcma,optuna_tpe_hierarchical
sweep strategy=conditional_gp_1
sweep strategy=conditional_gp_2 strategy.label=conditional_gp_without_features strategy.features=false
for strategy in conditional_gp_2 optuna_tpe; do
  sweep strategy=$strategy start=default strategy.label=${strategy%_2}_from_default
done
sweep strategy=helion_lfbo_pattern,helion_de_surrogate
sweep strategy=rf_ei
exit $failed
