"""The summarizer: tables of texts, scores and baselines, the networks, and runs with exports."""

import gzip
import itertools
import json
import lzma
import shutil
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from rouge_score.rouge_scorer import RougeScorer

from apps.common.errors import InputError
from apps.common.run import Run
from apps.summarization import evaluate, grammar, summarize, train
from apps.summarization.batches import CHOSEN, SKIPPED, TokenizedSummaries
from apps.summarization.config import PRESETS, SummarizationConfig
from apps.summarization.extractor import SentenceScorer, selection_loss
from apps.summarization.scores import TextRank, extract, oracle, rouge
from apps.summarization.summaries import Summaries, read_summaries
from apps.summarization.summarizers import SPECIALS, Abstraction, Extraction
from apps.summarization.task import load
from rnn_keras import use_plan
from rnn_keras.export import LiteRTModel
from rnn_keras.text import Vocabulary
from tests.apps.outside_ids import check_outside_ids, signature
from tests.operations import foreign_operations

TEXTS = [f"Text {i}. It is about {i} things." for i in range(20)]
SUMMARIES = [f"{i} things" for i in range(20)]


def no_builtin():
    raise AssertionError


read = partial(read_summaries, builtin=no_builtin)


def jsonl(**columns):
    rows = [dict(zip(columns, row)) for row in zip(*columns.values())]
    return "\n".join(map(json.dumps, rows)).encode()


@pytest.mark.parametrize(
    "name, content, columns",
    [
        ("a.jsonl.xz", lzma.compress(jsonl(text=TEXTS, summary=SUMMARIES)), {}),
        (
            "a.tsv",
            "\n".join(["Article\tHeadline", *map("\t".join, zip(TEXTS, SUMMARIES))]).encode(),
            {},
        ),
        (
            "a.csv.gz",
            gzip.compress("\n".join(["x,y", *map(",".join, zip(TEXTS, SUMMARIES))]).encode()),
            {"text": "X", "summary": "y"},
        ),
    ],
)
def test_tables_are_split_by_sampling(tmp_path, name, content, columns):
    (tmp_path / name).write_bytes(content)
    corpus = read(str(tmp_path / name), **columns, fractions=(0.1, 0.2), seed=3)
    parts = [corpus.train, corpus.validation, corpus.test]
    assert [*map(len, parts)] == [14, 2, 4] and not corpus.notes
    assert {*itertools.chain(*(part.texts for part in parts))} == {*TEXTS}
    for part in parts:
        assert [SUMMARIES[TEXTS.index(text)] for text in part.texts] == part.summaries
    assert read(str(tmp_path / name), **columns, seed=3).test != corpus.test


def test_a_column_splits_and_no_text_of_the_test_is_trained_on(tmp_path):
    splits = ["test", "validation", "train", *["train"] * 17]
    texts = [*TEXTS[:3], TEXTS[0].upper().replace(" ", "\n"), TEXTS[1], *TEXTS[5:]]
    (tmp_path / "a.jsonl").write_bytes(jsonl(text=texts, summary=SUMMARIES, part=splits))
    corpus = read(str(tmp_path / "a.jsonl"), split="part")
    assert corpus.test == Summaries(TEXTS[:1], SUMMARIES[:1])
    assert corpus.validation == Summaries(TEXTS[1:2], SUMMARIES[1:2])
    assert corpus.train.texts == [TEXTS[2], *TEXTS[5:]]
    assert corpus.notes == ["2 texts of train left out, as a later split has them"]


def test_tensorflow_datasets():
    import tensorflow_datasets as tfds

    def rows(self, split, **_):
        texts = [f"{split} {text}" for text in TEXTS]
        return tf.data.Dataset.from_tensor_slices({"article": texts, "highlights": SUMMARIES})

    with tfds.testing.mock_data(num_examples=20, as_dataset_fn=rows):
        corpus = read("tfds:cnn_dailymail")
        assert corpus.validation.texts == [f"validation {text}" for text in TEXTS]
        assert [len(part) for part in (corpus.train, corpus.test)] == [20, 20]
        with pytest.raises(InputError, match="has no 'document' feature"):
            read("tfds:imdb_reviews")


