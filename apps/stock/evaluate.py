"""`python -m apps.stock.evaluate RUN`: the walk-forward backtest, the verdict and the card."""

import sys
from dataclasses import asdict

from apps.common import cli
from apps.common.progress import reports
from apps.common.run import Run, runs_root
from apps.stock.config import PRESETS

LIMITS = (
    "The model was trained once and knows nothing of what changed since. Data unlike its training "
    "rows are forecast worse than the scores say."
)
PRICE_LIMITS = (
    "**Not financial advice.** Past prices say next to nothing about future ones: for a traded "
    "price, no better than persistence is the expected result, and the width of the interval is "
    "worth more than the forecast in the middle of it. Costs of trading are not counted. The model "
    "was trained once and knows nothing of what changed since."
)


@reports("evaluation")
def evaluate(run: Run) -> dict:
    """Judges the best model of a run on its test windows; writes metrics, card, plots, results row.

    Every choice was made on the validation windows; the test windows are used here alone.

    Args:
        run: a run with a trained model.

    Returns:
        What `metrics.json` holds.

    Raises:
        InputError: the data are gone or not those of the run, or the model cannot be read.
    """
    from apps.common.card import markdown_table
    from apps.common.history import best_row, describe_kept, read_history
    from apps.stock import data as data_module
    from apps.stock import leaks, plots, report
    from apps.stock.backtest import backtest
    from apps.stock.baselines import PERSISTENCE
    from apps.stock.metrics import per_step
    from apps.stock.model import Forecaster, load

    config, trained = load(run)
    data = data_module.load(config, run)
    forecaster = Forecaster(config, trained)
    forecasts, truth = backtest(config, data, forecaster)
    measures = {name: per_step(each, truth, config.levels) for name, each in forecasts.items()}
    figures = {name: report.summary(each) for name, each in measures.items()}
    own, best = next(iter(forecasts)), report.best_baseline(figures)
    tests = {name: report.compare(forecasts, name, truth) for name in {PERSISTENCE, best}}
    together, steps = tests[PERSISTENCE]
    alarms = leaks.check_data(config, data, trained.get_layer("scaling").statistics)
    alarms += leaks.check_accuracy(measures[own], data.panel.holds_prices)
    better = together.p < report.SIGNIFICANT and together.statistic < 0
    lagged_copy = leaks.is_lagged_copy(forecasts[own], truth) and not better
    verdict = report.verdict(
        figures,
        {name: test for name, (test, _) in tests.items()},
        levels=config.levels,
        lagged_copy=lagged_copy,
        alarms=alarms,
    )
    scores = [report.score_row(name, each, config.levels) for name, each in figures.items()]
    history = read_history(run.history)
    metrics = {
        "model": own,
        "verdict": verdict,
        "leak_alarms": alarms,
        "lagged_copy": lagged_copy,
        "unit": _unit(data.panel),
        "figures": figures,
        "best_baseline": best,
        "diebold_mariano": asdict(together),  # against persistence
        "diebold_mariano_best": asdict(tests[best][0]),
        "windows": {part: len(starts) for part, starts in data.windows.items()},
        "best_epoch": best_row(history)["epoch"],
        "kept": describe_kept(best_row(history), config.epochs),
        "training_minutes": sum(row["seconds"] for row in history) / 60,
        "weights": trained.count_params(),
    }
    run.write_json("metrics.json", metrics)
    run.write_text("backtest.csv", report.backtest_csv(measures, steps))
    plots.step_chart(run.plots / "steps.png", measures)
    plots.fan_chart(
        run.plots / "test.png",
        [_last_window(config, data, forecasts[own])],
        config.levels,
        "the last test window",
    )
    notes = [*data.panel.notes, *data_module.minimum_notes(data.panel, forecaster.minimum)]
    _write_card(run, config, data, metrics, scores, report.step_rows(measures), notes)
    _append_result(run, config, metrics)
    print(markdown_table(scores))
    print(
        f"(errors in {metrics['unit']}, mean over {config.horizon} steps)\n\n{verdict}", flush=True
    )
    for alarm in alarms:
        print(f"LEAK ALARM: {alarm}", file=sys.stderr)
    return metrics


