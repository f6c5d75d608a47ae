"""Tagged sentences from every kind of source, and the baselines that are trained on them."""

import functools
import lzma

import pytest

from apps.common.errors import InputError
from apps.ner.baselines import feature_crf, tag_per_word
from apps.ner.report import confusion, f1_by_frequency, worst_sentences
from apps.ner.sentences import Sentence, argument_sentences, read_corpus, read_file
from rnn_keras.metrics import Entity

IOB1 = b"-DOCSTART- -X- O O\n\nEU NNP I-NP I-ORG\nis VBZ I-VP O\n\nAnn NNP I-NP I-PER\n"
EU, ANN = Sentence(("EU", "is"), (Entity(0, 1, "ORG"),), 1), (("Ann",), (Entity(0, 1, "PER"),))


@pytest.mark.parametrize(
    "name, content, note",
    [
        ("a.conll", IOB1, "IOB1"),
        ("a.txt", IOB1.replace(b"\n", b"\r\n").replace(b"I-ORG", b"B-ORG"), "IOB2"),
        ("a.xz", lzma.compress(b"\xef\xbb\xbf" + IOB1.replace(b"\n\n", b"\n \n\n")), "IOB1"),
        ("a.tsv", b"EU\tB-ORG\nis\tO\n\nAnn\tB-PER", "IOB2"),
        ("a.conll", b"EU S-ORG\nis O\n\nAnn S-PER\n", "IOBES"),
        ("a.conll", b"EU U-ORG\nis O\n\nAnn U-PER\n", "BILOU"),
        (
            "a.jsonl",
            b'{"tokens": ["EU", "is"], "tags": ["B-ORG", "O"], "id": 1}\n\n'
            b'{"tokens": ["Ann"], "tags": ["B-PER"]}\n',
            "IOB2",
        ),
    ],
)
def test_files(tmp_path, name, content, note):
    (tmp_path / name).write_bytes(content)
    sentences, about = read_file(tmp_path / name)
    assert [s[:2] for s in sentences] == [EU[:2], ANN]
    assert about.startswith(f"{name} has {note} tags")
    assert ("broken in 1 sentences, first in line" in about) == (name == "a.txt")


def test_the_scheme_is_told_by_entities_that_touch(tmp_path):
    for scheme, tags in {
        "IOB1": "I-X B-X I-X",
        "IOB2": "B-X B-X I-X",
        "IOBES": "S-X B-X E-X",
    }.items():
        lines = "".join(f"word {tag}\n" for tag in tags.split())
        (tmp_path / "a.conll").write_text(lines)
        ((sentence,), note) = read_file(tmp_path / "a.conll")
        assert note == f"a.conll has {scheme} tags"
        assert sentence.entities == (Entity(0, 1, "X"), Entity(1, 3, "X"))


BAD = {
    "missing": ("no.conll", None, "no.conll not found: give 'builtin', "),
    "empty": ("a.conll", b"\n-DOCSTART- O\n", "has no sentence"),
    "columns": ("a.conll", b"EU NNP O\nis O\n", "line 2: 2 columns, not 3 as above"),
    "no tag": ("a.conll", b"\nEU\nis\n", "line 2: 1 columns, not a token and a tag"),
    "no such tag": ("a.conll", b"a O\n\nEU O\nis VBZ\n", "line 4: 'VBZ' is no tag such as O or"),
    "no type": ("a.conll", b"EU B-\n", "line 1: 'B-' is no tag"),
    "not JSON": ("a.jsonl", b'{"tokens": ["EU"], "tags": ["O"]}\n{', 'line 2 is not {"tokens":'),
    "fewer tags": ("a.jsonl", b'{"tokens": ["EU", "is"], "tags": ["O"]}', "line 1 is not"),
    "no tokens": ("a.jsonl", b'{"tokens": [], "tags": []}', "line 1 is not"),
    "JSON tag": ("a.jsonl", b'{"tokens": ["EU"], "tags": ["X"]}', "line 1: 'X' is no tag"),
    "not UTF-8": ("a.conll", b"caf\xe9 O", "is not UTF-8"),
    "no entity": ("a.conll", b"a O\n\nb O\n\nc O\n", "part of 2 sentences has no entity"),
    "no train": ("folder", None, "must have one file of the train part, it has none"),
    "two": ("train", None, "part, it has a.dev, b.testa"),
}  # fmt: skip


