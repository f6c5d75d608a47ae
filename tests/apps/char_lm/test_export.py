"""The character language model as files: graph functions, SavedModel, LiteRT, and generation."""

import json
import os
import shutil
from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from apps.char_lm import export as export_command
from apps.char_lm import generate as generate_command
from apps.char_lm.config import MAX_LENGTH, CharLMConfig
from apps.char_lm.graph import CharLMGraph, start_token
from apps.char_lm.model import build, build_streaming, load, state_names
from apps.char_lm.sampling import Sampling
from apps.char_lm.text import unix_line_ends
from apps.common.errors import InputError
from apps.common.run import Run
from apps.common.sources import argument_text
from rnn_keras.export import LiteRTModel, MicroModel, write_saved_model
from rnn_keras.layers import use_plan
from rnn_keras.text import Vocabulary
from tests.apps.outside_ids import check_outside_ids, in_order, signature
from tests.operations import foreign_operations

VOCABULARY = Vocabulary.from_tokens("the quick brown fox\njumps — über 😀")
CONFIG = CharLMConfig(cell="lstm", layers=2, units=12, embedding=4, batch_size=2, run="small")


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(1)
    model = build(CONFIG, len(VOCABULARY))
    for variable in model.weights:  # far from uniform, so that an error would show
        variable.assign(variable.numpy() * 3 + 0.3 * np.random.normal(size=variable.shape))
    return model


@pytest.fixture(scope="module")
def graph(trained):
    return CharLMGraph(CONFIG, trained, VOCABULARY)


@pytest.fixture(scope="module")
def unexported(trained, tmp_path_factory):
    run = Run.create("char_lm", CONFIG, root=tmp_path_factory.mktemp("runs"))
    VOCABULARY.save(run.vocab)
    trained.save(run.best)
    return run


@pytest.fixture(scope="module")
def run(unexported):
    """The run after its export."""
    generate_without_export(unexported)
    export_command.export(unexported)
    return unexported


@pytest.fixture(scope="module")
def served(run):
    """The signatures of the SavedModel."""
    return tf.saved_model.load(str(run.saved_model / "1")).signatures


def generate_without_export(run):
    for source in ("saved_model", "litert"):
        with pytest.raises(InputError, match="not found; make it with python -m apps.char_lm.exp"):
            run.load(source)


def keras_logits(graph, text):
    """Logits after each character, by the Keras model on Keras's loop; `text` alone, no padding."""
    ids = VOCABULARY.encode(text)[None]
    zeros = [np.zeros((1, CONFIG.units), "float32") for _ in state_names(CONFIG)]
    with use_plan("reference"):
        return graph.streaming([ids, np.ones_like(ids, bool), *zeros])[0].numpy()[0]


def keras_nats(graph, text):
    if len(text) < 2:
        return 0.0
    logits = keras_logits(graph, text)[:-1].astype("float64")
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return -log_p[np.arange(len(text) - 1), VOCABULARY.encode(text)[1:]].mean()


def keras_greedy(graph, text, length):
    for _ in range(length):
        logits = keras_logits(graph, text)[-1]
        logits[VOCABULARY.unk_id] = -np.inf
        text += VOCABULARY.tokens[int(np.argmax(logits))]
    return text


def request(rows):
    """Rows `(prompt, length, temperature, top_k, top_p, seed)` as the inputs of `generate`."""
    types = (tf.string, tf.int32, tf.float32, tf.int32, tf.float32, tf.int32)
    names = ("prompt", "length", "temperature", "top_k", "top_p", "seed")
    return {n: tf.constant(list(c), t) for n, c, t in zip(names, zip(*rows), types)}


def texts(outputs):
    return [text.decode() for text in outputs["text"].numpy()]


LINES = st.text("a\r\n", max_size=6)


@given(st.lists(st.binary(max_size=8) | (st.text(max_size=5) | LINES).map(str.encode), max_size=4))
def test_encode_equals_the_vocabulary(graph, rows):
    ids, lengths = graph.encode(tf.constant(rows, tf.string, shape=[len(rows)]))
    for row, text_ids, length in zip(rows, ids.numpy(), lengths.numpy()):
        want = VOCABULARY.encode(unix_line_ends(row.decode("utf-8", "replace")))
        np.testing.assert_array_equal(text_ids[:length], want)
        assert (text_ids[length:] == VOCABULARY.encode("\n")).all() and length < len(text_ids)


def test_encode_known_characters(graph):
    text = "".join(token for token in VOCABULARY.tokens if len(token) == 1)
    ids, _ = graph.encode(tf.constant([text]))
    np.testing.assert_array_equal(ids[0, :-1], VOCABULARY.encode(text))


