"""The translator as files: searches in graphs, both formats, and translation from them alone."""

import json
import shutil
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from apps.common.errors import InputError
from apps.common.examples import write_examples
from apps.common.run import Run
from apps.common.tokenized import learn_vocabulary
from apps.translation import export, plots, translate
from apps.translation.attention import Attention, describe
from apps.translation.config import TranslationConfig
from apps.translation.graph import TranslatorGraph
from apps.translation.model import build, load, save_vocabularies
from apps.translation.search import most_attended, source_ids
from apps.translation.text import (
    BOS_ID,
    EOS_ID,
    PAD_ID,
    SPECIALS,
    UNKNOWN_ID,
    make_tokenizer,
    word_splitter,
)
from apps.translation.translate import TranslateOptions
from rnn_keras import use_plan
from rnn_keras.export import LiteRTModel
from rnn_keras.text import Vocabulary
from tests.apps.outside_ids import check_outside_ids, in_order, signature
from tests.export import litert_js
from tests.operations import foreign_operations

PAIRS = {
    "The cat is black.": "Le chat est noir.",
    "I am not here!": "Je ne suis pas là !",
    "They're at home, you see.": "Ils sont chez eux, tu vois.",
    "Go.": "Va !",
}
CONFIG = TranslationConfig(
    tokens="word", min_count=1, units=12, embedding=10, beam=3, max_length=12, max_length_ratio=1.0,
    run="small",
)  # fmt: skip
HARD = {
    "a sentence": "The cat is here.",
    "empty": "",
    "blanks": " \t\u2028",
    "control characters": "\x00\x1b[31m\x07",
    "not Unicode": "\udcff the cat",
    "another script": "对不起",
    "an unknown word": "Zoltan is black.",
    "500 words": "the cat is black " * 125,
}


def random_run(root, config, ends=0.7):
    """A run whose weights are random, far from uniform, so that an error would show.

    The higher `ends`, the sooner its translations end.
    """
    run = Run.create("translation", config, root=root)
    words = word_splitter(config.lowercase)
    vocabularies = [
        learn_vocabulary(config, words, SPECIALS, list(texts)) for texts in (PAIRS, PAIRS.values())
    ]
    save_vocabularies(run, *vocabularies)
    write_examples(run, list(PAIRS))
    keras.utils.set_random_seed(0)  # the fixture of all tests comes after those of a module
    model = build(config, *map(len, vocabularies))
    rng = np.random.default_rng(0)
    for variable in model.weights:
        variable.assign(1.5 * variable.numpy() + 0.2 * rng.normal(size=variable.shape))
    bias = model.decoder.output_layer.bias
    bias.assign(bias + ends * tf.one_hot(EOS_ID, len(vocabularies[1])))
    model.save(run.best)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with its exports."""
    run = random_run(tmp_path_factory.mktemp("runs"), CONFIG)
    for source in ("saved_model", "litert"):
        with pytest.raises(InputError, match="not found; make it with python -m apps.translation"):
            run.load(source)
    export.export(run)
    return run


@pytest.fixture(scope="module")
def loaded(run):
    """The Keras model, and the tokenizers."""
    trained = load(run)
    return trained.model, *trained.assets


@pytest.fixture(scope="module")
def served(run):
    """The signatures of the SavedModel."""
    return tf.saved_model.load(str(run.saved_model / "1")).signatures


@pytest.fixture(scope="module")
def translators(run):
    return {source: run.load(source) for source in ("saved_model", "litert")}


def texts():
    return [text.encode("utf-8", "replace").decode() for text in HARD.values()]


def score(model, source, target, sentence, ids):
    """The log-probability of ids by the model, all at once on Keras's loop, over L^alpha."""
    inputs = source_ids(source, tf.constant([sentence])), np.array([[BOS_ID, *ids[:-1]]])
    with use_plan("reference"):
        logits = model(inputs)[0].numpy()
    logits[:, [PAD_ID, BOS_ID]] = -np.inf
    log_p = tf.nn.log_softmax(logits).numpy()
    return log_p[np.arange(len(ids)), ids].sum() / len(ids) ** CONFIG.alpha


