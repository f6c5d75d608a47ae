"""The loss of a run, as a picture."""

from typing import Literal

from apps.common.files import replacing
from apps.common.history import best_row, read_history
from apps.common.run import Run


def plot_loss(
    run: Run,
    *,
    unit: str = "",
    monitor: str = "val_loss",
    mode: Literal["min", "max"] = "min",
) -> None:
    """Draw training and validation loss over the epochs of `history.csv` to `plots/loss.png`.

    Args:
        run: a run with at least one epoch.
        unit: what the loss is measured in, such as `nats per character`.
        monitor: the figure that chose the best epoch, which is marked.
        mode: whether its lowest or highest is best.
    """
    from matplotlib.figure import Figure

    rows = read_history(run.history)
    epochs = [row["epoch"] for row in rows]
    best = best_row(rows, monitor, mode)
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(epochs, [row["loss"] for row in rows], ".-", label="training")
    axes.plot(epochs, [row["val_loss"] for row in rows], ".-", label="validation")
    axes.plot(
        best["epoch"],
        best["val_loss"],
        "o",
        markersize=10,
        fillstyle="none",
        color="black",
        label=f"best: {best['val_loss']:.4g} in epoch {best['epoch']}",
    )
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"loss ({unit})" if unit else "loss")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    axes.legend()
    with replacing(run.plots / "loss.png") as beside:
        figure.savefig(beside, dpi=120)