def test_start_token():
    assert start_token(VOCABULARY) == "\n"
    assert start_token(Vocabulary(("<unk>", "b", "a"))) == "b"
    with pytest.raises(ValueError, match="no characters"):
        start_token(Vocabulary(("<unk>",)))


@pytest.mark.slow
def test_served_score_is_that_of_the_keras_model(graph, served):
    rows = ["the quick", "x", "", "über 😀\nQQ the fox"]
    result = served["score"](text=tf.constant(rows))
    np.testing.assert_array_equal(result["characters"], [8, 0, 0, 16])
    want = [keras_nats(graph, row) for row in rows]
    np.testing.assert_allclose(result["nats_per_character"], want, rtol=1e-5)


@pytest.mark.slow
def test_served_greedy_text_is_that_of_the_keras_model(graph, served):
    rows = [("the ", 9, 0.0, 0, 1.0, 0), ("", 5, 0.0, 0, 1.0, 0), (b"\xff", 0, 0.0, 0, 1.0, 0)]
    found = texts(served["serving_default"](**request(rows)))
    want = [keras_greedy(graph, "the ", 9)[4:], keras_greedy(graph, "\n", 5)[1:], ""]
    assert found == want


@pytest.mark.slow
def test_served_rows_do_not_depend_on_each_other(served):
    rows = [
        ("the", 20, 1.5, 0, 1.0, 3),
        ("", 4, 0.7, 5, 0.9, 3),
        ("a longer prompt than the others", 11, 3.0, 0, 0.8, -7),
        ("the", 30, 1.5, 0, 1.0, 3),
    ]
    together = texts(served["generate"](**request(rows)))
    assert together == [texts(served["generate"](**request([row])))[0] for row in rows]
    assert [len(text) for text in together] == [20, 4, 11, 30]
    assert together[3].startswith(together[0])


@pytest.mark.slow
@pytest.mark.parametrize("length", [MAX_LENGTH + 1, 2**31 - 1])
def test_a_length_beyond_the_limit_is_refused_before_there_is_memory_for_it(served, length):
    rows = [("the", 3, 0.0, 0, 1.0, 0), ("the", length, 0.0, 0, 1.0, 0)]
    with pytest.raises(tf.errors.InvalidArgumentError, match="length must be at most 10000"):
        served["generate"](**request(rows))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p", "words"),
    [
        (-1.0, 0, 1.0, "temperature must be 0 .* 0.001, got.*-1"),
        (1e-9, 0, 1.0, "temperature must be 0"),
        (float("nan"), 0, 1.0, "temperature must be 0"),
        (float("inf"), 0, 1.0, "temperature must be 0"),
        (1.0, -1, 1.0, "top_k must be 0 .all. or more, got.*-1"),
        (1.0, 0, 1.5, "top_p must be above 0 and at most 1, got.*1.5"),
        (1.0, 0, 0.0, "top_p must be above 0"),
        (1.0, 0, float("nan"), "top_p must be above 0"),
    ],
)
def test_sampling_values_out_of_range_are_refused(served, temperature, top_k, top_p, words):
    rows = [("the", 3, 1.0, 0, 1.0, 0), ("the", 3, temperature, top_k, top_p, 0)]
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        served["generate"](**request(rows))


def test_unknown_is_never_generated(trained, graph):
    """Though here it is by far the most likely."""
    bias = trained.get_layer("logits").bias
    likely = keras.models.clone_model(trained)
    likely.set_weights(trained.get_weights())
    offset = np.where(np.arange(len(VOCABULARY)) == VOCABULARY.unk_id, 50.0, 0.0)
    likely.get_layer("logits").bias.assign(bias.numpy() + offset)
    biased = CharLMGraph(CONFIG, likely, VOCABULARY)
    with use_plan("graph"):
        rows = [("the", 20, 1.0, 0, 1.0, 0), ("the", 20, 0.0, 1, 0.5, 0)]
        for text in texts(biased.functions["generate"](**request(rows))):
            assert len(text) == 20 and "<" not in text


