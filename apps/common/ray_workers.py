"""Training in several processes, on one machine or a cluster, by Ray Train (the extra `scale`).

Every worker reads the data itself. The first one leads: it alone evaluates, prints, and writes the
run directory, which must be on a file system that its machine shares with this one.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from apps.common import environment
from apps.common.config import TrainingConfig
from apps.common.errors import InputError, write_failure
from apps.common.run import Run

PROJECT = Path(__file__).parents[2]
LOG = "log.txt"  # what the first worker prints
RESTARTS = 3  # of all workers, after one was lost


def fit(app: str, config: TrainingConfig, run: Run) -> None:
    """Trains the model of an application in `config.workers` processes, from the state of `run`.

    After a worker was lost, all start again from the last epoch.

    Raises:
        InputError: Ray is missing or cannot be reached, it has too few processors, the training
            ended with such an error, or workers were lost too often.
    """
    with (
        TemporaryDirectory(
            prefix="ray-", dir=run.path.absolute(), ignore_cleanup_errors=True
        ) as folder,
        cluster(config, config.workers) as ray,
        _echo(Path(folder, LOG)),
    ):
        from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
        from ray.train.tensorflow import TensorflowTrainer

        gpus = {"GPU": config.devices or 1} if ray.cluster_resources().get("GPU") else {}
        trainer = TensorflowTrainer(
            _work,
            train_loop_config={
                "app": app,
                "config": config.to_json(),
                "run": str(run.path.absolute()),
                "log": str(Path(folder, LOG)),
                "folder": os.getcwd(),
            },
            scaling_config=ScalingConfig(
                num_workers=config.workers,
                use_gpu=bool(gpus),
                resources_per_worker={"CPU": 1, **gpus},
            ),
            run_config=RunConfig(
                storage_path=folder,
                failure_config=FailureConfig(max_failures=RESTARTS),
            ),
        )
        try:
            failure = trainer.fit().return_value
        except TrainingFailedError as error:
            reason = str(error).strip().rpartition("\n")[2]
            raise InputError(
                f"the workers failed {RESTARTS + 1} times: {reason}; "
                f"continue with: {run.resume_command}"
            ) from error
    if failure is not None:
        raise InputError(failure)


@contextmanager
def cluster(config: TrainingConfig, processes: int) -> Iterator[ModuleType]:
    """The context of a connection to a Ray cluster, or of one on this machine alone.

    Args:
        config: its `ray_address`; None takes the environment variable RAY_ADDRESS, if it is set.
        processes: the number of processors that are needed.

    Raises:
        InputError: Ray is missing or cannot be reached, or has too few processors.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise InputError("--workers and tune need Ray: pip install 'rnn-keras[scale]'") from error
    paths = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    variables = {
        "PYTHONPATH": os.pathsep.join(paths),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",  # it prints everything twice
    }
    if "RNN_KERAS_RUNS" in os.environ:
        variables["RNN_KERAS_RUNS"] = str(Path(os.environ["RNN_KERAS_RUNS"]).absolute())
    address = config.ray_address or os.environ.get("RAY_ADDRESS")
    os.environ.setdefault("RAY_worker_niceness", "0")  # as one process would run
    local = {"num_cpus": max(processes, os.cpu_count() or 1), "object_store_memory": 100 * 2**20}
    try:
        ray.init(
            address or "local",
            include_dashboard=None if address else False,
            logging_level="error",
            log_to_driver=False,  # Ray's own lines are many
            runtime_env={"env_vars": variables},
            **({} if address else local),
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(f"cannot reach Ray at {address or 'this machine'}: {error}") from error
    try:
        if (found := ray.cluster_resources().get("CPU", 0)) < processes:
            raise InputError(f"Ray at {address} has {found:.0f} CPUs: too few for {processes}")
        yield ray
    finally:
        ray.shutdown()


@contextmanager
def _echo(path: Path) -> Iterator[None]:
    """Prints the lines that another process writes to a file."""
    path.touch()
    is_done = threading.Event()

    def copy():
        with path.open(encoding="utf-8") as lines:
            while True:
                last = is_done.wait(0.5)
                print(lines.read(), end="", flush=True)
                if last:
                    return

    thread = threading.Thread(target=copy)
    thread.start()
    try:
        yield
    finally:
        is_done.set()
        thread.join()


def _work(settings: dict[str, Any]) -> str | None:
    """What a worker does; the first one returns the message of an `InputError`, or None."""
    os.chdir(settings["folder"])  # relative paths of data
    tf = environment.import_tensorflow()
    tf.get_logger().setLevel("ERROR")
    from ray.train import get_context

    from apps.common import scale
    from apps.runner import load_data

    task = import_module(f"apps.{settings['app']}.task").TASK
    _, preset = next(iter(task.presets.values()))
    config, run = preset.from_json(settings["config"]), Run(task.name, Path(settings["run"]))
    environment.prepare(config)
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    data = load_data(task, config, run)
    model = scale.build(task, config, data)
    replicas = scale.make_replicas(task, config, data, model, strategy)
    if get_context().get_world_rank():
        replicas.follow()
        return None
    with (
        open(settings["log"], "a", encoding="utf-8", buffering=1) as log,
        redirect_stdout(log),
        redirect_stderr(log),
    ):
        print(f"{config.workers} workers train")
        failure = _lead(scale.fit_with, replicas, task, config, data, model, run)
    replicas.stop()
    return failure


def _lead(fit_with: Callable, *arguments: Any) -> str | None:
    """The training of the first worker; the message of an `InputError`, or None."""
    try:
        fit_with(*arguments)
    except Exception as error:
        failure = str(error) if isinstance(error, InputError) else write_failure(error)
        if failure is None:
            raise
        return failure
    return None