@pytest.mark.slow
def test_the_score_is_the_models_log_probability(run, loaded, translators):
    litert = LiteRTModel(run.tflite)
    for sentence in ("The cat is black.", "They see."):
        ids = source_ids(loaded[1], tf.constant([sentence])).numpy()
        for name in ("greedy", "beam"):
            found = litert.run(name, ids=ids)
            tokens = found["ids"][0, : found["lengths"][0]]
            assert not {PAD_ID, BOS_ID} & set(tokens) and EOS_ID not in tokens[:-1]
            want = score(*loaded, sentence, tokens)
            assert found["scores"][0] == pytest.approx(want, abs=1e-5)


@pytest.mark.slow
def test_a_sentence_is_translated_alike_alone_and_among_others(served):
    together = served["serving_default"](text=tf.constant(texts()))
    rows = zip(texts(), together["translation"].numpy(), together["score"].numpy())
    for text, translation, value in rows:
        alone = served["serving_default"](text=tf.constant([text]))
        assert alone["translation"].numpy()[0] == translation
        assert alone["score"].numpy()[0] == pytest.approx(value, abs=1e-5)


@pytest.mark.slow
def test_any_search_around_the_files_is_the_one_inside(served, translators):
    """And both files give the same: the model's, as the export compared them with it."""
    inside = served["nbest"](text=tf.constant(texts()))
    greedy = served["greedy"](text=tf.constant(texts()))["translation"].numpy()
    for translator in translators.values():
        found = translator.translate(texts(), CONFIG.beam, CONFIG.alpha, CONFIG.beam)
        for row, translations in enumerate(found):
            for n, each in enumerate(translations):
                assert each.text == inside["translations"].numpy()[row, n].decode()
                assert each.score == pytest.approx(inside["scores"].numpy()[row, n], abs=1e-5)
        alone = translator.translate(texts(), 1, CONFIG.alpha)
        assert [each.text for (each,) in alone] == [text.decode() for text in greedy]
    first, second = (
        [[each.text for each in row] for row in translator.translate(texts()[:2], 7, 0.0, 6)]
        for translator in translators.values()
    )
    assert first == second and len(first[0]) == 6


@pytest.mark.slow
def test_no_words_give_an_empty_translation(served, translators):
    found = served["nbest"](text=tf.constant(["", "\x07"]))
    assert (found["translations"].numpy() == b"").all() and (
        found["scores"].numpy()[:, 0] == 0
    ).all()
    (only,) = translators["litert"].translate([""], 3, 0.75, 3)[0]
    assert (only.text, only.score) == ("", 0.0)


@pytest.mark.slow
def test_an_id_outside_a_vocabulary_is_unknown(run, loaded, served):
    model, source, target = loaded
    keras_functions = TranslatorGraph(CONFIG, model, source, target).functions
    litert = LiteRTModel(run.tflite)
    ids = source_ids(source, tf.constant(["The cat is black."])).numpy()
    targets = np.array([[5, 6, 7, EOS_ID]], np.int32)
    with use_plan("graph"):
        encoded = {n: v.numpy() for n, v in keras_functions["encode"](ids).items()}
        for name, inputs, replaced, vocabulary in (
            ("encode", {"ids": ids}, "ids", source.vocabulary),
            ("step", {"ids": targets[:, 0], **encoded}, "ids", target.vocabulary),
            ("align", {"ids": targets, **encoded}, "ids", target.vocabulary),
        ):
            for call in (
                in_order(keras_functions[name]),
                signature(served[name]),
                partial(litert.run, name),
            ):
                check_outside_ids(call, inputs, replaced, len(vocabulary), UNKNOWN_ID)


@pytest.mark.slow
def test_attention_is_over_the_words_of_the_source(translators):
    for translator in translators.values():
        (short, _), (long, _) = translator.translate(["The cat is black.", "Go."], 3, 0.75, 2)
        for each, count in ((short, 6), (long, 3)):
            assert each.attention.weights.shape == (len(each.attention.target), count)
            assert len(each.attention.source) == count
            np.testing.assert_allclose(each.attention.weights.sum(1), 1, atol=1e-5)