@pytest.mark.slow
def test_step_and_prefill_of_the_formats_are_those_of_the_keras_model(graph, served, run):
    litert = LiteRTModel(run.tflite)
    for rows in (["qui"], ["über 😀 the", "fox", "j"]):
        ids, lengths = (value.numpy() for value in graph.encode(tf.constant(rows)))
        zeros = {n: np.zeros((len(rows), 12), "float32") for n in state_names(CONFIG)}
        states = litert.run("prefill", ids=ids, lengths=lengths, **zeros)
        want = [keras_logits(graph, row)[-1] for row in rows]
        np.testing.assert_allclose(states.pop("logits"), want, atol=1e-5)

        tokens = VOCABULARY.encode("k" * len(rows))
        want = [keras_logits(graph, row + "k")[-1] for row in rows]
        np.testing.assert_allclose(
            litert.run("step", ids=tokens, **states)["logits"], want, atol=1e-5
        )
        tensors = {name: tf.constant(value) for name, value in states.items()}
        result = served["step"](ids=tf.constant(tokens), **tensors)
        np.testing.assert_allclose(result["logits"], want, atol=1e-5)

        score = litert.run("score", ids=ids, lengths=lengths)
        np.testing.assert_array_equal(score["characters"], lengths - 1)
        want = [keras_nats(graph, row) for row in rows]
        np.testing.assert_allclose(score["nats_per_character"], want, rtol=1e-5)


@pytest.mark.slow
def test_an_id_outside_the_vocabulary_is_unknown(graph, served, run):
    litert, ids = LiteRTModel(run.tflite), VOCABULARY.encode("the fox")[None]
    states = {n: np.full((1, 12), 0.1, "float32") for n in state_names(CONFIG)}
    step = {"ids": ids[:, 0], **states}
    text = {"ids": ids, "lengths": np.array([7], np.int32)}
    with use_plan("graph"):
        for call, inputs in (
            (in_order(graph.functions["step"]), step),
            (signature(served["step"]), step),
            (partial(litert.run, "step"), step),
            (in_order(graph.functions["prefill"]), text | states),
            (partial(litert.run, "prefill"), text | states),
            (in_order(graph.functions["score_ids"]), text),
            (partial(litert.run, "score"), text),
        ):
            check_outside_ids(call, inputs, "ids", len(VOCABULARY), VOCABULARY.unk_id)


@pytest.mark.parametrize("source", ["embedding", "onehot"])
def test_the_trained_model_reads_it_so_too(source):
    model = build(replace(CONFIG, protocol="d2l", steps=32, input=source), 9)
    ids = {"ids": np.array([[3, 4, 5]], np.int32)}
    check_outside_ids(lambda ids: {"logits": model(ids)}, ids, "ids", 9, 0)


@pytest.mark.slow
def test_export_writes_its_report(run):
    report = json.loads((run.path / "export.json").read_text("utf-8"))
    assert report["litert"]["bytes"] == run.tflite.stat().st_size
    assert report["litert"]["max_difference"].keys() == {"prefill", "step", "score"}
    assert report["saved_model"]["max_difference"].keys() == {"generate", "score", "step"}
    assert report["quantization"] == "none"
    assert not foreign_operations(run.saved_model / "1")