BAD = {
    "missing": ("no.csv", None, "no.csv not found: give 'builtin'"),
    "kind": ("a.txt", b"text", "is not a table; give 'builtin'"),
    "empty": ("a.csv", b"\n", "a.csv is empty"),
    "columns": ("a.csv", b"x,summary\n1,2\n", "no column 'text' or 'article' or 'document'"),
    "no summary": ("a.csv", b"text,summary\nA,\n", "line 2: there is no summary; remove this row"),
    "number": ("a.jsonl", jsonl(text=[1], summary=["b"]), "line 1: there is no text"),
    "split": (
        "a.jsonl",
        jsonl(text=["a"], summary=["b"], split=["dev"]),
        "line 1: the split is 'dev', not train, validation or test",
    ),
    "few": ("a.csv", b"text,summary,split\nA,B,train\n", "too small: it has no text for the test"),
}


@pytest.mark.parametrize("name, content, message", BAD.values(), ids=BAD)
def test_bad_tables_are_named(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    split = "split" if content and b"split" in content else None
    with pytest.raises(InputError, match=message):
        read(str(tmp_path / name), split=split)


def test_the_builtin_names_are_new_in_each_split():
    pairs = grammar.generate(0)
    assert pairs == grammar.generate(0) != grammar.generate(1)
    seen = {part: {w for _, s in some for w in s.split()} for part, some in pairs.items()}
    new = {word for word in seen["test"] - seen["train"] if word.istitle()}
    assert len(new) > 0.9 * len({word for word in seen["test"] if word.istitle()})
    for text, summary in pairs["test"]:  # all that is to be copied can be
        words = {*text.replace(",", "").replace(".", "").split()}
        assert {word for word in summary.split() if word.istitle()} <= words


def test_rouge_by_hand():
    found = rouge(["The cat sat."], ["the cat is on the mat"])
    # 2 of 3 words and 2 of 6; 1 of 2 bigrams and 1 of 5; the longest common subsequence is 2.
    expected = {"ROUGE-1": 4 / 9, "ROUGE-2": 2 / 7, "ROUGE-L": 4 / 9}
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], 100 * value)
    low, mean, high = rouge(["a b", "a", "x y"] * 4, ["a b", "b", "x z"] * 4)["ROUGE-1"]
    assert mean == pytest.approx(50) and low < 45 and high > 55


def test_extracts_have_a_number_of_words_and_the_order_of_the_text():
    sentences = ["One, two.", "Three four five!", "Six."]
    assert extract(sentences, [1, 0, 2], 4) == "one three four five"
    assert extract(sentences, [2], 4) == "six" and extract(sentences, range(3), 0) == ""


def test_the_central_sentence_is_like_the_others():
    texts = ["The red cup fell.", "A red cup of tea.", "Tea is hot.", "Nobody came.", "今日は"]
    rank = TextRank(texts)
    assert rank.order(texts)[0] == 1
    assert rank.order(["a"]) == [0] and sorted(rank.order(["日", "本"])) == [0, 1]


def test_the_oracle_finds_the_best_sentences():
    random = np.random.default_rng(0)
    vocabulary, scorer = [f"w{i}" for i in range(30)], RougeScorer(["rouge1", "rouge2"])

    def score(sentences, chosen, reference):
        text = "".join(f"{sentences[i]} " for i in chosen)
        return sum(each.fmeasure for each in scorer.score(reference, text).values())

    for _ in range(5):
        sentences = [" ".join(random.choice(vocabulary, 6, replace=False)) for _ in range(5)]
        target = f"{sentences[3]}. {sentences[1]}"
        subsets = [s for n in range(1, 4) for s in itertools.combinations(range(5), n)]
        best = max(subsets, key=lambda subset: score(sentences, subset, target))
        assert set(oracle(sentences, target)) == set(best) == {1, 3}
    assert oracle(["a b", "c"], "x y") == oracle([], "a") == []