def _unit(panel) -> str:
    if panel.targets > 1:
        return "standard deviations of each column's training rows"
    return f"units of {panel.columns[0]}"


def _last_window(config, data, forecasts) -> dict:
    """The last test window as a panel of a fan chart."""
    first = data.windows["test"][-1]
    origin, end = first + config.lookback, first + config.lookback + config.horizon
    panel = data.panel
    return {
        "series": panel.names[panel.series[first]],
        "column": panel.columns[0],
        "dates": panel.dates[first:origin],
        "values": panel.values[first:origin, 0],
        "ahead": panel.dates[origin:end],
        "quantiles": forecasts.quantiles[-1, :, 0],
        "actual": panel.values[origin:end, 0],
    }


def _write_card(run, config, data, metrics, scores, step_rows, notes) -> None:
    from apps.common.card import markdown_table, model_card

    panel, windows = data.panel, metrics["windows"]
    wanted = f"{panel.columns[0]}" if panel.targets == 1 else f"all {panel.targets} columns"
    gap = "whose look-back may reach into the part before" if config.reach_back else (
        f"with a gap of {config.horizon} rows between the parts"
    )  # fmt: skip
    notes = "".join(f"\n- {note}" for note in notes)
    caution = " **Not financial advice.**" if panel.holds_prices else ""
    alarms = "".join(f"\n- **LEAK ALARM**: {alarm}" for alarm in metrics["leak_alarms"])
    text = model_card(
        f"Forecaster {run.name}",
        what=f"Forecasts {wanted} of {config.data} for {config.horizon} rows from the "
        f"{config.lookback} before: {metrics['model']}, {metrics['weights']:,} weights, trained in "
        f"{metrics['training_minutes']:.1f} minutes.{caution}\n\n{metrics['verdict']}",
        command=run.command,
        config=config.to_json(),
        data=f"`{config.data}`: {len(panel.values):,} rows of {len(panel.names)} series, in the "
        f"order of time: {windows['train']:,} windows to train on, {windows['validation']:,} to "
        f"choose the epoch by, {windows['test']:,} to test on, {gap}.{notes}",
        kept=metrics["kept"],
        scores=scores,
        limits=PRICE_LIMITS if panel.holds_prices else LIMITS,
        machine=run.machine,
        picture="plots/test.png",
        sections={
            "Step by step": f"Errors above are in {metrics['unit']}, mean over the steps. MASE is "
            "in units of the mean change from row to row within each look-back. The direction is "
            "that of the change from the last known value, with its 95 % interval.\n\n"
            f"{markdown_table(step_rows)}\n\nAll measures: `backtest.csv`.\n\n![](plots/steps.png)",
            "Leak checks": alarms
            or "Statistics from the training rows only; parts one after the other; no column that "
            "holds the target's future; gaps filled from the past; no implausible accuracy: all "
            "passed.",
        },
    )
    run.write_text("README.md", text)


def _append_result(run, config, metrics) -> None:
    from apps.common.results import append_result

    own, persistence = metrics["figures"][metrics["model"]], metrics["figures"]["persistence"]
    append_result(
        runs_root() / "stock" / "results.csv",
        command=cli.command_line("stock", PRESETS, config, omit=("seed", "run")),
        seed=config.seed,
        minutes=metrics["training_minutes"],
        machine=run.machine,
        scores={
            **own,
            **{f"persistence_{name}": persistence[name] for name in ("mae", "mse", "mase")},
            "dm_statistic": metrics["diebold_mariano"]["statistic"],
            "dm_p": metrics["diebold_mariano"]["p"],
        },
    )


@cli.command
def main(argv=None) -> None:
    """The command."""
    description = "Compare a trained run with baselines again, and rewrite its model card."
    run = cli.parse_run("stock", "evaluate", description, argv)
    from apps.common.environment import import_tensorflow

    import_tensorflow()
    evaluate(run)
    print(f"written to {run.metrics} and {run.card}")


if __name__ == "__main__":
    main()
