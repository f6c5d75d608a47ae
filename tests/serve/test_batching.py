"""Micro-batching: what shares a call, what does not, and what a failure does to the others."""

import asyncio
import threading
import time

import numpy as np
import pytest
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from rnn_keras.serve import Runner, batching
from rnn_keras.serve.errors import ServingError
from rnn_keras.serve.signature import Signature


def signature(inputs, outputs):
    """A signature of float tensors; -1 is a dimension that is open."""
    message = SignatureDef()
    for tensors, shapes in ((message.inputs, inputs), (message.outputs, outputs)):
        for name, shape in shapes.items():
            tensors[name].dtype = 1
            for size in shape:
                tensors[name].tensor_shape.dim.add(size=size)
    return Signature("s", message)


SUMS = signature({"x": [-1, -1]}, {"y": [-1]})


class Sums:
    """In place of a model: sums rows, refuses negative numbers, and notes its calls."""

    def __init__(self, seconds=0.0):
        self.calls, self.seconds = [], seconds
        self.lock = threading.Lock()
        self.running = self.most = 0

    def run(self, _, feeds, shared=False):
        with self.lock:
            self.calls.append(feeds["x"].shape)
            self.running += 1
            self.most = max(self.most, self.running)
        time.sleep(self.seconds)
        with self.lock:
            self.running -= 1
        if (feeds["x"] < 0).any():
            raise ServingError("INVALID_ARGUMENT", "negative")
        return {"y": feeds["x"].sum(1)}


async def ask(runner, model, *arrays, signature=SUMS):
    """The answers of requests that come at the same time."""
    return await asyncio.gather(
        *(runner.run("m", model, signature, {"x": np.array(array)}) for array in arrays),
        return_exceptions=True,
    )


async def seconds(request):
    """How long a request takes."""
    began = time.perf_counter()
    await request
    return time.perf_counter() - began


def run(arrays, model=None, signature=SUMS, **options):
    model = model or Sums(0.02)
    runner = Runner(**options)
    answers = asyncio.run(ask(runner, model, *arrays, signature=signature))
    runner.close()
    return answers, model


def test_requests_share_a_call_and_each_gets_its_own_rows():
    arrays = [[[i, 10.0 * i]] * (1 + i % 3) for i in range(20)]
    answers, model = run(arrays, batch_rows=8)
    for array, answer in zip(arrays, answers):
        np.testing.assert_array_equal(answer["y"], np.sum(array, axis=1))
    assert len(model.calls) < 10
    assert all(rows <= 8 for rows, _ in model.calls)
    assert sum(rows for rows, _ in model.calls) == sum(map(len, arrays))


def test_only_equal_shapes_share_a_call():
    answers, model = run([[[1.0]], [[1.0, 1.0]], [[2.0]], [[2.0, 2.0]]])
    assert [answer["y"][0] for answer in answers] == [1, 2, 2, 4]
    assert sorted(model.calls) == [(2, 1), (2, 2)]


@pytest.mark.parametrize(
    ("inputs", "outputs", "batchable"),
    [
        ({"x": [-1, 5]}, {"y": [-1]}, True),
        ({"x": [-1, -1]}, {"y": [-1, 7]}, True),
        ({"x": [-1, 5]}, {"y": [-1, -1]}, False),  # as long as the longest neighbour
        ({"x": [-1, 5], "t": []}, {"y": [-1]}, False),
        ({"x": [1, 5]}, {"y": [1]}, False),
        ({"x": [-1, 5]}, {"y": [-1], "mean": []}, False),
    ],
)
def test_what_may_share_a_call(inputs, outputs, batchable):
    assert signature(inputs, outputs).batchable == batchable


def test_what_may_not_runs_alone():
    alone = signature({"x": [-1, -1]}, {"y": [-1, -1]})
    _, model = run([[[1.0]]] * 4, signature=alone)
    assert model.calls == [(1, 1)] * 4
    _, model = run([[[1.0]]] * 4, batch_rows=1)
    assert model.calls == [(1, 1)] * 4


def test_a_bad_request_fails_no_other():
    answers, model = run([[[1.0]], [[-1.0]], [[3.0]], [[-2.0], [5.0]], [[4.0]]])
    assert [isinstance(answer, ServingError) for answer in answers] == [0, 1, 0, 1, 0]
    assert [answers[i]["y"].tolist() for i in (0, 2, 4)] == [[1], [3], [4]]
    assert len(model.calls) == 1 + 5


def test_a_model_that_does_not_answer_by_rows_answers_each_alone():
    class Total(Sums):
        def run(self, _, feeds, shared=False):
            super().run(_, feeds)
            return {"y": feeds["x"].sum(keepdims=True)[0]}

    answers, _ = run([[[1.0]], [[2.0]]], Total())
    assert [answer["y"].tolist() for answer in answers] == [[1], [2]]


