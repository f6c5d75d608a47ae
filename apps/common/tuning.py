"""Sweeps hyper-parameters by Ray Tune (the extra `scale`), on validation data alone."""

import itertools
import os
import random
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from apps.common import cli, environment, scale
from apps.common.config import TrainingConfig
from apps.common.errors import InputError
from apps.common.history import best_row, read_history
from apps.common.ray_workers import cluster
from apps.common.run import Run, runs_root
from apps.task import Task


def tune(
    task: Task, config: TrainingConfig, search: Mapping[str, Sequence[Any]], trials: int
) -> tuple[Run, pd.DataFrame]:
    """Trains random combinations of values, and keeps the best trial as a run, not yet evaluated.

    ASHA stops the trials that are behind after a part of their epochs (Li et al. 2020).

    Args:
        task: the application.
        config: what is not searched; `workers` is the number of trials at a time, 1 for as many as
            there are processors.
        search: the values to try, by field of the configuration.
        trials: the largest number of trials.

    Returns:
        The run; and a table with a row per trial, the best first, which is `tune.csv` of the run.

    Raises:
        InputError: Ray is missing or has too few processors, the run exists already, or no trial
            finished an epoch.
    """
    runs = runs_root().absolute() / task.name
    name = config.run or f"{config.preset}-tuned"
    if (runs / name).exists():
        raise InputError(f"the run {runs / name} exists already; choose another --run name")
    runs.mkdir(parents=True, exist_ok=True)
    combinations = [dict(zip(search, values)) for values in itertools.product(*search.values())]
    combinations = random.Random(config.seed).sample(combinations, min(trials, len(combinations)))
    base = replace(config, run=name, workers=1, ray_address=None)
    configs = [replace(base, **values) for values in combinations]
    monitor, mode = task.monitor(config)
    with (
        tempfile.TemporaryDirectory(prefix=".tune-", dir=runs) as folder,
        cluster(config, config.workers) as ray,
    ):
        os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # a banner
        from ray import tune as ray_tune
        from ray.tune.schedulers import ASHAScheduler

        class Lines(ray_tune.Callback):
            def on_trial_complete(self, iteration, trials, trial, **_):
                number, reached = trial.config["number"], trial.last_result.get(monitor)
                words = [f"{key} {value:g}" for key, value in combinations[number].items()]
                words.append("failed" if reached is None else f"{monitor} {reached:.4g}")
                print(f"trial {number + 1}/{len(configs)}: {', '.join(words)}", flush=True)

            def on_trial_error(self, iteration, trials, trial, **_):
                self.on_trial_complete(iteration, trials, trial)

        settings = {
            "app": task.name,
            "configs": [each.to_json() for each in configs],
            "runs": folder,
            "folder": os.getcwd(),
        }
        gpus = int(bool(ray.cluster_resources().get("GPU")))
        results = ray_tune.Tuner(
            ray_tune.with_resources(
                ray_tune.with_parameters(_trial, settings=settings), {"cpu": 1, "gpu": gpus}
            ),
            param_space={"number": ray_tune.grid_search(list(range(len(configs))))},
            tune_config=ray_tune.TuneConfig(
                metric=monitor,
                mode=mode,
                max_concurrent_trials=config.workers if config.workers > 1 else None,
                scheduler=ASHAScheduler(max_t=config.epochs, grace_period=-(-config.epochs // 4)),
            ),
            run_config=ray_tune.RunConfig(storage_path=folder, callbacks=[Lines()], verbose=0),
        ).fit()
        rows = []
        for number, values in enumerate(combinations):
            file = Path(folder, str(number), task.name, name, "history.csv")
            history = read_history(file) if file.exists() else []
            best = best_row(history, monitor, mode)[monitor] if history else None
            rows.append({**values, "epochs": len(history), monitor: best})
        table = pd.DataFrame(rows).sort_values(monitor, ascending=mode == "min")
        if table[monitor].isna().all():
            reason = str(results.errors[0]).strip().rpartition("\n")[2]
            raise InputError(f"no trial finished an epoch: {reason}")
        shutil.move(Path(folder, str(table.index[0]), task.name, name), runs / name)
    run = Run.open(task.name, name)
    run.write_text("tune.csv", table.to_csv(index=False))
    return run, table


def _trial(choice: Mapping[str, int], settings: Mapping[str, Any]) -> None:
    """Trains one combination in a run of its own, and reports each epoch to Ray Tune."""
    from ray import tune as ray_tune

    from apps.runner import load_data

    os.chdir(settings["folder"])  # relative paths of data
    environment.import_tensorflow()
    task = import_module(f"apps.{settings['app']}.task").TASK
    _, preset = next(iter(task.presets.values()))
    config = preset.from_json(settings["configs"][choice["number"]])
    monitor, _ = task.monitor(config)

    class Report(keras.callbacks.Callback):
        """It reports an epoch after it is saved, as Ray may end the process then."""

        row = None

        def on_epoch_end(self, epoch, logs=None):
            self.row = logs

        def on_epoch_begin(self, epoch, logs=None):
            if self.row is not None:
                ray_tune.report({monitor: self.row[monitor]})

        def on_train_end(self, logs=None):
            self.on_epoch_begin(None)

    environment.prepare(config)
    data = load_data(task, config, None)
    model = scale.build(task, config, data)
    run = Run.create(
        task.name,
        config,
        command=cli.command_line(task.name, task.presets, config),
        data_sha256=data.sha256,
        root=Path(settings["runs"], str(choice["number"])),
    )
    with run.training():
        task.save_assets(run, config, data)
        task.before_fit(model, config, data, run)
        scale.fit_with(None, task, config, data, model, run, [Report()])
