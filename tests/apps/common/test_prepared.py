"""Prepared arrays: in memory or mapped, written once, whole or not at all."""

import multiprocessing
import os
import signal

import numpy as np
import pytest

from apps.common import prepared
from apps.common.prepared import prepare_arrays


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("RNN_KERAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(append):
    append("ids", np.array([1, 2], "uint8"))
    append("none", np.zeros(0, "int64"))
    append("ids", np.array([3], "uint8"))
    return {"count": 3}


def write_and_die(append):
    append("ids", np.arange(9))
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("size", [0, prepared.LARGE])
def test_small_arrays_are_in_memory_and_large_ones_files(cache, size):
    for _ in range(2):
        arrays, facts = prepare_arrays("a", ["key"], size, write)
        assert {name: (a.tolist(), a.dtype) for name, a in arrays.items()} == {
            "ids": ([1, 2, 3], "uint8"),
            "none": ([], "int64"),
        }
        assert facts == {"count": 3}
    assert arrays["ids"].flags.writeable == (not size)
    assert cache.exists() == bool(size)


def test_an_entry_is_written_once_for_its_key(cache):
    calls = []

    def count(append):
        calls.append(1)
        return write(append)

    for key in ("a", "b", "a"):
        prepare_arrays("a", [key], prepared.LARGE, count)
    assert len(calls) == 2 and len([f for f in cache.iterdir() if f.is_dir()]) == 2


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_killed_or_failed_preparation_leaves_no_entry(cache):
    process = multiprocessing.get_context("spawn").Process(
        target=prepare_arrays, args=("a", ["key"], prepared.LARGE, write_and_die)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert [f.name[:6] for f in cache.iterdir() if f.is_dir()] == [".tmp-a"]
    with pytest.raises(ZeroDivisionError):
        prepare_arrays("a", ["key"], prepared.LARGE, lambda append: append("ids", 1 // 0))
    assert not [f for f in cache.iterdir() if f.is_dir()]
    arrays, _ = prepare_arrays("a", ["key"], prepared.LARGE, write)
    assert arrays["ids"].tolist() == [1, 2, 3]