@pytest.mark.slow
def test_the_web_has_the_same_signatures_in_fixed_sizes(run, graph):
    before = (run.path / "export.json").read_text("utf-8")
    export_command.main([str(run), "--target", "web", "--time", "9"])
    after = json.loads((run.path / "export.json").read_text("utf-8"))
    assert after.pop("web")["max_difference"].keys() == {"prefill", "step", "score"}
    assert after == json.loads(before)
    web = LiteRTModel(run.path / "web.tflite")
    assert web.signatures["prefill"]["ids"][0] == (1, 9)
    ids = np.zeros((1, 9), np.int32)
    ids[0, :7] = VOCABULARY.encode("the fox")
    score = web.run("score", ids=ids, lengths=np.int32([7]))
    np.testing.assert_allclose(score["nats_per_character"], keras_nats(graph, "the fox"), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("quantization, tolerance", [("none", 1e-4), ("int8", 0.1)])
def test_a_microcontroller_reads_text_like_the_keras_model(run, graph, quantization, tolerance):
    pytest.importorskip("tflite_micro")
    export_command.main([str(run), "--target", "micro", "--quantization", quantization])
    report = json.loads((run.path / "export.json").read_text("utf-8"))["micro"]
    assert report["quantization"] == quantization and 0 < report["arena_bytes"] < 20_000
    micro, text = MicroModel(run.path / "micro.tflite"), "the quick brown fox jumps"
    found, states = [], {n: np.zeros((1, 12), "float32") for n in state_names(CONFIG)}
    for token in VOCABULARY.encode(text):
        states = micro.run("step", ids=[token], **states)
        found.append(states.pop("logits")[0])
    expected = keras_logits(graph, text)
    error = np.sqrt(np.mean((expected - found) ** 2))
    assert error < tolerance * np.abs(expected).max()


@pytest.mark.slow
@pytest.mark.parametrize("prompt", ["the", "", "Q\udcff", "the\r\nfox\r"])
def test_both_formats_generate_the_same_from_the_files_alone(run, prompt, tmp_path):
    alone = Run("char_lm", tmp_path / "alone")
    alone.path.mkdir()
    for name in ("saved_model", "model.tflite"):
        os.symlink(run.path / name, alone.path / name)
    text = {
        source: alone.load(source).generate(
            argument_text(prompt), length=25, temperature=1.2, top_k=9, top_p=0.95, seed=5
        )
        for source in ("saved_model", "litert")
    }  # fmt: skip
    assert text["saved_model"] == text["litert"]
    assert len(text["litert"]) == 25


def generate_from_damaged(run):
    for source, file in [("saved_model", "saved_model/1"), ("litert", "model.tflite")]:
        with pytest.raises(InputError, match=f"^cannot read .*{file}: .*; make it with.*$"):
            run.load(source)


@pytest.mark.slow
def test_damaged_files_are_named(run, tmp_path):
    damaged = Run("char_lm", tmp_path / "empty")
    (damaged.saved_model / "1").mkdir(parents=True)
    damaged.tflite.write_bytes(b"nothing of the kind")
    generate_from_damaged(damaged)

    damaged = Run("char_lm", tmp_path / "cut")
    shutil.copytree(run.saved_model, damaged.saved_model)
    variables = damaged.saved_model / "1/variables/variables.data-00000-of-00001"
    variables.write_bytes(variables.read_bytes()[:99])
    damaged.tflite.write_bytes(run.tflite.read_bytes()[:-99])  # without the vocabulary
    generate_from_damaged(damaged)

    damaged = Run("char_lm", tmp_path / "other")
    double = tf.function(lambda x: {"y": 2 * x}, input_signature=[tf.TensorSpec([None], name="x")])
    write_saved_model({"double": double}, [], damaged.saved_model)
    with pytest.raises(InputError, match="it has no signature 'generate'; make it with"):
        damaged.load()


@pytest.mark.parametrize(
    "option, words",
    [
        ({"length": 0}, "--length must be at least 1, got 0"),
        ({"temperature": -0.1}, "--temperature must be 0 .* got -0.1"),
        ({"temperature": float("nan")}, "--temperature"),
        ({"top_k": -1}, "--top-k"),
        ({"top_p": 0.0}, "--top-p"),
        ({"seed": 2**31}, "--seed"),
    ],
)
def test_options_out_of_range(option, words):
    with pytest.raises(InputError, match=words):
        Sampling(**option)


@pytest.mark.slow
def test_commands(run, capsys, monkeypatch):
    monkeypatch.setenv("RNN_KERAS_RUNS", str(run.path.parent.parent))
    generate_command.main(["small", "the", "--length", "3", "--from", "litert"])
    assert len(capsys.readouterr().out) == len("the") + 3 + 1
    for command, words in [
        (generate_command, ["small", "--length", "0"]),
        (generate_command, ["small", "--length", "10001"]),
        (export_command, ["nothing"]),
    ]:
        with pytest.raises(SystemExit, match="2"):
            command.main(words)
        assert capsys.readouterr().err.startswith("error: ")


def test_export_refuses_files_that_do_not_fit(unexported, tmp_path):
    other = Run("char_lm", tmp_path)
    for name in ("config.json", "best.keras"):
        os.symlink(unexported.path / name, tmp_path / name)
    Vocabulary.from_tokens("ab").save(other.vocab)
    with pytest.raises(InputError, match="has 3 tokens, but the model .* has"):
        load(other)
    other.vocab.unlink()
    with pytest.raises(InputError, match="cannot read the vocabulary"):
        load(other)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_scores_and_exports_are_in_float32_whatever_the_training_was_in(graph, trained, policy):
    keras.config.set_dtype_policy(policy)
    try:
        streaming = build_streaming(replace(CONFIG, dtype_policy=policy), trained)
    finally:
        keras.config.set_dtype_policy("float32")
    ids = VOCABULARY.encode("the quick")[None]
    zeros = [np.zeros((1, CONFIG.units), "float32") for _ in state_names(CONFIG)]
    inputs = [ids, np.ones_like(ids, bool), *zeros]
    for found, want in zip(streaming(inputs), graph.streaming(inputs)):
        assert found.dtype == "float32"
        np.testing.assert_array_equal(found, want)