def test_an_unknown_word_is_that_of_the_source_that_was_looked_at_most():
    config = TranslationConfig(tokens="word", min_count=1)
    tokenizer = make_tokenizer(Vocabulary((*SPECIALS, "see", "you")), config)
    words = tf.constant([["zoltan", "sees", "￭.", ""]])  # the end token's is empty
    weights = [[[0.4, 0.1, 0.1, 0.4], [0.1, 0.2, 0.1, 0.6], [0.0, 0.1, 0.2, 0.7]]]
    looked = most_attended(words, tf.constant(weights))
    assert looked.numpy().tolist() == [[b"zoltan", b"sees", "￭.".encode()]]
    ids = tf.constant([[UNKNOWN_ID, tokenizer.vocabulary.tokens.index("see"), UNKNOWN_ID]])
    assert tokenizer.decode(ids, looked).numpy().tolist() == [b"zoltan see."]
    assert tokenizer.decode(ids).numpy().tolist() == [b"<unk> see <unk>"]


@pytest.mark.slow
def test_the_file_has_both_vocabularies_and_a_report(run, loaded):
    litert = LiteRTModel(run.tflite)
    for name, tokenizer in zip(("source", "target"), loaded[1:]):
        assert litert.vocabulary(f"vocab.{name}.txt") == tokenizer.vocabulary
    report = json.loads((run.path / "export.json").read_text("utf-8"))
    assert report["litert"]["max_difference"].keys() == {
        "greedy",
        "beam",
        "encode",
        "step",
        "align",
    }
    assert report["sentences"] == len(PAIRS)
    assert not foreign_operations(run.saved_model / "1")


@pytest.mark.slow
def test_a_browser_translates_as_the_file_for_phones(run, loaded, tmp_path):
    if reason := litert_js.missing():
        pytest.skip(reason)
    export.main([str(run.path), "--target", "web", "--time", "12"])
    shutil.copy(run.path / "web.tflite", tmp_path)
    lite = LiteRTModel(run.tflite)
    with litert_js.LiteRTJS(tmp_path) as browser:
        for sentence in PAIRS:
            ids = source_ids(loaded[1], tf.constant([sentence])).numpy()
            padded = np.pad(ids, [(0, 0), (0, 12 - ids.shape[1])])
            for name in ("greedy", "beam"):
                expected = lite.run(name, ids=ids)
                ((found,), _) = browser.run("web.tflite", name, [{"ids": padded}])
                length = expected["lengths"][0]
                np.testing.assert_array_equal(found["lengths"], [length])
                np.testing.assert_array_equal(found["ids"][:, :length], expected["ids"][:, :length])
                np.testing.assert_allclose(found["scores"], expected["scores"], rtol=1e-4)


@pytest.fixture(scope="module")
def alone(run, tmp_path_factory):
    """What an export leaves, and the vocabularies, and nothing else of the run."""
    alone = tmp_path_factory.mktemp("alone")
    for name in (
        "config.json",
        "model.tflite",
        "saved_model",
        "vocab.source.txt",
        "vocab.target.txt",
    ):
        copy = shutil.copytree if (run.path / name).is_dir() else shutil.copy
        copy(run.path / name, alone / name)
    return alone


@pytest.mark.slow
def test_the_command_prints_a_line_for_each_and_notes_beside(alone, tmp_path, capsys):
    (tmp_path / "file.txt").write_text("\n".join([*texts(), "Go."]) + "\n", "utf-8")
    said = []
    for source in ("saved_model", "litert"):
        translate.main(
            [str(alone), "The cat.", "--file", str(tmp_path / "file.txt"), "--from", source]
        )
        said.append(capsys.readouterr())
        assert len(said[-1].out.split("\n")) - 1 == len(HARD) + 2
    assert said[0] == said[1]
    notes = said[0].err
    assert notes.count("there is no word in it") == 2
    assert "unknown words: 对, 不, 起; all words are unknown" in notes
    assert "sentence 8: unknown words: zoltan" in notes
    assert "only the first 12 of 500 tokens were read" in notes


