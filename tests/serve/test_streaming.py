"""Streams of generated text: what they say, what they share, and how they end."""

import asyncio
import json
import re
import time

import numpy as np
import pytest
import tensorflow as tf

from rnn_keras.decoding import sample
from rnn_keras.serve import Limits, ModelStore, Runner
from rnn_keras.serve.errors import ServingError
from rnn_keras.serve.predict import Predict
from rnn_keras.serve.servable import Servable
from rnn_keras.serve.streaming import Stream, StreamRequest
from tests.serve.conftest import serving
from tests.serve.toys import CHARACTERS, Speller, copy, write_speller

PATH = "/v1/models/speller:stream"
EVENT = re.compile(r"(?:event: (\w+)\n)?data: (.*)\n\n")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speller")
    write_speller(folder / "1")
    return folder


@pytest.fixture(scope="module")
def client(base, toys):
    store = ModelStore({"speller": base, "toy": toys[1].parent})
    with serving(store, Limits(max_length=300, max_body=10_000)) as client:
        yield client


def events(text):
    assert EVENT.sub("", text) == ""
    return [(kind, json.loads(data)) for kind, data in EVENT.findall(text)]


def expected(**wanted):
    """The text of one request by the searches of the library."""
    wanted = StreamRequest(**wanted)
    model, h = Speller(), tf.zeros([1, 4])
    for token in CHARACTERS.encode(wanted.prompt or "\n"):
        logits, h = (model.step(tf.constant([token]), h)[name] for name in ("logits", "h"))

    def allowed(logits):
        return tf.where(np.arange(len(CHARACTERS)) > 0, logits, -np.inf)

    def step(tokens, h):
        outputs = model.step(tokens, h)
        return allowed(outputs["logits"]), outputs["h"]

    options = wanted.temperature, wanted.top_k, wanted.top_p
    tokens, _, _ = sample(step, allowed(logits), h, wanted.length, [wanted.seed], *options)
    return "".join(CHARACTERS.decode(tokens[0]))


REQUESTS = [
    {"prompt": "abc", "length": 30},
    {"prompt": "dédé", "length": 20, "temperature": 0},
    {"prompt": "", "length": 25, "temperature": 1.5, "seed": -3},
    {"prompt": "a" * 40, "length": 5, "top_k": 2, "seed": 2**31 - 1},
    {"prompt": "?", "length": 10, "top_p": 0.5, "seed": 7},
]


async def run(base, receives, limits=None, runner=None):
    """What `Stream` sends to clients that ask at the same time, and the places still taken."""
    store = ModelStore({"speller": base}, timeout=20)
    await store.refresh()
    predict = Predict(store, runner or Runner(), limits or Limits())
    scope = {"type": "http", "method": "POST", "headers": [], "path_params": {"name": "speller"}}

    async def answer(receive):
        sent = []

        async def send(message):
            sent.append(message)

        await Stream(predict)(scope, receive, send)
        return sent

    found = await asyncio.gather(*map(answer, receives), return_exceptions=True)
    return found, predict.gate.inside


def receiver(wanted, stays=60.0):
    """ASGI's `receive` of a client that disconnects after this time, in seconds."""
    messages = [{"type": "http.request", "body": json.dumps(wanted).encode()}]

    async def receive():
        if messages:
            return messages.pop()
        await asyncio.sleep(stays)
        return {"type": "http.disconnect"}

    return receive


def test_a_stream_is_the_text_that_the_library_samples(client):
    answer = client.post(PATH, json=REQUESTS[0])
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    *texts, (kind, last) = events(answer.text)
    assert (kind, last) == ("end", {"length": 30})
    assert all(kind == "" and len(data["text"]) == 1 for kind, data in texts)
    assert "".join(data["text"] for _, data in texts) == expected(**REQUESTS[0])


def test_streams_share_calls_and_none_changes_another(base, monkeypatch):
    calls, call = [], Servable.run

    def counted(self, signature, feeds, shared=False):
        calls.append(len(feeds["ids"]))
        return call(self, signature, feeds, shared)

    async def streams():
        monkeypatch.setattr(Servable, "run", counted)
        return await run(base, [receiver(request) for request in REQUESTS])

    found, inside = asyncio.run(streams())
    for request, (_, *sent) in zip(REQUESTS, found):
        body = "".join(message["body"].decode() for message in sent)
        texts = [data["text"] for kind, data in events(body) if not kind]
        assert "".join(texts) == expected(**request)
    assert inside == 0
    # One after the other they would take 134 steps.
    assert max(calls) == len(REQUESTS) and len(calls) < 110


