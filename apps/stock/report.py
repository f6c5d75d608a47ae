"""Reports a backtest: metrics over all steps, tables, and the verdict in words."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from apps.stock.baselines import PERSISTENCE
from apps.stock.metrics import Comparison, Forecasts, Truth, diebold_mariano, scaled_errors

SIGNIFICANT = 0.05
STEPS_SHOWN = 8  # of the horizon; backtest.csv has all

Measures = Mapping[str, Sequence[float]]
"""The result of `metrics.per_step` for one model."""


def summary(measures: Measures) -> dict[str, float]:
    """One value per metric: the mean over the steps; the direction is that of the first step.

    `mse` is the mean square, `rmse` its root. A direction that was never forecast is left out.
    """
    figures = {name: float(np.mean(values)) for name, values in measures.items()}
    figures["mse"] = float(np.mean(np.square(measures["rmse"])))
    figures["rmse"] = math.sqrt(figures["mse"])
    for name in ("direction", "direction_low", "direction_high", "rises"):
        figures[name] = measures[name][0]
    return {name: value for name, value in figures.items() if not math.isnan(value)}


def score_row(name: str, figures: Mapping[str, float], levels: Sequence[float]) -> dict:
    """The row of a model in the table of scores."""
    row = {"model": name, **{key.upper(): figures[key] for key in ("mae", "mse", "rmse", "mase")}}
    row["direction, step 1"] = _interval(figures)
    if "pinball" in figures:
        row["pinball"] = figures["pinball"]
        row[f"within {levels[-1] - levels[0]:.0%} interval"] = f"{figures['coverage']:.1%}"
    return row


def step_rows(measures: Mapping[str, Measures]) -> list[dict]:
    """MASE, direction and coverage of every model at some steps, for the card."""
    horizon = len(next(iter(measures.values()))["mase"])
    shown = np.unique(np.linspace(0, horizon - 1, min(horizon, STEPS_SHOWN)).round().astype(int))
    rows = []
    for name, values in measures.items():
        for what in ("mase", "direction"):
            cells = {f"step {s + 1}": values[what][s] for s in shown}
            if not any(math.isnan(cell) for cell in cells.values()):
                rows.append({"model": name, "measure": what, **cells})
    return rows


def backtest_csv(measures: Mapping[str, Measures], tests: Sequence[Comparison]) -> str:
    """All measures at all steps: a row per model and step; the tests are the first model's."""
    frames = [
        pd.DataFrame({"model": name, "step": range(1, len(values["mase"]) + 1), **values})
        for name, values in measures.items()
    ]
    frames[0]["dm_p"] = [test.p for test in tests]
    return pd.concat(frames).to_csv(index=False, float_format="%.6g", lineterminator="\n")


def best_baseline(figures: Mapping[str, Mapping[str, float]]) -> str:
    """The baseline of the lowest MASE; the first entry is the model and does not count."""
    return min(list(figures)[1:], key=lambda name: figures[name]["mase"])


def compare(
    forecasts: Mapping[str, Forecasts], baseline: str, truth: Truth
) -> tuple[Comparison, list[Comparison]]:
    """Diebold-Mariano tests of the first model: over all steps together, and at each step.

    The loss is the absolute scaled error, whose mean is the MASE.
    """
    own, other = (
        scaled_errors(forecasts[name].point, truth) for name in (next(iter(forecasts)), baseline)
    )
    horizon = own.shape[1]
    steps = [diebold_mariano(own[:, s], other[:, s], truth.times, s + 1) for s in range(horizon)]
    together = diebold_mariano(own.mean(axis=1), other.mean(axis=1), truth.times, horizon)
    return together, steps


def verdict(
    figures: Mapping[str, Mapping[str, float]],
    tests: Mapping[str, Comparison],
    *,
    levels: Sequence[float],
    lagged_copy: bool,
    alarms: Sequence[str],
) -> str:
    """The result in words: compared with the best baseline, then with persistence.

    Args:
        figures: `summary` by model, the evaluated one first.
        tests: of the model against persistence and against the best baseline, over all steps.
        levels: of the quantiles.
        lagged_copy: whether the forecasts follow the series a step late.
        alarms: leak alarms.
    """
    name, own = next(iter(figures.items()))
    best = best_baseline(figures)
    words = [
        f"{name} is {_relation(tests[best])} the best baseline, {best}: MASE {own['mase']:.3f} "
        f"against {figures[best]['mase']:.3f}{_chance(tests[best])}."
    ]
    if best != PERSISTENCE:
        words.append(
            f"It is {_relation(tests[PERSISTENCE])} persistence: "
            f"{figures[PERSISTENCE]['mase']:.3f}{_chance(tests[PERSISTENCE])}."
        )
    if "direction" in own:
        words.append(
            f"The direction of its first step is right {_interval(own)} of the time; the value "
            f"rose {own['rises']:.1%} of the time."
        )
    if "coverage" in own:
        words.append(
            f"Its {levels[-1] - levels[0]:.0%} intervals held {own['coverage']:.1%} of the values."
        )
    if lagged_copy:
        words.append(
            "Warning: its one-step forecasts are nearer to a known value than to the actual one, "
            "a lagged copy; a plot of them looks right, but they have no skill."
        )
    if alarms:
        words.insert(0, f"NOT TO BE TRUSTED, {len(alarms)} leak alarm{'s' * (len(alarms) > 1)}:")
        words[1:1] = [f"{alarm}." for alarm in alarms]
    return " ".join(words)


def _relation(test: Comparison) -> str:
    if test.p >= SIGNIFICANT:
        return "no better than"
    return "worse than" if test.statistic > 0 else "better than"


def _chance(test: Comparison) -> str:
    verdict = "not significant, " if test.p >= SIGNIFICANT else ""
    return f" ({verdict}Diebold-Mariano p = {test.p:.2g})"


def _interval(figures: Mapping[str, float]) -> str:
    if "direction" not in figures:
        return "none"
    return (
        f"{figures['direction']:.1%} [{figures['direction_low']:.1%}, "
        f"{figures['direction_high']:.1%}]"
    )