@pytest.mark.slow
def test_the_command_shows_what_was_looked_at(alone, tmp_path, capsys):
    picture = tmp_path / "a.png"
    translate.main([str(alone), "The cat is black.", "--nbest", "2", "--show-attention",
                    "--plot", str(picture), "--from", "litert"])  # fmt: skip
    first, second, *table = capsys.readouterr().out.splitlines()
    assert float(first.split()[0]) > float(second.split()[0])
    assert all(line.count("|") == 2 for line in table)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_attention_is_described_and_drawn(tmp_path):
    weights = np.array([[0.05, 0.95], [0.6, 0.4]])
    looked = Attention(["对", "$cat$"], ["a", "bc"], weights)
    assert describe(looked) == "  a   | █|  $cat$ 0.95\n  bc  |▓▒|  对 0.60, $cat$ 0.40"
    wide = Attention(["w"] * 100, ["a"], np.full((1, 100), 0.01))
    assert describe(wide) == "  a  "
    plots.attention_maps(tmp_path / "a.png", [looked, looked, wide])
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width < 1_600  # wide enough for `plots.LONGEST` tokens, not for 100


@pytest.mark.slow
def test_attention_maps_end_with_the_translation(loaded):
    model, *tokenizers = loaded
    pipeline = TranslatorGraph(CONFIG, model, *tokenizers).pipeline
    maps = [best.attention for (best,) in pipeline.translate(list(PAIRS), 1, 0.0)]
    for each in maps:
        assert each.weights.shape == (len(each.target), len(each.source))
        assert "<eos>" not in (*each.source[:-1], *each.target[:-1])
        assert each.source[-1] == "<eos>"
    assert any(each.target[-1] == "<eos>" for each in maps)


BAD = {
    "nothing": ([], "nothing to translate: give one or more sentences"),
    "no file": (["--file", "no.txt"], "no.txt not found"),
    "beam": (["a", "--beam", "0"], "--beam must be from 1 to 1000, got 0"),
    "alpha": (["a", "--alpha", "-1"], "--alpha must be zero or a positive number, got -1"),
    "nbest": (["a", "--nbest", "4"], "--nbest 4 needs as many hypotheses, but the search keeps 3"),
    "greedy": (["a", "--greedy", "--nbest", "2"], "but the search keeps 1"),
    "both": (["a", "--greedy", "--beam", "2"], "--greedy keeps one hypothesis"),
    "plot": (["a", "--plot", "a.gif"], "--plot needs a file name that ends in .png"),
    "no word": (["", "--plot", "a.png"], "the first sentence has no word"),
}


@pytest.mark.slow
@pytest.mark.parametrize("arguments, message", BAD.values(), ids=BAD)
def test_bad_input_is_one_line(alone, capsys, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        translate.main([str(alone), *arguments])
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1


@pytest.mark.slow
def test_damaged_exports_are_named(run, tmp_path):
    (tmp_path / "saved_model" / "1").mkdir(parents=True)
    (tmp_path / "model.tflite").write_bytes(run.tflite.read_bytes()[:-99])  # without vocabularies
    shutil.copy(run.config_file, tmp_path)
    for source in ("saved_model", "litert"):
        with pytest.raises(InputError, match="^cannot read .*; make it with"):
            Run("translation", tmp_path).load(source)


@pytest.mark.slow
def test_without_attention_and_of_word_pieces(tmp_path):
    config = TranslationConfig(
        attention="none", cell="lstm", units=12, embedding=10, vocabulary=60, beam=3,
        max_length_ratio=1.0, run="plain",
    )  # fmt: skip
    run = random_run(tmp_path, config, ends=-2.0)
    export.export(run)
    sentences = (*PAIRS, "qzx 对")
    said = [
        list(
            translate.translate(run, TranslateOptions(run="x", sentences=sentences, source=source))
        )
        for source in ("saved_model", "litert")
    ]
    assert said[0] == said[1] and "unknown words: qzx" in said[0][-1][1]
    assert len({lines for lines, _ in said[0]}) > 2
    with pytest.raises(InputError, match="trained with --attention none: there is none to show"):
        options = TranslateOptions(run="x", sentences=("a",), show_attention=True)
        list(translate.translate(run, options))