def test_the_scorer_computes_the_equations():
    random = np.random.default_rng(0)
    H = random.normal(size=(2, 4, 3)).astype("float32")
    mask = np.array([[True] * 4, [True, True, True, False]])
    layer = SentenceScorer(3)
    layer.build((None, None, 3))
    for weight in layer.weights:
        weight.assign(random.normal(size=weight.shape))
    found = layer(H, mask=tf.constant(mask)).numpy()
    absolute, relative = layer.absolute.numpy(), layer.relative.numpy()
    for h, valid, logits in zip(H, mask, found):
        h = h[valid]
        document = np.tanh(h.mean(0) @ layer.document.kernel.numpy() + layer.document.bias.numpy())
        salience, summary = document @ layer.salience.kernel.numpy(), np.zeros(3)
        for j, z in enumerate(logits[valid]):
            expected = h[j] @ layer.content.kernel.numpy()[:, 0] + layer.content.bias.numpy()[0]
            expected += h[j] @ salience - h[j] @ (np.tanh(summary) @ layer.novelty.numpy())
            expected += absolute[min(j, 2)] + relative[10 * j // len(h)]
            assert z == pytest.approx(expected, rel=1e-4, abs=1e-5)
            summary = summary + h[j] / (1 + np.exp(-expected))


def test_only_sentences_count_in_the_loss():
    labels = tf.constant([[CHOSEN, SKIPPED, 0]])
    found = selection_loss(labels, tf.constant([[2.0, -1.0, 50.0]]))
    assert float(found) == pytest.approx((np.log1p(np.exp(-2)) + np.log1p(np.exp(-1))) / 2)


VOCABULARY = Vocabulary((*SPECIALS, "the", "cat", "sat", "￭."))
PAIRS = Summaries(["The cat sat. Zorba ran to Rome.", "Ada sat."], ["Zorba ran.", "Ada the qzxv"])


def test_sentences_become_ids_and_labels():
    config = SummarizationConfig(max_length=3, batch_size=2)
    (batch,) = TokenizedSummaries(config, VOCABULARY, PAIRS).batches()
    ids, labels = (each.numpy() for each in batch)
    assert ids.shape == (2, 16, 3) and not ids[:, 2:].any() and not labels[:, 2:].any()
    assert ids[0, :2].tolist() == [[4, 5, 6], [1, 1, 1]]
    assert labels[:, :2].tolist() == [[SKIPPED, CHOSEN], [CHOSEN, 0]]


def test_words_become_ids_of_copies():
    config = SummarizationConfig(model="abstractive", max_length=9, copies=2, batch_size=2)
    (batch,) = TokenizedSummaries(config, VOCABULARY, PAIRS).batches()
    ((source, tokens), target) = batch
    assert source.numpy().tolist() == [
        [8, 6, 7, 3, 0, 0, 0, 0, 0, 0, 0, 0], [4, 5, 6, 7, 8, 9, 1, 1, 7, 3, 0, 0],
    ]  # fmt: skip
    assert target.numpy().tolist() == [[8, 4, 1, 3], [8, 9, 7, 3]]
    assert tokens.numpy().tolist() == [[2, 8, 4, 1], [2, 8, 9, 7]]


def test_summaries_are_joined_sentences_or_words():
    probability = tf.constant([[0.1, 0.9, 0.9, 0.4], [0.5, 0, 0, 0]])
    text = tf.constant(["One cat. Two cats! Three; four? Five", "..."])
    extraction = Extraction(
        SummarizationConfig(ratio=0.5), VOCABULARY, lambda ids: {"probability": probability[:, :4]}
    )
    found = extraction.summarize(text)
    assert found["summary"].numpy().tolist() == [b"Two cats! Three; four?", b""]
    assert found["is_chosen"].numpy().tolist() == [[False, True, True, False], [False] * 4]
    one = extraction.summarize(text, sentences=1)["summary"].numpy().tolist()
    assert one == [b"Two cats!", b""]
    writer = Abstraction(
        SummarizationConfig(model="abstractive", copies=3), VOCABULARY,
        lambda ids: {"ids": tf.constant([[9, 5, 8, 7, 3]] * 2)},
    )  # fmt: skip
    found = writer.summarize(tf.constant(["Zorba the Greek", ""]))["summary"].numpy().tolist()
    assert found == [b"greek cat zorba.", b""]


def test_presets_are_valid_and_json_gives_them_back():
    for _, config in PRESETS.values():
        assert SummarizationConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch, use_plan("graph"):  # compiling takes longer
        patch.setenv("RNN_KERAS_RUNS", str(root))
        yield root


@pytest.fixture(scope="module")
def run(runs):
    """A small extractive run."""
    parts = grammar.generate(0)
    rows = [(*pair, part) for part, some in parts.items() for pair in some[:60]]
    texts, summaries, splits = zip(*rows)
    file = runs / "news.jsonl"
    file.write_bytes(jsonl(text=texts, summary=summaries, split=splits))
    train.main(
        ["tiny_extractive", "--data", str(file), "--split", "split", "--epochs", "2", "--units",
         "8", "--embedding", "8", "--run", "small"]
    )  # fmt: skip
    return Run.open("summarization", "small")


HARD = ["", " \n\t", "\x00\x07", "qzxv", "日本。今日は", "One. " * 200, "a" * 3_000]


@pytest.mark.slow
def test_both_files_choose_the_same_sentences(run, capsys, tmp_path):
    metrics = json.loads((run.path / "metrics.json").read_text())
    assert metrics["texts"] == 60 and 0 < metrics["rouge_1"] <= metrics["oracle_rouge_1"] + 5
    card = (run.path / "README.md").read_text("utf-8")
    for words in ("python -m apps.summarization.train tiny_extractive", "TextRank", "Reference:"):
        assert words in card
    for name in ("state.npz", "best.keras", "vocab.txt"):
        assert (run.path / name).exists()
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in ("config.json", "model.tflite", "saved_model"):
        copy = shutil.copytree if (run.path / name).is_dir() else shutil.copy
        copy(run.path / name, alone / name)
    said = []
    for source in ("saved_model", "litert"):
        summarize.main(
            [str(alone), *HARD, "One. Two. Three.", "--sentences", "2", "--from", source]
        )
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] and said[0].splitlines()[-1] in (
        "One. Two.", "One. Three.", "Two. Three.",
    )  # fmt: skip
    assert not foreign_operations(alone / "saved_model" / "1")
    served = tf.saved_model.load(str(alone / "saved_model" / "1")).signatures
    found = served["serving_default"](text=tf.constant([*HARD, "One. Two."]))
    assert found["summary"].numpy()[-1] in (b"One.", b"Two.")
    litert = LiteRTModel(run.tflite)
    for call in (signature(served["score"]), partial(litert.run, "score")):

        def score(ids, call=call):
            return call(ids=np.stack([ids] * 3, 1))

        ids = {"ids": np.full((2, 4), 5, np.int32)}
        check_outside_ids(score, ids, "ids", len(load(run).assets), 1)
        assert score(**ids)["probability"].shape == (2, 3)


