"""The forecaster through its command lines, from a table to the days after it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from apps import runner
from apps.common.errors import InputError
from apps.common.history import read_history
from apps.common.results import read_results
from apps.common.run import Run
from apps.stock import batches, evaluate, export, forecast, train
from apps.stock.model import ForecasterGraph, load
from rnn_keras import use_plan
from rnn_keras.export import LiteRTModel, MicroModel
from tests.operations import foreign_operations

PROJECT = Path(__file__).parents[3]

SMALL = (
    ["tiny", "--epochs", "2", "--units", "6", "--lookback", "12", "--horizon", "3"]
    + ["--batch-size", "16", "--split", "0.5", "0.75", "1", "--seed", "3"]
)  # fmt: skip


def prices(n=160, seed=0):
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(0.02 * rng.normal(size=n)))
    dates = pd.date_range("2024-01-02", periods=n, freq="B")
    return pd.DataFrame({"Date": dates, "Open": close * 1.01, "Close": close})


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder of all runs, and a table of two tickers to train on."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch, use_plan("graph"):  # compiling takes longer
        patch.setenv("RNN_KERAS_RUNS", str(root))
        both = pd.concat([prices(seed=i).assign(Name=name) for i, name in enumerate("AB")])
        both.to_csv(root / "prices.csv", index=False)
        yield root


@pytest.fixture(scope="module")
def run(runs):
    train.main([*SMALL, "--data", str(runs / "prices.csv"), "--columns", "open", "--run", "whole"])
    return runs / "stock" / "whole"


def test_a_run_holds_all_that_is_needed_later(run):
    files = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
    assert files >= {
        "config.json", "scaler.json", "best.keras", "history.csv", "metrics.json", "README.md",
        "backtest.csv", "plots/loss.png", "plots/steps.png", "plots/test.png",
        "saved_model/1/saved_model.pb", "model.tflite", "export.json",
    }  # fmt: skip
    assert not [name for name in files if "tmp" in name]
    card = (run / "README.md").read_text(encoding="utf-8")
    for words in ("python -m apps.stock.train tiny", "Not financial advice", "persistence |",
                  "linear (ridge)", "gap of 3 rows", "Leak checks", "all passed"):  # fmt: skip
        assert words in card, words


def test_metrics_and_backtest(run):
    metrics = json.loads((run / "metrics.json").read_text())
    figures = metrics["figures"]
    best = min(list(figures)[1:], key=lambda name: figures[name]["mase"])
    assert metrics["leak_alarms"] == [] and metrics["best_baseline"] == best
    assert f" the best baseline, {best}: MASE" in metrics["verdict"]
    models = ["gru 1x6, direct", "persistence", "drift", "seasonal naive (5)", "linear (ridge)"]
    assert list(metrics["figures"]) == models
    assert {"mae", "mse", "rmse", "mase", "pinball", "coverage"} <= metrics["figures"][
        "persistence"
    ].keys()
    table = pd.read_csv(run / "backtest.csv")
    assert len(table) == 5 * 3 and table["step"].tolist() == [1, 2, 3] * 5
    own = table[table["model"] == models[0]]
    assert own["mase"].mean() == pytest.approx(metrics["figures"][models[0]]["mase"], rel=1e-5)
    assert own["dm_p"].between(0, 1).all()
    # By hand: persistence one step ahead, over the test windows of both tickers.
    errors = []
    for seed in range(2):
        close = prices(seed=seed)["Close"].to_numpy()
        origins = np.arange(120 + 3 + 12, 160 - 3 + 1)
        errors += np.abs(close[origins] - close[origins - 1]).tolist()
    found = table[(table["model"] == "persistence") & (table["step"] == 1)]["mae"].item()
    assert found == pytest.approx(np.mean(errors), rel=1e-4)


def test_the_run_writes_its_own_row_of_results(run, runs):
    row = read_results(runs / "stock" / "results.csv")[0]
    metrics = json.loads((run / "metrics.json").read_text())
    assert row["seed"] == "3"
    assert "--columns open" in row["command"] and "--run" not in row["command"]
    own = metrics["figures"][metrics["model"]]
    assert float(row["mase"]) == pytest.approx(own["mase"], abs=1e-4)
    assert float(row["persistence_mase"]) > 0


def test_evaluate_again_gives_the_same_scores(run, capsys):
    before = json.loads((run / "metrics.json").read_text())
    evaluate.main(["whole"])
    after = json.loads((run / "metrics.json").read_text())
    assert after == before
    assert after["verdict"] in capsys.readouterr().out


@pytest.mark.slow
def test_a_leak_in_the_data_is_cried_out(runs, capsys, monkeypatch):
    frame = prices()
    frame["Signal"] = frame["Close"].shift(-1)
    frame.to_csv(runs / "leaky.csv", index=False)
    monkeypatch.setattr(runner, "export", lambda task, run: None)
    train.main([*SMALL, "--data", str(runs / "leaky.csv"), "--columns", "signal", "--run", "leaky"])
    output = capsys.readouterr()
    assert "LEAK ALARM: column signal predicts the change of close 1 rows later" in output.err
    assert "NOT TO BE TRUSTED" in output.out
    card = (runs / "stock" / "leaky" / "README.md").read_text(encoding="utf-8")
    assert "**LEAK ALARM**: column signal" in card


def test_data_that_changed_since_are_refused(run, runs, capsys):
    table = (runs / "prices.csv").read_text()
    try:
        (runs / "prices.csv").write_text(table.replace("2024-01-05,", "2024-01-06,"))
        for command in (evaluate.main, lambda words: train.main(["--resume", *words])):
            with pytest.raises(SystemExit, match="2"):
                command(["whole"])
            error = capsys.readouterr().err
            assert "prices.csv is not what " in error and error.count("\n") == 1
    finally:
        (runs / "prices.csv").write_text(table)


@pytest.fixture(scope="module")
def alone(run, tmp_path_factory):
    """What an export leaves, and nothing else of the run."""
    alone = tmp_path_factory.mktemp("alone") / "run"
    alone.mkdir()
    for name in ("config.json", "export.json", "model.tflite", "saved_model"):
        copy = shutil.copytree if (run / name).is_dir() else shutil.copy
        copy(run / name, alone / name)
    return alone


def test_both_exports_forecast_the_days_after_the_last_row(alone, runs, tmp_path, capsys):
    tables = []
    for source in ("saved_model", "litert"):
        output = tmp_path / source
        forecast.main([str(alone), "--from", source, "--output", str(output)])
        tables.append(pd.read_csv(output.with_name(f"{source}.csv")))
        assert output.with_name(f"{source}.png").stat().st_size > 10_000
    assert "not financial advice" in capsys.readouterr().out
    found = tables[0]
    np.testing.assert_allclose(
        found.filter(like="q0"), tables[1].filter(like="q0"), rtol=1e-5
    )  # fmt: skip
    assert found["series"].tolist() == ["A"] * 3 + ["B"] * 3
    days = pd.bdate_range(prices()["Date"].iloc[-1], periods=4)[1:].strftime("%Y-%m-%d").tolist()
    assert found["date"].tolist() == days * 2
    quantiles = found.filter(like="q0").to_numpy()
    assert (np.diff(quantiles, axis=1) > 0).all()
    last = [prices(seed=i)["Close"].iloc[-1] for i in (0, 0, 0, 1, 1, 1)]
    np.testing.assert_allclose(found["q0.5"], last, rtol=0.1)  # in the units of the price


def test_a_forecast_of_other_data(alone, tmp_path, capsys):
    frame = prices(seed=9).head(40)
    frame["Open"] = 7.0  # what a model reads may be constant here
    frame.to_csv(tmp_path / "new.txt", index=False)
    data = ["--data", str(tmp_path / "new.txt")]
    forecast.main([str(alone), *data, "--output", str(tmp_path / "f")])
    found = pd.read_csv(tmp_path / "f.csv")
    assert found["series"].unique() == ["new"] and found["date"].iloc[0] == "2024-02-27"
    frame.head(11).to_csv(tmp_path / "new.txt", index=False)
    with pytest.raises(SystemExit, match="2"):
        forecast.main([str(alone), *data])
    assert "too short: a forecast needs 12 rows, got 11" in capsys.readouterr().err


def test_a_forecast_of_a_data_frame(alone, tmp_path):
    frame = prices(seed=9).head(40)
    frame["Date"] = pd.to_datetime(frame["Date"])
    frame.to_csv(tmp_path / "new.csv", index=False)
    data = ["--data", str(tmp_path / "new.csv")]
    forecast.main([str(alone), *data, "--output", str(tmp_path / "f")])
    written = pd.read_csv(tmp_path / "f.csv", parse_dates=["date"]).drop(columns="series")
    forecaster = Run("stock", alone).load()
    for table in (frame, frame.set_index("Date")):
        found = forecaster.forecast(table)
        assert found["series"].unique() == ["the table"]
        values = found.drop(columns="series")
        pd.testing.assert_frame_equal(values, written, rtol=1e-6, check_dtype=False)
    with pytest.raises(InputError, match="the table has no numeric column 'open' for the model"):
        forecaster.forecast(frame.drop(columns="Open"))


def test_a_forecast_of_data_of_whatever_kind(alone, tmp_path, capsys):
    frame = prices(seed=9).head(40).assign(Ticker="$\\frac$")
    args = [str(alone), "--data", str(tmp_path / "odd.csv"), "--output", str(tmp_path / "odd")]
    frame.to_csv(tmp_path / "odd.csv", index=False)
    forecast.main(args)
    assert (tmp_path / "odd.png").stat().st_size > 10_000
    frame["Close"] = [1e-30, 1e30] * 20
    frame.to_csv(tmp_path / "odd.csv", index=False)
    with pytest.raises(SystemExit, match="2"):
        forecast.main(args)
    assert "frac$ is not finite" in capsys.readouterr().err


def test_the_exports_are_the_keras_model_on_real_windows(run):
    trained = load(Run("stock", run))
    forecaster = ForecasterGraph(trained.config, trained.model)
    table = prices()[["Close", "Open"]].to_numpy("float32")
    windows = np.stack([table[i : i + 12] for i in range(9)])
    wanted = forecaster.forecast(windows)["quantiles"].numpy()
    assert wanted.shape == (9, 3, 5)
    assert not foreign_operations(run / "saved_model" / "1")
    served = tf.saved_model.load(str(run / "saved_model" / "1")).signatures["forecast"]
    np.testing.assert_allclose(served(window=tf.constant(windows))["quantiles"], wanted, rtol=1e-5)
    litert = LiteRTModel(run / "model.tflite")
    for few in (windows[:1], windows):
        found = litert.run("forecast", window=few)["quantiles"]
        np.testing.assert_allclose(found, wanted[: len(few)], rtol=1e-5)


@pytest.mark.slow
def test_a_microcontroller_forecasts_from_one_row_after_the_other(run):
    pytest.importorskip("tflite_micro")
    export.main([str(run), "--target", "micro"])
    trained = load(Run("stock", run))
    scaling, quantiles = map(trained.model.get_layer, ("scaling", "quantiles"))
    window = prices()[["Close", "Open"]].to_numpy("float32")[None, :12]
    micro = MicroModel(run / "micro.tflite")
    states = {
        name: np.zeros(shape, "float32")
        for name, (shape, _) in micro.signatures["step"].items()
        if name != "x"
    }
    for row in scaling(window).numpy()[0]:
        states = micro.run("step", x=row[None, None], **states)
        gaps = states.pop("gaps")
    np.testing.assert_allclose(quantiles.from_gaps(gaps), trained.model(window), atol=1e-5)


def test_without_exports_a_forecast_says_how_to_make_them(alone, tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copy(alone / "config.json", empty)
    with pytest.raises(SystemExit, match="2"):
        forecast.main([str(empty)])
    assert "make it with python -m apps.stock.export" in capsys.readouterr().err
    shutil.copy(alone / "export.json", empty)
    (empty / "model.tflite").write_bytes(b"nothing of the kind")
    for source in ("saved_model", "litert"):
        with pytest.raises(SystemExit, match="2"):
            forecast.main([str(empty), "--from", source])
        assert "make it with python -m apps.stock.export" in capsys.readouterr().err


OTHERS = {
    "autoregressive": (
        ["--model", "autoregressive", "--cell", "lstm", "--horizon", "2", "--ticker", "A"],
        1 * 2, "q0.95",
    ),
    "segments": (  # of all columns of both tickers, of the mean
        ["--model", "segment", "--segment", "4", "--target", "all", "--scaling", "train"]
        + ["--reach-back", "--loss", "mse"], 2 * 2 * 3, "forecast",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_the_other_models(runs, name, monkeypatch):
    options, rows, column = OTHERS[name]
    data = ["--data", str(runs / "prices.csv"), "--epochs", "1", "--run", name]
    monkeypatch.setattr(runner, "export", lambda task, run: None)
    train.main([*SMALL, *options, *data])
    monkeypatch.undo()
    folder = runs / "stock" / name
    assert json.loads((folder / "metrics.json").read_text())["leak_alarms"] == []
    export.main([name, "--quantization", "dynamic"])
    assert json.loads((folder / "export.json").read_text())["quantization"] == "dynamic"
    forecast.main([name, "--from", "litert"])
    found = pd.read_csv(folder / "forecast.csv")
    assert len(found) == rows and found[column].notna().all()


@pytest.mark.slow
def test_a_run_that_was_interrupted_ends_as_if_it_had_not_been(run, runs, capsys, monkeypatch):
    whole = batches.train

    def interrupted(config, data, epoch):
        if epoch == 1:
            raise KeyboardInterrupt
        return whole(config, data, epoch)

    words = [*SMALL, "--data", str(runs / "prices.csv"), "--columns", "open", "--run", "stopped"]
    monkeypatch.setattr(batches, "train", interrupted)
    with pytest.raises(SystemExit, match="130"):
        train.main(words)
    assert "apps.stock.train --resume" in capsys.readouterr().err
    stopped = runs / "stock" / "stopped"
    assert len(read_history(stopped / "history.csv")) == 1
    monkeypatch.setattr(batches, "train", whole)
    for later in ("evaluate", "export"):
        monkeypatch.setattr(runner, later, lambda *arguments: None)
    train.main(["--resume", "stopped"])
    states = [np.load(path / "state.npz") for path in (run, stopped)]
    for name in states[0].files:
        if name != "history":  # it tells the seconds, too
            # Not every operation gives the same bits twice.
            np.testing.assert_allclose(states[0][name], states[1][name], atol=1e-6)


BAD_FLAGS = {
    "preset": (["huge"], "unknown preset 'huge', choose from tiny, base, long, large"),
    "lookback": (["tiny", "--lookback", "1"], "--lookback must be at least 2, got 1"),
    "target": (["tiny", "--target", "Adj"], "builtin has no numeric column 'adj' for --target"),
    "columns": (["tiny", "--columns", "x"], "no numeric column 'x' for --columns"),
    "horizon": (["tiny", "--horizon", "900"], "builtin is too short"),
    "resume": (["--resume", "nowhere"], "no run 'nowhere' of stock"),
    "missing data": (["tiny", "--data", "no/such.csv"], "no/such.csv not found"),
}


@pytest.mark.parametrize("arguments, message", BAD_FLAGS.values(), ids=BAD_FLAGS)
def test_a_bad_flag_is_named(runs, capsys, arguments, message):
    before = sorted((runs / "stock").glob("*"))
    with pytest.raises(SystemExit, match="2"):
        train.main(arguments)
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert sorted((runs / "stock").glob("*")) == before


@pytest.mark.slow
def test_the_network_as_onnx(run, capsys):
    export.main([str(run), "--target", "onnx"])
    assert f"{run / 'model.onnx'}: " in capsys.readouterr().out
    entry = json.loads((run / "export.json").read_text())["onnx"]
    assert max(entry["max_difference"].values()) < 1e-3  # prices are about 100
