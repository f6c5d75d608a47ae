"""The training loop: resuming, averaging, selection, stopping, and what it writes."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from apps.common import state
from apps.common.errors import InputError
from apps.common.fit import fit
from apps.common.history import best_row, describe, read_history
from apps.common.plots import plot_loss
from apps.common.run import Run
from tests.apps.common.small_run import CONFIG, build, data, train

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def create(tmp_path):
    return lambda name, config: Run.create("small", replace(config, run=name), root=tmp_path)


def weights(model):
    return [v.numpy() for v in model.trainable_variables]


def best_weights(run):
    return weights(keras.models.load_model(run.best, compile=False))


def everything(model):
    return [v.numpy() for v in model.variables + model.optimizer.variables]


def same_bits(a, b):
    return len(a) == len(b) and all(
        x.dtype == y.dtype and x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True)
    )


def without_seconds(rows):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def event_steps(folder):
    """The (tag, step) pairs in the TensorBoard files of `folder`."""
    steps = []
    for file in sorted(folder.glob("events*")):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            steps += [(value.tag, event.step) for value in event.summary.value]
    return steps


@pytest.mark.slow
def test_a_killed_and_resumed_run_equals_an_uninterrupted_one(create, capfd):
    whole = create("whole", CONFIG)
    model, history = train(whole, CONFIG)

    killed = create("killed", CONFIG)
    for moment, epochs in (("mid-epoch", 1), ("mid-save", 2)):
        process = subprocess.run(
            [sys.executable, "-m", "tests.apps.common.small_run", str(killed), moment], cwd=PROJECT
        )
        assert process.returncode == -signal.SIGKILL, capfd.readouterr().err
        assert len(read_history(killed.history)) == epochs
    assert list(killed.path.glob(".tmp-*")), "killed in the middle of a save"
    resumed_model, resumed_history = train(killed, CONFIG)

    assert same_bits(everything(model), everything(resumed_model))
    assert same_bits(best_weights(whole), best_weights(killed))
    assert without_seconds(history) == without_seconds(resumed_history)
    assert read_history(killed.history) == resumed_history
    scalars = event_steps(killed.logs / "validation")
    losses = [step for tag, step in scalars if tag == "epoch_loss"]
    assert losses == [row["epoch"] for row in history]
    assert not list(killed.path.glob(".tmp-*"))


def test_randomness_is_a_function_of_seed_and_epoch():
    def masks(epoch, seed=CONFIG.seed, rank=None):
        state.start_epoch(model, seed, epoch, rank)
        return [model(np.ones((8, 4)), training=True).numpy() for _ in range(2)]

    model = build(CONFIG)
    first, second = masks(0)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(masks(0), [first, second])
    assert not np.array_equal(masks(1)[0], first)
    assert not np.array_equal(masks(0, seed=4)[0], first)
    replicas = [masks(0, rank=rank)[0] for rank in (0, 1, 0)]
    assert not np.array_equal(*replicas[:2])
    np.testing.assert_array_equal(replicas[0], replicas[2])


@pytest.mark.slow
def test_the_average_warms_up_and_training_goes_on_from_the_weights(create):
    one_step = {"train": lambda epoch: data(epoch, 8).take(1), "validation": data(1, 8)}

    def fit_steps(name, config):
        model = build(config)
        fit(model, config=config, run=create(name, config), **one_step)
        return model

    config = replace(CONFIG, patience=None, epochs=1)
    steps = [
        weights(fit_steps(f"plain{n}", replace(config, ema=None, epochs=n))) for n in (1, 2, 3)
    ]
    for highest, momenta in ((0.9, (2 / 11, 3 / 12)), (0.1, (0.1, 0.1))):
        model = fit_steps(f"averaged{highest}", replace(config, ema=highest, epochs=3))
        assert same_bits(weights(model), steps[2])
        with state.averaged_weights(model):
            averaged = weights(model)
        for got, average, w2, w3 in zip(averaged, *steps, strict=True):
            for momentum, w in zip(momenta, (w2, w3), strict=True):
                average = momentum * average + (1 - momentum) * w
            np.testing.assert_allclose(got, average, rtol=1e-6, atol=1e-8)
        assert model.optimizer.get_config()["ema_momentum"] == highest


@pytest.mark.slow
@pytest.mark.parametrize("learning_rate, is_averaged", [(0.001, 0.0), (1.0, 1.0)])
def test_the_better_of_the_weights_and_their_average_is_kept(create, learning_rate, is_averaged):
    # A slow training is ahead of its average; a noisy one is behind it.
    config = replace(CONFIG, ema=0.95, learning_rate=learning_rate, patience=None)
    run = create("run", config)
    judged = []
    judge = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda e, logs: judged.append(weights(model))
    )
    model = build(config)
    _, history = train(run, config, model=model, callbacks=[judge])
    assert history[-1]["averaged"] == is_averaged
    for row in history:
        figures = row["val_loss_raw"], row["val_loss_averaged"]
        assert row["val_loss"] == min(figures) == figures[int(row["averaged"])]
    epoch = best_row(history)["epoch"] - 1
    assert same_bits(best_weights(run), judged[epoch])
    best = keras.models.load_model(run.best, compile=False)
    best.compile(loss="mse")
    loss = best.evaluate(data(1, config.batch_size), verbose=0)
    assert loss == pytest.approx(history[epoch]["val_loss"], rel=1e-5)
    name = ("raw", "averaged")[int(is_averaged)]
    assert f"  {name} weights (val_loss " in describe(history[-1], config.epochs)


class Scripted(keras.callbacks.Callback):
    """Replaces val_loss by given figures, and remembers which hooks were called."""

    def __init__(self, figures):
        super().__init__()
        self.figures, self.calls = figures, []

    def on_train_begin(self, logs=None):
        self.calls.append("train begin")

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(f"begin {epoch}")

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = self.figures[epoch]
        self.calls.append(f"end {epoch}")

    def on_train_end(self, logs=None):
        self.calls.append("train end")


@pytest.mark.slow
def test_early_stopping_keeps_the_best_epoch_also_when_resumed(create):
    config = replace(CONFIG, epochs=6, patience=2, ema=None)
    figures = [3.0, 2.0, 2.0, 5.0, 1.0, 0.5]
    run, copy = create("run", config), create("copy", config)
    script = Scripted(figures)
    _, history = train(run, config, callbacks=[script])
    assert [row["val_loss"] for row in history] == figures[:4]
    assert script.calls == [
        "train begin", *(f"{hook} {i}" for i in range(4) for hook in ("begin", "end")), "train end"
    ]  # fmt: skip
    model, _ = train(copy, replace(config, epochs=2), callbacks=[Scripted(figures)])
    assert same_bits(best_weights(run), weights(model))
    _, resumed = train(copy, config, callbacks=[Scripted(figures)])
    assert without_seconds(resumed) == without_seconds(history)
    _, again = train(copy, config, callbacks=[Scripted(figures)])
    assert again == resumed, "a run that stopped stays stopped"


def test_mode_max_and_a_callback_that_stops(create):
    class Stop(Scripted):
        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            self.model.stop_training = epoch == 1

    config = replace(CONFIG, ema=None)
    run = create("run", config)
    model, history = train(run, config, mode="max", callbacks=[Stop([1.0, 2.0, 3.0])])
    assert len(history) == 2
    assert same_bits(best_weights(run), weights(model))


def test_nothing_is_traced_again_after_the_first_epoch(create):
    traces = []

    class Counting(keras.layers.Dense):
        def call(self, x, training=None):
            traces.append(training)
            return super().call(x)

    config = replace(CONFIG, epochs=3, ema=0.9)
    counts = []
    count = keras.callbacks.LambdaCallback(on_epoch_end=lambda e, logs: counts.append(len(traces)))
    run = create("run", config)
    with keras.saving.custom_object_scope({"Counting": Counting}):
        train(run, config, model=build(config, Counting(8)), callbacks=[count])
    assert counts == [counts[0]] * 3


def test_stateful_layers_start_each_epoch_and_each_judgement_at_zero(create):
    model = keras.Sequential(
        [keras.Input((3, 1), batch_size=2), keras.layers.SimpleRNN(2, stateful=True)]
    )
    model.compile("sgd", "mse")
    batch = (np.ones((2, 3, 1), "float32"), np.zeros((2, 2), "float32"))
    dataset = tf.data.Dataset.from_tensors(batch)
    config = replace(CONFIG, epochs=2, ema=None, batch_size=2)
    history = fit(
        model,
        train=lambda epoch: dataset,
        validation=dataset,
        config=config,
        run=create("run", config),
    )
    state.reset_states(model)
    expected = model.evaluate(dataset, verbose=0)
    assert history[-1]["val_loss"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.slow
def test_mixed_precision_resumes_too(create, policy):
    keras.config.set_dtype_policy(policy)
    try:
        config = replace(CONFIG, epochs=3, dtype_policy=policy)
        model, _ = train(create("whole", config), config)
        run = create("parts", config)
        train(run, replace(config, epochs=1))
        resumed, _ = train(run, config)
    finally:
        keras.config.set_dtype_policy("float32")
    assert same_bits(everything(model), everything(resumed))


def test_a_loss_that_is_not_finite_ends_in_one_line(create):
    config = replace(CONFIG, learning_rate=1e30, clip_norm=None, ema=None)
    run = create("run", config)
    with pytest.raises(
        InputError, match=r"^loss became .* in epoch 1; .* lower --learning-rate.*;"
    ):
        train(run, config)
    assert not run.path.exists(), "a run without a model"


def test_a_run_that_diverges_later_keeps_its_best_model(create):
    class Diverge(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                logs["val_loss"] = float("nan")

    run = create("run", CONFIG)
    with pytest.raises(InputError, match="val_loss became NaN in epoch 2; start a new run with"):
        train(run, CONFIG, callbacks=[Diverge()])
    assert run.best.exists() and len(read_history(run.history)) == 1


def test_ctrl_c_says_how_to_resume(create):
    def interrupt(epoch, logs):
        raise KeyboardInterrupt

    run = create("run", CONFIG)
    callback = keras.callbacks.LambdaCallback(on_epoch_begin=interrupt)
    with pytest.raises(KeyboardInterrupt, match="apps.small.train --resume .*run"):
        train(run, CONFIG, callbacks=[callback])


def test_a_state_that_does_not_fit_is_refused(create):
    run = create("run", CONFIG)
    train(run, replace(CONFIG, epochs=1))
    with pytest.raises(InputError, match="does not fit the model"):
        train(run, replace(CONFIG, units=9))


def test_what_an_epoch_prints_and_the_plot(create, capsys):
    config = replace(CONFIG, epochs=2)
    run = create("run", config)
    _, history = train(run, config)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"epoch 1/2  loss {history[0]['loss']:.4g}  val_loss ")
    figures = ["val_loss", "val_loss_raw", "val_loss_averaged", "averaged"]
    assert list(history[0]) == ["epoch", "loss", *figures, "learning_rate", "seconds"]
    assert history[1]["learning_rate"] < history[0]["learning_rate"] < config.learning_rate
    plot_loss(run, unit="nats")
    assert (run.plots / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert os.listdir(run.plots) == ["loss.png"]