@pytest.mark.slow
def test_evaluate_again_gives_the_same_scores(run):
    before = json.loads((run.path / "metrics.json").read_text())
    evaluate.main(["small"])
    assert json.loads((run.path / "metrics.json").read_text()) == before


BAD_WORDS = {
    "preset": (train, ["huge"], "unknown preset 'huge', choose from tiny, tiny_extractive, base"),
    "ratio": (train, ["tiny", "--ratio", "1"], "--ratio must be a number between 0 and 1"),
    "no run": (evaluate, ["nowhere"], "no run 'nowhere' of summarization"),
    "no text": (summarize, ["small"], "no text: give one or more texts"),
    "chosen": (summarize, ["small", "A.", "--sentences", "1"], "--sentences is for an extractive"),
    "no file": (summarize, ["small", "--file", "no.txt"], "no.txt not found"),
}


@pytest.mark.parametrize("command, arguments, message", BAD_WORDS.values(), ids=BAD_WORDS)
def test_bad_input_is_one_line(tmp_path, monkeypatch, capsys, command, arguments, message):
    monkeypatch.setenv("RNN_KERAS_RUNS", str(tmp_path))
    Run.create("summarization", SummarizationConfig(model="abstractive", run="small"))
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1


@pytest.mark.slow
def test_the_tiny_preset_copies_names_that_it_has_not_seen(runs, capsys):
    train.main(["tiny", "--run", "tiny"])
    run = Run.open("summarization", "tiny")
    metrics = json.loads((run.path / "metrics.json").read_text())
    assert metrics["rouge_2"] > 95 and metrics["first_sentence_rouge_2"] < 20
    text = "The mayor was late. In Qzxvel Ada Xyzzor was arrested on Monday for stealing a lamp."
    capsys.readouterr()
    said = []
    for source in ("saved_model", "litert"):
        summarize.main(["tiny", text, *HARD, "--from", source])
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] and said[0].startswith("ada xyzzor held over a stolen lamp\n")
    litert = LiteRTModel(run.tflite)
    ids = {"ids": np.array([[5, 6, 7, 3]], np.int32)}
    size = len(load(run).assets) + PRESETS["tiny"][1].copies
    served = tf.saved_model.load(str(run.saved_model / "1")).signatures["search"]
    for call in (signature(served), partial(litert.run, "search")):
        check_outside_ids(call, ids, "ids", size, 1)
