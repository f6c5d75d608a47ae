"""The benchmarks' own arithmetic, and that they refuse to time what does not agree."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from benchmarks import applications, layers, litert, memory_tasks, redraw, scaling
from benchmarks.cases.layers import CASES, Shape, flops
from benchmarks.measure import memory, report, timing

PROJECT = Path(__file__).resolve().parents[1]
SHAPE = Shape(batch=2, time=3, inputs=5, units=7)


class Clock:
    """A clock that only the contenders move."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def contender(self, *seconds):
        """A call that takes the given seconds in turn, the last one for ever."""
        left = list(seconds)

        def call():
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return call


def timings(median, q1=None, q3=None, *, calls):
    return {"median": median, "q1": q1 or median, "q3": q3 or median, "calls": calls}


def test_statistics_by_hand():
    assert timing.summary([4.0, 1.0, 2.0, 3.0, 10.0]) == timings(3.0, 2.0, 4.0, calls=5)


def test_the_first_call_is_told_apart():
    clock = Clock()
    calls = {"slow": clock.contender(9.0, 2.0), "fast": clock.contender(5.0, 1.0)}
    first, _ = timing.first_calls(calls, clock)
    found = timing.interleave(calls, 0, min_rounds=4, turn=0.5, clock=clock)
    assert first == {"slow": 9.0, "fast": 5.0}
    assert found == {"slow": timings(2.0, calls=4), "fast": timings(1.0, calls=4)}


def test_a_turn_of_several_calls_drops_its_first():
    clock = Clock()
    calls = {"a": clock.contender(3.0, 0.25)}
    found = timing.interleave(calls, 0, min_rounds=1, turn=3.5, clock=clock)
    assert found["a"] == timings(0.25, calls=2)


def test_rounds_go_on_until_the_time_is_up():
    clock = Clock()
    calls = {"a": clock.contender(1.0), "b": clock.contender(1.0)}
    found = timing.interleave(calls, 10, min_rounds=1, turn=0, clock=clock)
    assert found["a"]["calls"] == found["b"]["calls"] == 5


# By hand for (2, 3, 5, 7), one gate: X W_x is 2·6·5·7 = 420 operations, H W_h 2·6·7·7 = 588;
# forward 1,008, training 2·420 + 3·588 = 2,604. The second LSTM reads 7 inputs: X W_x 588 per
# gate, and its dX is wanted: 4·(3·588 + 3·588) = 14,112.
@pytest.mark.parametrize(
    "name, forward, training",
    [
        ("VanillaRNN", 1_008, 2_604),
        ("GRU reset-before", 3_024, 7_812),
        ("LSTM", 4_032, 10_416),
        ("Bidirectional GRU", 6_048, 15_624),
        ("DeepRNN 2xLSTM", 4_032 + 4 * 2 * 588, 10_416 + 14_112),
    ],
)
def test_flops_by_hand(name, forward, training):
    assert flops(CASES[name], SHAPE, training=False) == forward
    assert flops(CASES[name], SHAPE, training=True) == training


def test_shapes_from_the_command_line():
    assert Shape.parse("32,60,5,32") == Shape.parse("32x60x5x32") == (32, 60, 5, 32)
    for wrong in ("1,2,3", "1,2,3,0", "1,2,3,x"):
        with pytest.raises(ValueError):
            Shape.parse(wrong)


def test_disagreement_is_relative_to_the_largest_value():
    from benchmarks.cases.contenders import disagreement

    expected = [np.array([100.0, 1.0]), np.array([2.0])]
    actual = [np.array([100.0, 2.0]), np.array([2.0])]
    assert disagreement(actual, expected) == pytest.approx(0.01)
    assert disagreement([np.array([np.nan])], [np.array([1.0])]) == np.inf
    with pytest.raises(ValueError):
        disagreement(actual[:1], expected)


