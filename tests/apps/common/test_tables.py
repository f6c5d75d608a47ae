"""What people read: the model card, the results table, the history file."""

import math
from concurrent.futures import ThreadPoolExecutor

from apps.common.card import model_card
from apps.common.history import best_row, read_history, write_history
from apps.common.results import append_result, read_results

CARD = """\
# GRU of characters

Continues a text.

## Repeat it

```
python -m apps.char_lm.train tiny
```

123 weights, trained on 2 cores.

## Data

Prose.

## Scores

| model | nats | note |
| --- | --- | --- |
| GRU | 1.235 |  |
| 5-gram | 1.67 | a \\| b |

![](plots/loss.png)

## Limits

Small.

## Configuration

| setting | value |
| --- | --- |
| epochs | 3 |
| sample | '\\n' |
| run | None |
"""


def test_the_model_card():
    text = model_card(
        "GRU of characters",
        what="Continues a text.",
        command="python -m apps.char_lm.train tiny",
        config={"epochs": 3, "sample": "\n", "run": None},
        data="Prose.\n",
        scores=[
            {"model": "GRU", "nats": 1.23456},
            {"model": "5-gram", "nats": 1.67, "note": "a | b"},
        ],
        limits="Small.",
        training="123 weights, trained on 2 cores.",
        picture="plots/loss.png",
    )
    assert text == CARD


def test_results_are_unique_by_command_and_seed(tmp_path):
    path = tmp_path / "results" / "toy.csv"

    def append(seed, minutes, date="2026-01-02", command="train, base", **scores):
        append_result(
            path, command=command, seed=seed, minutes=minutes, machine="m", scores=scores, date=date
        )

    assert read_results(path) == []
    append(1, 2.04, nats=1.5)
    append(2, 3, nats=1.4)
    append(1, 5, nats=1.3, bits=2, date="2026-01-03")
    append(1, 1, nats=1.7, command="train tiny")
    assert path.read_text(encoding="utf-8") == (
        "command,seed,minutes,machine,nats,bits,date\n"
        '"train, base",1,5.0,m,1.3000,2.0000,2026-01-03\n'
        '"train, base",2,3.0,m,1.4000,,2026-01-02\n'
        "train tiny,1,1.0,m,1.7000,,2026-01-02\n"
    )


def test_results_of_runs_that_end_together_are_all_kept(tmp_path):
    def append(seed):
        append_result(
            tmp_path / "toy.csv", command="c", seed=seed, minutes=1, machine="m", scores={}
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append, range(40)))
    assert {row["seed"] for row in read_results(tmp_path / "toy.csv")} == set(map(str, range(40)))


def test_history_keeps_every_bit_and_the_first_best_row_wins(tmp_path):
    rows = [
        {"epoch": 1, "loss": 0.1 + 0.2, "val_loss": 2.0},
        {"epoch": 2, "loss": 1e-300, "val_loss": 1.0},
        {"epoch": 3, "loss": math.pi, "val_loss": 1.0, "bleu": 0.5},
    ]
    write_history(tmp_path / "history.csv", rows)
    read = read_history(tmp_path / "history.csv")
    assert math.isnan(read[0]["bleu"])
    assert [{name: row[name] for name in old} for row, old in zip(read, rows)] == rows
    assert best_row(rows) is rows[1]
    assert best_row(rows, "loss", "max") is rows[2]
