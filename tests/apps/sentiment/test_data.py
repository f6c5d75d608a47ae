"""From every kind of source to three parts that share no text."""

import functools
import gzip
import json
import lzma

import numpy as np
import pytest

from apps.common.errors import InputError
from apps.sentiment import grammar, reviews
from apps.sentiment.config import SentimentConfig
from apps.sentiment.data import load

TEXTS = ['Good, "really"\ngood', "bad", "Ça marche", "slow; dull"]
LABELS = ["1", "0", "1", "0"]


def csv(header="text,label", labels=LABELS, separator=","):
    rows = [
        '"' + text.replace('"', '""') + '"' + separator + label
        for text, label in zip(TEXTS, labels)
    ]
    return "\n".join([header.replace(",", separator), *rows]).encode()


def jsonl(**columns):
    rows = [dict(zip(columns, row)) for row in zip(*columns.values())]
    return "\n".join(json.dumps(row) for row in rows).encode() + b"\n"


@pytest.mark.parametrize(
    "name, content",
    [
        ("a.csv", b"\xef\xbb\xbf" + csv()),
        (
            "a.csv.gz",
            gzip.compress(csv("Review,Sentiment", ["positive", "Negative"] * 2), mtime=0),
        ),
        ("a.tsv", csv("sentence,polarity", ["1", "-1"] * 2, separator="\t")),
        ("bars.csv", csv("review|sentiment", ["pos", "neg"] * 2, separator="|")),
        ("semicolons.csv", csv("text;id;label", ["7;pos", "7;neg"] * 2, separator=";")),
        ("a.jsonl.xz", lzma.compress(jsonl(id=[1, 2, 3, 4], label=[1, 0, 1, 0], text=TEXTS))),
        ("a.jsonl", jsonl(text=TEXTS, label=[True, False, True, False])),
        ("a.JSONL", jsonl(text=TEXTS, label=[1.0, 0.0, 1.0, 0.0])),
    ],
)
def test_tables(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    train, test = reviews.read(str(tmp_path / name))
    assert train.texts == TEXTS and train.labels.tolist() == [1, 0, 1, 0] and test is None


def test_columns_of_any_name(tmp_path):
    (tmp_path / "a.csv").write_bytes(csv("Words,Stars"))
    assert len(reviews.read(str(tmp_path / "a.csv"), "words", "stars")[0]) == 4


def test_the_folder_of_acl_imdb(tmp_path):
    for part in ("train", "test"):
        for name in ("neg", "pos", "unsup"):
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(2):
                (tmp_path / part / name / f"{i}_7.txt").write_text(f"{part} {name} {i}")
    train, test = reviews.read(str(tmp_path))
    assert train.texts == ["train neg 0", "train neg 1", "train pos 0", "train pos 1"]
    assert test.labels.tolist() == [0, 0, 1, 1]


def test_a_folder_of_two_tables(tmp_path):
    (tmp_path / "my_train.jsonl.xz").write_bytes(lzma.compress(jsonl(text=TEXTS, label=LABELS)))
    (tmp_path / "my_test.csv").write_bytes(csv())
    (tmp_path / "train.md").write_text("about it")
    train, test = reviews.read(str(tmp_path))
    assert train.texts == test.texts == TEXTS


BAD = {
    "missing": ("no.csv", None, "no.csv not found: give 'builtin', "),
    "another kind": ("a.txt", b"text", "a.txt is not a table; give"),
    "empty": ("a.csv", b" \n", "is empty"),
    "header only": ("a.csv", b"text,label\n", "has a header and no rows"),
    "ragged": ("a.csv", b"text,label\na,0\nb,1,2,3\n", "cannot be read as a table"),
    "no text column": ("a.csv", csv("words,label"), "has no column 'text' or .* it has 'words'"),
    "no label column": ("a.tsv", csv("text,stars", separator="\t"), "with --label-column"),
    "one class": ("a.csv", csv(labels=["1"] * 4), "there is no negative review"),
    "three classes": ("a.csv", csv(labels=["1", "0", "2", "0"]), "two classes.* '0', '1', '2'$"),
    "-1 and 0": ("a.csv", csv(labels=["1", "0", "-1", "0"]), "are '-1', '0', '1'$"),
    "text as labels": ("a.csv", csv(labels=TEXTS[1:] + ["x"]), "two classes"),
    "no text": ("a.jsonl", jsonl(text=["a", " "], label=[0, 1]), "line 2: there is no text;"),
    "null text": ("a.jsonl", jsonl(text=["a", None], label=[0, 1]), "line 2: there is no text;"),
    "no label": ("a.csv", b'text,label\n"a\nb",0\n\n"c\n",1\nd,\n', "line 7: there is no label; r"),
    "cut row": ("a.tsv", b"text\tlabel\na\t0\nb\n", "line 3: there is no label; remove this"),
    "null label": ("a.jsonl", b"\n" + jsonl(text=["a"], label=[None]), "line 2: there is no label"),
    "not JSON": ("a.jsonl", b'{"text": "a", "label": 1}\n{', "line 2 is not JSON"),
    "no object": ("a.jsonl", b'["a", 1]\n', "line 1 is not a JSON object"),
    "other keys": ("a.jsonl", b'{"text": "a", "label": 1}\n{"text": "b"}', "line 2 has the keys"),
    "not UTF-8": ("a.csv", "text,label\né,1".encode("latin1"), "is not UTF-8"),
    "not packed": ("a.csv.gz", csv(), "cannot read"),
    "folder without": ("folder", None, "one table named \\*train\\*; .* has none"),
    "folder with two": ("train", csv(), "has 2: a_train.csv, b_train.csv"),
    "half of aclImdb": ("acl", None, "neg has no .txt files"),
}  # fmt: skip


@pytest.mark.parametrize("name, content, message", BAD.values(), ids=BAD)
def test_unusable_sources_are_one_line(tmp_path, name, content, message):
    path = tmp_path / name
    if name in ("folder", "train", "acl"):
        path.mkdir()
    if name == "train":
        for first in "ab":
            (path / f"{first}_train.csv").write_bytes(content)
    elif name == "acl":
        (path / "train").mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        reviews.read(str(path))
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_tfds_official_splits(monkeypatch, tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    builder = functools.partial(tfds.builder, data_dir=tmp_path)
    monkeypatch.setattr(tfds, "builder", builder)
    with tfds.testing.mock_data(num_examples=20):
        train, test = reviews.read("tfds:imdb_reviews")
    assert len(train) == len(test) == 20 and set(train.labels) == {0, 1}
    with pytest.raises(InputError, match="no 'text' feature"):
        reviews.read("tfds:mnist")


def test_the_grammar_is_a_function_of_its_seed_and_repeats_no_sentence():
    train, test = grammar.generate(3)
    again, other = grammar.generate(3)[0], grammar.generate(4)[0]
    assert train.texts == again.texts != other.texts
    assert len(set(train.texts)) == grammar.TRAIN and len(set(test.texts)) == grammar.TEST
    for part in (train, test):
        assert 0.45 < part.labels.mean() < 0.55
    sentences = [{s for text in part.texts for s in text.split(". ")} for part in (train, test)]
    sentences = [{s.removesuffix(".") for s in part} for part in sentences]
    assert not sentences[0] & sentences[1]


@pytest.mark.parametrize("source", ["builtin", "table"])
def test_no_text_is_in_two_parts(tmp_path, source):
    path = "builtin"
    if source == "table":
        path = str(tmp_path / "a.jsonl")
        texts = [f"review number {i % 300}" + " " * (i // 300) for i in range(600)]
        labels = [i % 300 % 2 for i in range(600)]
        (tmp_path / "a.jsonl").write_bytes(jsonl(text=texts, label=labels))
    data = load(SentimentConfig(data=path, validation_fraction=0.2))
    parts = [{text.strip() for text in p.texts} for p in (data.train, data.validation, data.test)]
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
    if source == "table":
        sizes = [len(part) for part in parts]
        assert sum(sizes) == 300 and sizes == pytest.approx([180, 60, 60], abs=25)
        assert "no test part" in data.about
        assert sum(map(len, (data.train, data.validation, data.test))) == 600


def test_the_split_depends_on_its_own_seed_alone():
    first, same, other = (
        load(SentimentConfig(seed=seed, split_seed=split_seed))
        for seed, split_seed in [(0, 0), (1, 0), (0, 1)]
    )
    assert first.sha256 == same.sha256 != other.sha256
    assert first.about.startswith("The source has a test part; 10% ")


def test_neighbours_and_copies_stay_together(tmp_path):
    texts = [f"text {i}" for i in range(1000)]
    texts[702] = "Text  0"
    labels = [i // 2 % 2 for i in range(1000)]
    (tmp_path / "a.jsonl").write_bytes(jsonl(text=texts, label=labels))
    data = load(SentimentConfig(data=str(tmp_path / "a.jsonl")))
    parts = data.train, data.validation, data.test
    assert sum(map(len, parts)) == 1000
    part_of = {" ".join(t.lower().split()): n for n, part in enumerate(parts) for t in part.texts}
    together = [part_of[f"text {i}"] == part_of[f"text {i + 1}"] for i in range(0, 998, 4)]
    assert all(together)  # runs of 1000 * .1 / 25 = 4
    assert len({part_of[f"text {i}"] for i in range(0, 998, 4)}) == 3


def test_official_parts_that_share_a_text_say_so(tmp_path):
    train = [f"text {i}" for i in range(100)]
    test = [f"text {i}" for i in range(90, 110)]
    for name, texts in (("train.jsonl", train), ("test.jsonl", test)):
        labels = [i % 2 for i in range(len(texts))]
        (tmp_path / name).write_bytes(jsonl(text=texts, label=labels))
    data = load(SentimentConfig(data=str(tmp_path), validation_fraction=0.2))
    assert "10 of the test reviews occur in the training part, too." in data.about


def test_too_few_to_split(tmp_path):
    (tmp_path / "a.csv").write_bytes(csv())
    with pytest.raises(InputError, match="too small to be split: the .* part has"):
        load(SentimentConfig(data=str(tmp_path / "a.csv")))


@pytest.mark.slow
def test_the_official_imdb(shared_data):
    data = load(SentimentConfig(data=str(shared_data / "imdb")))
    assert len(data.train) + len(data.validation) == len(data.test) == 25_000
    assert data.test.labels.sum() == 12_500
    assert "of the test reviews occur in the training part" in data.about
    np.testing.assert_allclose(data.validation.labels.mean(), 0.5, atol=0.03)
