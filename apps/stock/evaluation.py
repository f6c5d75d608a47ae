"""The walk-forward backtest, compared with the baselines, and the verdict."""

from dataclasses import asdict
from functools import partial

from apps.common.card import markdown_table
from apps.stock import leaks, plots, report
from apps.stock.backtest import backtest
from apps.stock.baselines import PERSISTENCE
from apps.stock.config import StockConfig
from apps.stock.data import Data, minimum_notes
from apps.stock.metrics import Forecasts, per_step
from apps.stock.model import ForecasterGraph
from apps.stock.panel import Panel
from apps.task import Evaluation, Trained

LIMITS = (
    "The model was trained once and does not know later changes. Forecasts of data unlike its "
    "training rows are worse than the scores."
)
PRICE_LIMITS = (
    "**Not financial advice.** Past prices carry almost no information about future ones: for a "
    "traded price, no better than persistence is the expected result, and the width of the "
    "interval is more useful than the point forecast. Costs of trading are not counted. The model "
    "was trained once and does not know later changes."
)


def evaluate(trained: Trained, data: Data) -> Evaluation:
    """Forecasts from every origin of the test windows, which have no other use."""
    config, panel = trained.config, data.panel
    forecaster = ForecasterGraph(config, trained.model)
    forecasts, truth = backtest(config, data, forecaster)
    measures = {name: per_step(each, truth, config.levels) for name, each in forecasts.items()}
    figures = {name: report.summary(each) for name, each in measures.items()}
    own, best = next(iter(forecasts)), report.best_baseline(figures)
    tests = {name: report.compare(forecasts, name, truth) for name in {PERSISTENCE, best}}
    together, steps = tests[PERSISTENCE]
    alarms = leaks.check_data(config, data, trained.model.get_layer("scaling").statistics)
    alarms += leaks.check_accuracy(measures[own], panel.holds_prices)
    better = together.p < report.SIGNIFICANT and together.statistic < 0
    lagged_copy = leaks.is_lagged_copy(forecasts[own], truth) and not better
    verdict = report.verdict(
        figures,
        {name: test for name, (test, _) in tests.items()},
        levels=config.levels,
        lagged_copy=lagged_copy,
        alarms=alarms,
    )
    unit = _unit(panel)
    return Evaluation(
        headline=f"MASE {figures[own]['mase']:.3f}, {best} {figures[best]['mase']:.3f}",
        scores=[report.score_row(name, each, config.levels) for name, each in figures.items()],
        metrics={
            "model": own,
            "verdict": verdict,
            "leak_alarms": alarms,
            "lagged_copy": lagged_copy,
            "unit": unit,
            "figures": figures,
            "best_baseline": best,
            "diebold_mariano": asdict(together),  # against persistence
            "diebold_mariano_best": asdict(tests[best][0]),
            "windows": {part: len(starts) for part, starts in data.windows.items()},
        },
        results={
            **figures[own],
            **{f"persistence_{k}": figures[PERSISTENCE][k] for k in ("mae", "mse", "mase")},
            "dm_statistic": together.statistic,
            "dm_p": together.p,
        },
        title=f"Forecaster {trained.run.name}",
        what=_describe_model(config, panel, own, verdict),
        data=_describe_data(config, data, forecaster),
        limits=PRICE_LIMITS if panel.holds_prices else LIMITS,
        picture="plots/test.png",
        sections={
            "Step by step": f"Errors above are in {unit}, mean over the steps. MASE is "
            "in units of the mean change from row to row within each look-back. The direction is "
            "that of the change from the last known value, with its 95 % interval.\n\n"
            f"{markdown_table(report.step_rows(measures))}\n\nAll measures: `backtest.csv`.\n\n"
            "![](plots/steps.png)",
            "Leak checks": "".join(f"\n- **LEAK ALARM**: {alarm}" for alarm in alarms)
            or "Statistics from the training rows only; parts one after the other; no column that "
            "holds the target's future; gaps filled from the past; no implausible accuracy: all "
            "passed.",
        },
        plots={
            "steps": partial(plots.step_chart, measures=measures),
            "test": partial(
                plots.fan_chart,
                panels=[_last_window(config, data, forecasts[own])],
                levels=config.levels,
                title="the last test window",
            ),
        },
        files={"backtest.csv": report.backtest_csv(measures, steps)},
        remarks=[f"(errors in {unit}, mean over {config.horizon} steps)", "", verdict],
        warnings=[f"LEAK ALARM: {alarm}" for alarm in alarms],
    )


def _describe_model(config: StockConfig, panel: Panel, model: str, verdict: str) -> str:
    targets = f"{panel.columns[0]}" if panel.targets == 1 else f"all {panel.targets} columns"
    caution = " **Not financial advice.**" if panel.holds_prices else ""
    return (
        f"Forecasts {targets} of {config.data} for {config.horizon} rows from the "
        f"{config.lookback} before: {model}.{caution}\n\n{verdict}"
    )


def _describe_data(config: StockConfig, data: Data, forecaster: ForecasterGraph) -> str:
    panel, windows = data.panel, {part: len(starts) for part, starts in data.windows.items()}
    gap = (
        "whose look-back may reach into the part before"
        if config.reach_back
        else f"with a gap of {config.horizon} rows between the parts"
    )
    notes = [*panel.notes, *minimum_notes(panel, forecaster.minimum)]
    return (
        f"`{config.data}`: {len(panel.values):,} rows of {len(panel.names)} series, in the "
        f"order of time: {windows['train']:,} windows to train on, {windows['validation']:,} to "
        f"validate on, {windows['test']:,} to test on, {gap}."
        + "".join(f"\n- {note}" for note in notes)
    )


def _unit(panel: Panel) -> str:
    if panel.targets > 1:
        return "standard deviations of each column's training rows"
    return f"units of {panel.columns[0]}"


def _last_window(config: StockConfig, data: Data, forecasts: Forecasts) -> dict:
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
