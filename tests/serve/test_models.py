"""Versions: found, loaded, swapped and refused while requests are answered."""

import asyncio
import shutil
import threading
import time
import weakref

import numpy as np
import pytest

from rnn_keras.serve import Limits, ModelStore, models
from rnn_keras.serve.errors import ServingError
from rnn_keras.serve.servable import Servable
from rnn_keras.serve.sources import versions
from tests.serve.conftest import serving
from tests.serve.toys import copy
from tests.variants import variants

PREDICT = "/v1/models/toy:predict"


def scale(client, path=PREDICT):
    """The version that answers, by what it answers."""
    answer = client.post(path, json={"instances": [[1, 0]]})
    return answer.json()["predictions"][0] if answer.status_code == 200 else answer.status_code


def states(client):
    found = client.get("/v1/models/toy").json()["model_version_status"]
    return {int(state["version"]): state["state"] for state in found}


def until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def damaged(toys, folder, how):
    copy(toys[2], folder)
    data = folder / "variables" / "variables.data-00000-of-00001"
    if how == "no variables":
        shutil.rmtree(folder / "variables")
    elif how == "variables cut short":
        data.write_bytes(data.read_bytes()[:2])
    elif how == "graph cut short":
        (folder / "saved_model.pb").write_bytes((folder / "saved_model.pb").read_bytes()[:999])
    else:
        (folder / "saved_model.pb").write_bytes(b"")


@pytest.fixture
def store(base):
    return ModelStore({"toy": base})


def test_a_new_version_takes_over_and_a_deleted_one_gives_way(store, base, toys):
    with serving(store, poll_seconds=0.05) as client:
        assert scale(client) == 1
        copy(toys[2], base / "20")
        until(lambda: scale(client) == 2)
        until(lambda: states(client) == {1: "END", 20: "AVAILABLE"})
        assert scale(client, "/v1/models/toy/versions/20:predict") == 2
        assert scale(client, "/v1/models/toy/versions/1:predict") == 404
        shutil.rmtree(base / "20")
        until(lambda: scale(client) == 1)
        shutil.rmtree(base / "1")
        time.sleep(0.2)
        assert scale(client) == 1, "with nothing better it goes on answering"


@pytest.mark.parametrize(
    "how",
    variants(
        ["no variables", "variables cut short", "graph cut short", "empty"], ["graph cut short"]
    ),
)
def test_a_damaged_version_is_refused_and_tried_again_when_it_changes(store, base, toys, how):
    with serving(store, poll_seconds=0.05) as client:
        damaged(toys, base / "2", how)
        until(lambda: states(client).get(2) == "END")
        assert scale(client) == 1
        (state,) = client.get("/v1/models/toy/versions/2").json()["model_version_status"]
        assert state["status"]["error_code"] == "UNKNOWN" and state["status"]["error_message"]
        assert str(base) not in state["status"]["error_message"]
        assert state["status"]["error_message"] != "Graph execution error:"
        shutil.rmtree(base / "2")
        until(lambda: states(client) == {1: "AVAILABLE"})
        copy(toys[2], base / "2")
        until(lambda: scale(client) == 2)


def test_at_the_start_the_newest_version_that_can_be_loaded_answers(store, base, toys):
    damaged(toys, base / "3", "no variables")
    with serving(store) as client:
        assert scale(client) == 1 and client.get("/readyz").status_code == 200


def test_a_model_that_cannot_be_looked_at_holds_up_no_other(base, monkeypatch, caplog):
    def away(folder):
        if folder.name == "away":
            raise OSError("stale file handle")
        return versions(folder)

    monkeypatch.setattr(models, "versions", away)
    store = ModelStore({"away": base.parent / "away", "toy": base})
    asyncio.run(store.refresh())
    assert list(store.missing) == ["away"]
    assert "cannot look for versions of away: stale file handle" in caplog.text


def test_without_any_version_it_is_not_ready(tmp_path):
    (tmp_path / "toy").mkdir()
    with serving(ModelStore({"toy": tmp_path / "toy"})) as client:
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200
        assert scale(client) == 404


def test_a_version_in_use_is_not_closed(store, base, toys):
    async def swap():
        await store.refresh()
        model = store["toy"]
        with model.use() as old:
            copy(toys[2], base / "2")
            await store.refresh()
            assert model.servable.version == 2
            await asyncio.sleep(0.2)
            signature = old.signatures["serving_default"]
            feeds = signature.feeds({"instances": [[1, 2]]}, Limits())
            assert old.run(signature, feeds)["y"].tolist() == [3]
            assert model.states[1].state == "UNLOADING"
        while model.states[1].state != "END":
            await asyncio.sleep(0.02)
        with pytest.raises(KeyError):
            old.run(signature, feeds)

    asyncio.run(swap())


def test_an_unloaded_version_leaves_nothing_behind(toys):
    servable = Servable(1, toys[1], timeout=10)
    graph = weakref.ref(servable._session.graph)
    servable.close()
    assert graph() is None


def test_a_shared_call_leaves_time_for_each_to_run_alone(toys):
    servable = Servable(1, toys[1], timeout=1.0)
    for shared, limit in ((True, 0.5), (False, 1.0)):
        began = time.perf_counter()
        with pytest.raises(ServingError) as stopped:
            servable.run(servable.signatures["spin"], {"steps": np.int32([2**31 - 1])}, shared)
        assert stopped.value.code == "DEADLINE_EXCEEDED"
        assert 0.9 * limit < time.perf_counter() - began < limit + 0.4
    servable.close()


def test_no_request_fails_while_versions_change(store, base, toys):
    """Counted: every answer is right for one of the versions, and the last are of the newest."""
    found, ended = [], threading.Event()
    with serving(store, poll_seconds=0.02) as client:

        def ask():
            while not ended.is_set():
                found.append(scale(client))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for version in range(2, 5):
            copy(toys[1 + version % 2], base / str(version))
            until(lambda version=version: states(client).get(version) == "AVAILABLE")
        ended.set()
        for thread in threads:
            thread.join()
        assert scale(client) == 1
    assert len(found) > 20 and set(found) == {1, 2}


def test_a_full_queue_refuses_and_says_when_to_come_back(store):
    limits = Limits(max_pending=2, timeout=60)
    with serving(store, limits) as client:
        slow = {"signature_name": "spin", "instances": [60_000]}
        answers = []
        threads = [
            threading.Thread(target=lambda: answers.append(client.post(PREDICT, json=slow)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        served = [answer for answer in answers if answer.status_code == 200]
        refused = [answer for answer in answers if answer.status_code == 503]
        assert len(served) >= 2 and len(refused) >= 1 and len(served) + len(refused) == 8
        assert all(answer.headers["retry-after"] == "1" for answer in refused)
        assert scale(client) == 1