@pytest.mark.parametrize("name, content, message", BAD.values(), ids=BAD)
def test_unusable_sources_are_one_line(tmp_path, name, content, message):
    path = tmp_path / name
    if name in ("folder", "train"):
        path.mkdir()
    for file in ("a.train", "a.dev", "b.testa") if name == "train" else ():
        (path / file).write_bytes(IOB1)
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_corpus(str(path), dict, 0.4, 0)
    assert message in str(caught.value) and str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_parts_of_a_folder_and_of_one_file(tmp_path):
    for name in ("eng.train", "eng.testa", "eng.testb"):
        (tmp_path / name).write_bytes(IOB1)
    corpus = read_corpus(str(tmp_path), dict, 0.1, 0)
    assert len(corpus.train) == len(corpus.validation) == len(corpus.test) == 2
    assert len(corpus.notes) == 3
    (tmp_path / "eng.testb").unlink()
    corpus = read_corpus(str(tmp_path), dict, 0.1, 0)
    assert corpus.test is corpus.validation
    documents = b"".join(b"-DOCSTART- O\n\nn%d B-X\n\nm O\n\n" % i for i in range(10))
    (tmp_path / "a.conll").write_bytes(documents)
    first, same, other = (
        read_corpus(str(tmp_path / "a.conll"), dict, 0.3, seed) for seed in (0, 0, 1)
    )
    assert (len(first.train), len(first.validation)) == (14, 6)
    assert not {s.document for s in first.train} & {s.document for s in first.validation}
    assert first.sha256 == same.sha256 != other.sha256


def test_tokens_to_tag_need_no_tags(tmp_path):
    (tmp_path / "a.conll").write_bytes(b"EU\nis\n\nAnn\n")
    (tmp_path / "a.jsonl").write_bytes(b'{"tokens": ["EU", "is"]}\n')
    (tmp_path / "a.txt").write_bytes(b"EU is\nAnn\n")
    assert argument_sentences(["x"], tmp_path / "a.conll") == ["x", "EU is", "Ann"]
    assert argument_sentences([], tmp_path / "a.jsonl") == ["EU is"]
    assert argument_sentences([], tmp_path / "a.txt") == ["EU is", "Ann"]


def test_tfds(monkeypatch, tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    monkeypatch.setattr(tfds, "builder", functools.partial(tfds.builder, data_dir=tmp_path))
    with tfds.testing.mock_data(num_examples=20):
        corpus = read_corpus("tfds:conll2003", dict, 0.1, 0)
    assert {type(token) for s in corpus.train for token in s.tokens} == {str}
    assert corpus.test is not corpus.validation


TRAIN = [
    Sentence(("Ann", "met", "Bo", "in", "Rome"), (Entity(0, 1, "P"), Entity(4, 5, "L"))),
    Sentence(("Rome", "met", "Ann"), (Entity(0, 1, "L"), Entity(2, 3, "P"))),
]


def test_baselines():
    test = [Sentence(("Ann", "in", "Oslo"), (Entity(0, 1, "P"), Entity(2, 3, "L")))]
    assert tag_per_word(TRAIN, test) == [[Entity(0, 1, "P")]]
    places = ["Rome", "Paris", "Madrid", "Lima", "Bonn", "Quito", "Dakar", "Hanoi"]
    train = [Sentence((*s.tokens[:-1], place), s.entities) for s in TRAIN[:1] for place in places]
    assert feature_crf(train * 3, test) == [list(test[0].entities)]


def test_reports():
    true = [sentence.entities for sentence in TRAIN]
    found = [[Entity(0, 1, "L"), Entity(3, 5, "L")], [Entity(0, 1, "L")]]
    rows = {row.pop("true"): row for row in confusion(true, found)}
    assert rows["P"] == {"L": 1, "P": 0, "other bounds": 0, "missed": 1}
    assert rows["L"] == {"L": 1, "P": 0, "other bounds": 1, "missed": 0}
    first, second = worst_sentences(TRAIN, found)
    assert first["sentence"] == "Ann met Bo in Rome" and second["wrong"] == "−P Ann"
    assert first["wrong"] == "+L Ann, −P Ann, +L in Rome, −L Rome"
    once, twice = f1_by_frequency(TRAIN[:1], TRAIN, {"it": found})[-1], TRAIN * 2
    assert once == {"frequency": "1", "entities": 4, "it": pytest.approx(2 * 1 / (4 + 2))}
    assert f1_by_frequency(twice, TRAIN, {"it": true})[0]["frequency"] == "2–5"


@pytest.mark.slow
def test_conll_2003_has_the_published_numbers(shared_data):
    corpus = read_corpus(str(shared_data / "ner"), dict, 0.1, 0)
    for part, sentences, tokens, entities in (
        (corpus.train, 14_041, 203_621, 23_499),
        (corpus.validation, 3_250, 51_362, 5_942),
    ):
        assert len(part) == sentences and sum(len(s.tokens) for s in part) == tokens
        assert sum(len(s.entities) for s in part) == entities
