"""The suite has the same tests in every process: pytest-xdist compares what its workers collect."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
COLLECT = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]


@pytest.mark.slow
def test_the_ids_depend_on_neither_time_nor_process_nor_hash_seed():
    processes = []
    for hash_seed in "12":
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        processes.append(
            subprocess.Popen(
                COLLECT, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True
            )
        )
        time.sleep(1.1)  # longer than the resolution of the time in a gzip header
    first, second = (process.communicate()[0].splitlines()[:-1] for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert len(first) > 1000
    assert [(a, b) for a, b in zip(first, second, strict=True) if a != b] == []