def test_reading_a_prompt_shares_calls_with_generating(base, monkeypatch):
    calls, call = [], Servable.run

    def slow(self, signature, feeds, shared=False):
        calls.append(len(feeds["ids"]))
        time.sleep(0.01)
        return call(self, signature, feeds, shared)

    async def streams():
        monkeypatch.setattr(Servable, "run", slow)
        return await run(base, map(receiver, ({"prompt": "a" * 30, "length": 1}, {"length": 30})))

    asyncio.run(streams())
    assert calls.count(2) > 20


def test_who_leaves_frees_its_place_and_its_row(base):
    long = {"length": 100_000}
    limits = Limits(max_length=100_000)
    ((sent,), inside) = asyncio.run(run(base, [receiver(long, stays=0.2)], limits))
    assert inside == 0 and 2 < len(sent) < 99_000
    assert sent[0]["status"] == 200 and not sent[-1]["more_body"]


def test_a_stream_takes_a_place(base):
    requests = [receiver({"length": 20}) for _ in range(3)]
    found, inside = asyncio.run(run(base, requests, Limits(max_pending=2)))
    assert inside == 0
    (refusal,) = (error for error in found if isinstance(error, ServingError))
    assert refusal.code == "UNAVAILABLE"


def test_a_prompt_that_takes_too_long_is_an_error_and_not_a_stream(base):
    request = receiver({"prompt": "a" * 9000})
    ((error,), inside) = asyncio.run(run(base, [request], Limits(timeout=0.1)))
    assert (error.code, inside) == ("DEADLINE_EXCEEDED", 0)


def test_a_failure_on_the_way_is_the_last_event(base):
    class Failing(Runner):
        async def run(self, model, servable, signature, feeds):
            if feeds["t"] == 2:
                raise ServingError("INTERNAL", "the model cannot answer: it broke")
            return await super().run(model, servable, signature, feeds)

    ((sent,), _) = asyncio.run(run(base, [receiver({"length": 9})], runner=Failing()))
    found = events("".join(message["body"].decode() for message in sent[1:]))
    assert [kind for kind, _ in found] == ["", "", "error"]
    assert found[-1][1] == {"error": "the model cannot answer: it broke"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "JSON Parse error"),
        (b"[1]", "must be a JSON object"),
        (b'{"length": 1, "length": 2}', "the key length is repeated"),
        (b'{"lenght": 1}', "lenght: Extra inputs are not permitted"),
        (b'{"length": 0}', "length: Input should be greater than or equal to 1"),
        (b'{"length": 301}', "length must be at most 300, got 301"),
        (b'{"length": "9"}', "length: Input should be a valid integer"),
        (b'{"prompt": 9}', "prompt: Input should be a valid string"),
        (b'{"prompt": "\\ud800"}', "prompt: "),
        (b'{"prompt": "%s"}' % (b"a" * 301), "prompt must be at most 300, got 301"),
        (b'{"temperature": -1}', "temperature: Input should be greater than or equal to 0"),
        (b'{"temperature": 1e-9}', "must be 0 (greedy), or a number of at least 0.001"),
        (b'{"temperature": NaN}', "temperature: "),
        (b'{"top_p": 0}', "top_p: Input should be greater than 0"),
        (b'{"top_k": 4294967296}', "top_k: Input should be less than 2147483648"),
        (b'{"seed": true}', "seed: Input should be a valid integer"),
    ],
)
def test_what_is_refused(client, body, words):
    answer = client.post(PATH, content=body)
    assert answer.status_code == 400 and words in answer.json()["error"], answer.text
    assert len(answer.text) < 300 and "\n" not in answer.json()["error"]


@pytest.mark.parametrize(
    "lines",
    ["<unk>\n\\n\na\nb\nc\nd\nwords\n \n", "<unk>\na\n", "no vocabulary\n", None],
    ids=["words", "another size", "another format", "none"],
)
def test_without_a_vocabulary_of_its_characters_it_cannot_stream(base, tmp_path, lines):
    folder = copy(base / "1", tmp_path / "1")
    (folder / "assets.extra" / "vocab.txt").unlink()
    if lines:
        (folder / "assets.extra" / "vocab.txt").write_text(lines, "utf-8")
    servable = Servable(1, folder, timeout=20)
    assert list(servable.signatures) == ["step"] and servable.sampled_step is None
    servable.close()


def test_only_a_step_with_characters_can_stream(client):
    answer = client.post("/v1/models/toy:stream", json={})
    assert answer.status_code == 400 and "it has no step" in answer.json()["error"]
    assert client.post("/v1/models/foo:stream", json={}).status_code == 404
    assert list(
        client.get("/v1/models/speller/metadata").json()["metadata"]["signature_def"][
            "signature_def"
        ]
    ) == ["step"]  # the sampling is no signature
