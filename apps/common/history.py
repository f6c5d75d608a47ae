"""Metrics per epoch: rows, `history.csv`, the best row, TensorBoard scalars."""

import csv
import io
import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from apps.common.environment import import_tensorflow
from apps.common.files import write_text

Row = Mapping[str, float]
"""One epoch: `epoch` counted from 1, `loss`, ..., `val_loss`, ..., `learning_rate`, `seconds`.

With averaged weights also `val_loss_raw`, `val_loss_averaged`, and `averaged`: see `fit`.
"""


def best_row(
    rows: Sequence[Row], monitor: str = "val_loss", mode: Literal["min", "max"] = "min"
) -> Row:
    """The first row with the best `monitor`.

    Args:
        rows: at least one row.
        monitor: the metric to compare.
        mode: whether the lowest or the highest is best.
    """
    return {"min": min, "max": max}[mode](rows, key=lambda row: row[monitor])


def write_history(path: Path, rows: Sequence[Row]) -> None:
    """Write `rows` as a CSV file, all or nothing; floats keep every bit."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def read_history(path: Path) -> list[dict[str, float]]:
    """The rows that `write_history` wrote; a metric that an epoch lacks is NaN."""
    with open(path, encoding="utf-8", newline="") as file:
        return [
            {
                column: int(value) if column == "epoch" else float(value or math.nan)
                for column, value in row.items()
            }
            for row in csv.DictReader(file)
        ]


def describe(row: Row, epochs: int) -> str:
    """A row in one line, such as `epoch 3/10  loss 1.71  val_loss 1.8  31 s`."""
    hidden = ("epoch", "learning_rate", "seconds", "averaged")
    figures = [
        f"{name} {value:.4g}"
        for name, value in row.items()
        if name not in hidden and not name.endswith(("_raw", "_averaged"))
    ]
    words = [f"epoch {row['epoch']}/{epochs}", *figures, f"{row['seconds']:.0f} s"]
    return "  ".join([*words, *filter(None, [describe_weights(row)])])


def describe_weights(row: Row) -> str:
    """Which weights an epoch has, such as `averaged weights (val_loss 1.8, raw 1.93)`; or ""."""
    if "averaged" not in row:
        return ""
    monitor = next(name.removesuffix("_raw") for name in row if name.endswith("_raw"))
    names = ("averaged", "raw") if row["averaged"] else ("raw", "averaged")
    better, other = (f"{row[f'{monitor}_{name}']:.4g}" for name in names)
    return f"{names[0]} weights ({monitor} {better}, {names[1]} {other})"


def describe_kept(row: Row, epochs: int) -> str:
    """The epoch that was kept, such as `epoch 7 of 10, averaged weights (val_loss 1.8, ...)`."""
    words = [f"epoch {row['epoch']} of {epochs}", *filter(None, [describe_weights(row)])]
    return ", ".join(words)


class Scalars:
    """Writes the rows for TensorBoard, to `logs/train` and `logs/validation`.

    This needs no tensorboard package, as `tf.summary.scalar` would.
    """

    def __init__(self, folder: Path, rows: Sequence[Row]):
        """Start again with `rows`, so that a resumed run has each epoch once.

        Args:
            folder: where the two folders are made; old content is replaced.
            rows: the epochs so far.
        """
        tf = import_tensorflow()
        self._writers = {}
        for part in ("train", "validation"):
            shutil.rmtree(folder / part, ignore_errors=True)
            self._writers[part] = tf.summary.create_file_writer(str(folder / part))
        self._metadata = tf.compat.v1.SummaryMetadata(data_class="DATA_CLASS_SCALAR")
        self._metadata.plugin_data.plugin_name = "scalars"
        for row in rows:
            self.add(row)

    def add(self, row: Row) -> None:
        """Write the metrics of one epoch, `val_loss` as `loss` of the validation."""
        tf = import_tensorflow()
        for name, value in row.items():
            part = "validation" if name.startswith("val_") else "train"
            if name != "epoch":
                with self._writers[part].as_default():
                    tf.summary.write(
                        f"epoch_{name.removeprefix('val_')}",
                        tf.constant(value, tf.float32),
                        step=row["epoch"],
                        metadata=self._metadata,
                    )
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()