def test_growth_exponent():
    assert scaling.exponent([1, 2, 4, 8], [5, 5, 10, 20]) == pytest.approx(1)
    assert scaling.exponent([1, 2], [3.0, None]) is None


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory needs /proc")
def test_peak_memory_of_what_is_freed_again():
    size = 64 * 2**20
    peak = memory.peak_memory(lambda: np.ones(size, np.uint8).sum())
    assert 0.9 * size < peak < 1.5 * size


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Bidirectional GRU", "DeepRNN 2xLSTM"])
def test_a_row_of_layers(name, tmp_path, monkeypatch, capsys):
    row = layers.measure(name, "training", SHAPE, 0)
    assert max(row["disagreement"].values()) < 1e-4
    assert {"ours graph", "Keras graph", "matmul"} <= set(row["seconds"])
    medians = {who: seconds["median"] for who, seconds in row["seconds"].items()}
    rate = 2 * 1024**3 / medians["matmul"]
    ours = medians[row["fit"]["ours"]]
    assert row["over_ours"]["floor"] == pytest.approx(row["flops"] / rate / ours)
    assert row["over_ours"]["Keras"] == pytest.approx(medians[row["fit"]["Keras"]] / ours)

    error = {"case": name, "pass": "forward", "shape": SHAPE._asdict(), "error": "differs"}
    monkeypatch.setattr(report, "prepare", lambda threads: None)
    monkeypatch.setattr(layers, "measure_all", lambda arguments: [row, error])
    assert layers.main(["--results", str(tmp_path / "new")]) == 1
    found = json.loads((tmp_path / "new" / "layers.json").read_text("utf-8"))
    assert found["rows"] == [json.loads(json.dumps(row)), error]
    assert {"command", "date", "machine", "versions"} <= set(found)
    assert (tmp_path / "new" / "layers.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert f"| {name} " in printed
    assert f"ERROR case {name}; pass forward; shape 2x3x5x7; error differs" in printed


@pytest.mark.slow
def test_plots_are_drawn_again_from_the_results(tmp_path, monkeypatch):
    files = list(report.RESULTS.glob("*.json"))
    for file in files:
        shutil.copy(file, tmp_path)
    monkeypatch.setattr(redraw, "RESULTS", tmp_path)
    redraw.main()
    drawn = {path.stem for path in tmp_path.glob("*.png")}
    without_plot = {"cells", "crf", "data", "decoding", "dropout", "first_step", "inspect"}
    without_plot |= {"serving_scale", "targets"}
    assert {file.stem for file in files} - drawn == without_plot


def test_values_that_differ_are_an_error_and_not_timed(monkeypatch):
    from benchmarks.cases import contenders

    def wrong(side, case, shape):
        model = build(side, case, shape)
        model.layers[-1].go_backwards = side == "Keras"
        return model

    build = contenders.build
    monkeypatch.setattr(contenders, "build", wrong)
    row = layers.measure("VanillaRNN", "forward", SHAPE, 0)
    assert "ours" in row["error"] and "seconds" not in row


@pytest.mark.slow
def test_searches_that_are_compared_find_the_same():
    from benchmarks.cases import decoding

    calls = decoding.contenders(sentences=2, beam_width=3, steps=4, source=3, units=5, vocabulary=7)
    (tokens, scores), *others = [call() for call in calls.values()]
    assert tokens.shape == (2, 4) and len(others) == 2
    for found in others:
        np.testing.assert_array_equal(found[0], tokens)
        np.testing.assert_allclose(found[1], scores, rtol=1e-4)


def test_losses_of_a_crf_that_are_compared_are_equal():
    from benchmarks.cases import crf

    ours, plain = (call() for call in crf.loss_calls(batch=3, time=4, tags=2).values())
    assert len(ours) == 5  # the loss, and the gradients of emissions and three weights
    for a, b in zip(ours, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "name, case, small, contenders",
    [
        ("char_lm", "tiny", {}, ["ours graph", "ours jit", "Keras graph", "Keras jit"]),
        (
            "sentiment", "lstm", {},
            ["ours, bucketed", "ours, padded to 400", "Keras, bucketed", "Keras, padded to 400"],
        ),
        ("translation", "gru", {"tokens": "word"}, ["ours", "Keras", "Keras, its default GRU"]),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_models_that_are_compared_are_equal(name, case, small, contenders):
    from benchmarks.cases import training

    module = import_module(f"benchmarks.cases.{name}")
    config = replace(module.configure(case, "builtin"), units=4, embedding=3, **small)
    contest = module.contest(config, count=1)
    assert list(contest.calls) == contenders and set(contest.fit.values()) <= {*contenders}
    assert contest.amount >= 64
    wrong = partial(training.KERAS_LAYERS[config.cell], activation="sigmoid")
    with (
        mock.patch.dict(training.KERAS_LAYERS, {config.cell: wrong}),
        pytest.raises(ValueError, match="Keras's logits differ"),
    ):
        module.contest(config, count=1)


def test_applications_compare_with_our_default():
    timing_ours, timing_keras = timings(0.5, calls=3), timings(0.75, calls=3)
    row = {
        "preset": "base", "cell": "gru", "units": 8, "reviews_per_call": 512,
        "first_call_seconds": {"ours": 3.0, "Keras": 2.0},
        "seconds": {"ours": timing_ours, "Keras": timing_keras},
        "reviews_per_second": {"ours": 1024.0, "Keras": 512 / 0.75},
        "fit": {"ours": "ours", "Keras": "Keras"},
        "peak_memory_bytes": {"ours": 2**20, "Keras": None},
    }  # fmt: skip
    *_, ours, theirs = applications.tables([row])[-1].splitlines()
    cells = [cell.strip() for cell in theirs.split("|")[2:-1]]
    assert cells == ["Keras*", "682.7", "750 (0)", "2", "–", "1.5"]
    assert "ours*" in ours and "1024" in ours


def test_applications_refuse_unknown_cases(capsys):
    with pytest.raises(SystemExit) as end:
        applications.parse(["translation", "--cases", "gru", "tiny"])
    assert end.value.code == 2
    assert "unknown --cases tiny, choose from gru, lstm" in capsys.readouterr().err


def test_the_memory_tasks_are_those_of_the_papers():
    from benchmarks.cases.memory_tasks import COPIED, SYMBOLS, Task

    rng = np.random.default_rng(0)
    X, y = Task("adding", 30).sample(2000, rng)
    marks = X[..., 1]
    assert (marks[:, :15].sum(1) == 1).all() and (marks[:, 15:].sum(1) == 1).all()
    np.testing.assert_allclose(y[:, 0], (X[..., 0] * marks).sum(1))
    assert y.var() == pytest.approx(Task("adding", 30).baseline, rel=0.1)
    X, y = Task("copying", 30).sample(5, rng)
    assert X.shape == (5, 30 + 2 * COPIED, SYMBOLS + 2) and (X.sum(-1) == 1).all()
    np.testing.assert_array_equal(X[:, :COPIED].argmax(-1), y)
    assert (X[:, COPIED:-1, :SYMBOLS] == 0).all() and X[0, :, -1].sum() == 1


@pytest.mark.slow
def test_a_row_of_memory_tasks(tmp_path, monkeypatch, capsys):
    """`gradient_norms` shows the forget bias, and leaves the network as it is."""
    monkeypatch.setattr(report, "prepare", lambda threads: None)
    options = "--tasks adding copying --cells LSTM --lengths 12 --units 8 --seconds 0"
    options = f"{options} --forget-bias 20 --results {tmp_path}"
    assert memory_tasks.main(options.split()) == 0
    rows = json.loads((tmp_path / "memory_tasks.json").read_text("utf-8"))["rows"]
    assert [row["steps"] for row in rows] == [100, 100]
    assert rows[0]["before"]["horizon"]["gates"] == 13 and rows[0]["before"]["ratio"] > -1
    assert rows[0]["baseline"] == pytest.approx(1 / 6)
    assert (tmp_path / "memory_tasks.png").exists()
    assert "| copying | 12 " in capsys.readouterr().out


@pytest.mark.parametrize("app", ["char_lm", "sentiment", "translation", "stock"])
def test_generated_data_have_the_size_that_was_given(app, tmp_path):
    from benchmarks.cases.data import CASES

    case = CASES[app]
    case.write(tmp_path / f"a{case.suffix}", 2_500)
    text = (tmp_path / f"a{case.suffix}").read_text("utf-8")
    rows = text.splitlines()[app in ("sentiment", "stock") :]  # without a header
    assert (len(text) if app == "char_lm" else len(rows)) == 2_500
    separator = {"char_lm": " ", "stock": ","}.get(app, "\t")
    assert all(separator in row for row in rows[:-1]) and len({*rows}) > 20


def test_missed_targets_are_printed():
    times = {"char LM none": timings(70e-6, calls=9), "any length none": timings(90e-6, calls=9)}
    streaming = {"streaming": {"units": 256, "vocabulary": 96}, "seconds": times}
    line = "MISSED streaming LSTM 256: µs per character is 70.00, the target at most 60"
    assert line in litert.tables([streaming])


@pytest.mark.parametrize(
    "line",
    [
        "applications char_lm",
        "data",
        "decoding",
        "layers",
        "litert",
        "memory_tasks",
        "scaling",
        "serving RUN",
        "serving_scale RUN",
    ],  # fmt: skip
)
def test_options_are_read_before_tensorflow(line):
    name, *words = line.split()
    program = (
        f"import sys; from benchmarks import {name}; {name}.parse({words});"
        "print([m for m in ('tensorflow', 'keras', 'torch', 'matplotlib') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True
    )
    assert run.stdout.strip() == "[]", run.stderr
