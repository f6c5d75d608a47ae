"""The machine and the process: seeds, determinism, precision, GPU memory, package versions."""

import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from apps.common.config import TrainingConfig
from apps.common.errors import InputError

PACKAGES = ("tensorflow", "keras", "keras-nlp", "tensorflow-datasets", "ai-edge-litert", "numpy")


def prepare(config: TrainingConfig) -> None:
    """Configure the process by `config`; call it before anything is built.

    Sets the seeds of Python, NumPy, TensorFlow and Keras, determinism, Keras's dtype policy,
    lets TensorFlow allocate GPU memory on demand, and splits the CPU for `config.devices`.

    Raises:
        InputError: there are fewer GPUs than `config.devices`.
    """
    tf = import_tensorflow()
    import keras

    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if config.devices and gpus and config.devices > len(gpus):
        raise InputError(f"--devices must be at most {len(gpus)}, the number of GPUs")
    if config.devices and not gpus:
        (cpu,) = tf.config.list_physical_devices("CPU")
        parts = [tf.config.LogicalDeviceConfiguration()] * config.devices
        tf.config.set_logical_device_configuration(cpu, parts)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.dtype_policy)


def strategy(config: TrainingConfig) -> Any:
    """A `tf.distribute.MirroredStrategy` for several devices of this machine; None for one."""
    tf = import_tensorflow()
    gpus = len(tf.config.list_physical_devices("GPU"))
    count = config.devices or gpus
    if count < 2:
        return None
    kind = "GPU" if gpus else "CPU"
    return tf.distribute.MirroredStrategy([f"{kind}:{i}" for i in range(count)])


def import_tensorflow() -> ModuleType:
    """Import TensorFlow without its start-up messages, and return it.

    With the environment variable TF_CPP_MIN_LOG_LEVEL at 0 all messages are shown.

    Raises:
        InputError: KERAS_BACKEND is another backend.
    """
    if (backend := os.environ.setdefault("KERAS_BACKEND", "tensorflow")) != "tensorflow":
        raise InputError(
            f"the applications run on TensorFlow: set KERAS_BACKEND=tensorflow, not {backend}"
        )
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2") == "0" or "tensorflow" in sys.modules:
        import tensorflow as tf

        return tf
    # TensorFlow 2.21 writes to stderr before it reads any setting.
    with _stderr_on_error():
        import tensorflow as tf

        tf.config.list_physical_devices("GPU")
    return tf


def describe_machine() -> str:
    """The machine and the main packages in one line.

    Such as `2 cores AMD EPYC, TensorFlow 2.21.0, Keras 3.15.1, no GPU`.
    """
    tf = import_tensorflow()
    import keras

    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    cores = _cores()
    return ", ".join(
        [
            f"{cores} core{'s' * (cores > 1)} {_processor()}",
            f"TensorFlow {tf.__version__}",
            f"Keras {keras.__version__}",
            *(gpus or ["no GPU"]),
        ]
    )


def package_versions() -> dict[str, str]:
    """The versions of Python and of the installed packages that a run depends on."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:  # such as tensorflow, installed as tensorflow-cpu
            continue
    return versions


def _cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    """The processor's name."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return " ".join(value.split())
    return platform.processor() or platform.machine()


@contextmanager
def _stderr_on_error() -> Iterator[None]:
    """Buffer stderr, C++ output included, and write it only after an exception.

    Ctrl-C is not such an exception: a command reports it in one line.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
