"""Sets up the processes that measure: threads, seeds, available frameworks."""

import importlib.util
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from apps.common.environment import import_tensorflow


def has_torch() -> bool:
    """Whether PyTorch is installed (the extra `bench`)."""
    return importlib.util.find_spec("torch") is not None


def prepare(threads: int) -> None:
    """Set up TensorFlow, Keras and PyTorch; call it before anything is built.

    Args:
        threads: number of threads of each framework.
    """
    tf = import_tensorflow()
    import keras

    # Each contender is a separate function, which TensorFlow reports as needless retracing.
    tf.get_logger().setLevel("ERROR")
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    keras.utils.set_random_seed(0)
    if has_torch():
        import torch

        torch.set_num_threads(threads)
        torch.manual_seed(0)
    # Initialisation of the libraries must not count as a contender's first call.
    tf.function(lambda x: x + 1, jit_compile=True)(tf.zeros(()))


def new_process(prepare: Callable[..., Any] | None = None, *arguments: Any) -> ProcessPoolExecutor:
    """One process that shares nothing with this one, after `prepare(*arguments)`; for a `with`."""
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, spawn, initializer=prepare, initargs=arguments)