def test_any_failure_reaches_everyone():
    class Broken(Sums):
        def run(self, _, feeds, shared=False):
            raise MemoryError

    answers, _ = run([[[1.0]], [[2.0]]], Broken())
    assert all(isinstance(answer, MemoryError) for answer in answers)


def test_who_has_gone_is_not_run():
    async def leave():
        runner, model = Runner(), Sums(0.1)
        tasks = [
            asyncio.create_task(runner.run("m", model, SUMS, {"x": np.full((1, 1), float(i))}))
            for i in range(4)
        ]
        await asyncio.sleep(0.05)  # all four are in the first call
        late = [
            asyncio.create_task(runner.run("m", model, SUMS, {"x": np.full((1, 1), float(i))}))
            for i in range(4, 8)
        ]
        await asyncio.sleep(0)
        late[1].cancel()
        await asyncio.gather(*tasks, *late, return_exceptions=True)
        runner.close()
        return model.calls, [task.result()["y"][0] for task in [*tasks, late[0], *late[2:]]]

    calls, sums = asyncio.run(leave())
    assert calls == [(4, 1), (3, 1)] and sums == [0, 1, 2, 3, 4, 6, 7]


def test_no_more_calls_at_a_time_than_threads():
    alone = signature({"x": [-1, -1]}, {"y": [-1, -1]})
    _, model = run([[[1.0]]] * 8, signature=alone, threads=2)
    assert model.most == 2


def test_clients_that_ask_again_share_whole_batches():
    async def clients(count, turns):
        runner, model = Runner(batch_rows=8), Sums(0.05)

        async def client():
            for _ in range(turns):
                await runner.run("m", model, SUMS, {"x": np.ones((1, 1))})
                await asyncio.sleep(0.002)  # the answer goes out, the next request comes in

        await asyncio.gather(*(client() for _ in range(count)))
        runner.close()
        return [rows for rows, _ in model.calls]

    assert asyncio.run(clients(4, turns=5)) == [4] * 5
    assert asyncio.run(clients(16, turns=3)) == [8] * 6
    assert asyncio.run(clients(1, turns=5)) == [1] * 5


def test_nobody_waits_long_for_who_does_not_come_again():
    async def alone_after_others():
        runner, model = Runner(), Sums(0.3)
        await ask(runner, model, [[1.0]], [[2.0]], [[3.0]])
        took = await seconds(ask(runner, model, [[4.0]]))
        runner.close()
        return took

    assert asyncio.run(alone_after_others()) < 0.3 + 0.02 + 0.08  # half of 0.3 s would be too long


def test_the_wait_is_measured_by_the_model_and_not_by_the_queue_for_a_thread(monkeypatch):
    monkeypatch.setattr(batching, "LONGEST_WAIT", 10)

    async def behind_another_model():
        runner, slow, fast = Runner(threads=1), Sums(0.6), Sums(0.005)
        other = asyncio.create_task(runner.run("slow", slow, SUMS, {"x": np.ones((1, 1))}))
        await asyncio.sleep(0.02)
        await ask(runner, fast, [[1.0]], [[2.0]])
        took = await seconds(ask(runner, fast, [[3.0]]))
        await other
        runner.close()
        return took

    assert asyncio.run(behind_another_model()) < 0.2  # and not half of 0.6 s more


def test_a_client_that_is_alone_does_not_wait_for_its_own_rows():
    async def many_then_few():
        runner, model, took = Runner(batch_rows=8), Sums(0.03), []
        for _ in range(4):
            await ask(runner, model, np.ones((7, 1)))
            took.append(await seconds(ask(runner, model, np.ones((1, 1)))))
        runner.close()
        return took

    assert min(asyncio.run(many_then_few())) < 0.03 + 0.5 * 0.03


def test_who_takes_too_long_for_a_shared_call_holds_up_no_other():
    class Slow(Sums):
        """Takes as many seconds as its longest row says; a shared call may take 0.1."""

        def run(self, _, feeds, shared=False):
            longest = feeds["x"].max()
            time.sleep(min(longest, 0.1) if shared else longest)
            if shared and longest > 0.1:
                raise ServingError("DEADLINE_EXCEEDED", "too long")
            return {"y": feeds["x"].sum(1)}

    async def neighbours():
        runner, model = Runner(), Slow()
        asks = [runner.run("m", model, SUMS, {"x": np.array([[s]])}) for s in (0.6, 0.0, 0.01)]
        took = await asyncio.gather(*map(seconds, asks))
        runner.close()
        return took

    long, *short = asyncio.run(neighbours())
    assert long > 0.6 and max(short) < 0.4
