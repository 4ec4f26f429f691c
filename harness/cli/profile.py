"""The command ``nearopt profile``."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli.command import Command, add_config_dir
from harness.cli.exit_codes import DONE
from harness.errors import UserError
from harness.system.terminal import say


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("overrides", nargs="+", metavar="STRATEGY", help="names of strategies, and overrides")
    parser.add_argument("-o", "--output", type=Path, default=Path("profile"), help="default: profile")
    parser.add_argument(
        "--beside", default="random,optuna_tpe", metavar="A,B", help="default: random,optuna_tpe; '' for none"
    )
    parser.add_argument("--observations", type=int, default=1000, help="default: 1000")
    parser.add_argument("--time-limit-s", type=float, default=300.0, help="limit for each strategy (default: 300)")
    add_config_dir(parser)


def _run(arguments: argparse.Namespace) -> int:
    import pandas as pd

    from analysis.figures.ask_cost import draw
    from analysis.figures.style import save
    from analysis.runs.writing import write_csv
    from analysis.study.ask_cost import COLUMNS, summarise, terminal_table
    from harness.authoring.profiling import profile_all, profiled_configs, to_rows
    from harness.system.atomic import check_writable

    check_writable(arguments.output / "growth.csv")
    words = [*arguments.overrides, *filter(None, arguments.beside.split(","))]
    configs = profiled_configs(words, arguments.config_dir)
    profiles = profile_all(configs, arguments.observations, arguments.time_limit_s)
    readings = pd.DataFrame(to_rows(profiles), columns=list(COLUMNS))
    if readings.empty:
        raise UserError(
            f"--time-limit-s {arguments.time_limit_s:g}: no strategy reached 10 observations: expected a larger limit"
        )
    summary = summarise(readings)
    say(terminal_table(summary))  # printed first: it took minutes to measure, and writing may fail on a full disk
    figure = save(draw(readings, summary), arguments.output / "ask-cost", readings)
    write_csv(summary, arguments.output / "growth.csv", "%.6g")
    say(figure)
    return DONE


PROFILE = Command(
    name="profile",
    summary="measure how the cost of ask and tell grows with the observations",
    description=(
        "Ask and tell strategies one configuration at a time in replay, each alone in a fresh process, and write the\n"
        "mean cost from 10 observations on, the memory, the exponent of growth over the last decade with its 95%\n"
        "interval, ask-cost.csv, growth.csv and a figure. The strategies of --beside are shown for comparison.\n"
        "task=NAME, backend.landscape=FILE and further overrides choose the task (default:\n"
        "task=matmul-2048x2048x2048-bf16)."
    ),
    examples=(
        "nearopt profile conditional_gp",
        "nearopt profile lfbo rf_ei task=attention-4x16x2048x64-causal-bf16 --observations 300 -o profile",
    ),
    add_options=_options,
    run=_run,
)
