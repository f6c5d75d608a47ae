"""Plots: a fan chart of quantiles, and the error by step."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from apps.common.files import atomic_path

SHOWN = 3  # horizons of known rows drawn before a forecast
FEWEST = 15  # least number of known rows drawn
# Shades of the bands, the outer one first; opaque, so that the legend shows them as drawn.
SHADES = "#d4e4f2", "#9cc3e2", "#6aa3d0"


def fan_chart(path: Path, panels: Sequence[Mapping], levels: Sequence[float], title: str) -> None:
    """Draw forecasts as fans after the known values.

    Args:
        path: the PNG file.
        panels: one per series: its `series` and `column`; `dates` and `values` of the known rows;
            `ahead`, the future dates; `quantiles` `(horizon, levels)`; and optionally `actual`
            `(horizon,)`.
        levels: of the quantiles, rising, with 0.5 among them.
        title: the heading.
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 0.8 + 3 * len(panels)), layout="constrained")
    figure.suptitle(title, fontsize=11)
    for axes, panel in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels):
        shown = max(FEWEST, SHOWN * len(panel["ahead"]))
        dates, values = panel["dates"][-shown:], panel["values"][-shown:]
        # The fan opens at the last known value.
        ahead = np.append(dates[-1:], panel["ahead"])
        fan = np.vstack([np.full(len(levels), values[-1]), panel["quantiles"]])
        for low in range(len(levels) // 2):
            high = len(levels) - 1 - low
            axes.fill_between(
                ahead,
                fan[:, low],
                fan[:, high],
                color=SHADES[min(low, len(SHADES) - 1)],
                linewidth=0,
                label=f"{levels[low]:.0%} to {levels[high]:.0%}",
            )
        axes.plot(dates, values, color="black", linewidth=1, label="known")
        if "actual" in panel:
            actual = np.append(values[-1:], panel["actual"])
            axes.plot(ahead, actual, color="tab:red", linewidth=1, label="actual")
        point = list(levels).index(0.5)
        axes.plot(ahead, fan[:, point], color="tab:blue", label="forecast")
        # Names may contain "$", which would begin a formula.
        axes.set_title(panel["series"], fontsize=10, parse_math=False)
        axes.set_ylabel(panel["column"], parse_math=False)
        if dates.dtype.kind == "M":
            locator = AutoDateLocator(maxticks=8)
            axes.xaxis.set_major_locator(locator)
            axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
            axes.set_xlabel("date")
        else:
            axes.set_xlabel("row")
        axes.grid(alpha=0.3)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)


def step_chart(path: Path, measures: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    """Draw MASE by step of the horizon, a line per model.

    Args:
        path: the PNG file.
        measures: `metrics.per_step` by model.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name, values in measures.items():
        steps = range(1, len(values["mase"]) + 1)
        axes.plot(steps, values["mase"], ".-", markersize=4, label=name)
    axes.set_xlabel("step of the horizon")
    axes.set_ylabel("MASE, lower is better")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)
