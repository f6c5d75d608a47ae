"""From every kind of source to three parts that share no source sentence."""

import functools
import gzip
import lzma
import random
import re
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from apps.common.errors import InputError
from apps.translation import grammar, pairs
from apps.translation.batches import TokenizedPairs
from apps.translation.config import TranslationConfig
from apps.translation.data import load
from apps.translation.text import BOS_ID, EOS_ID, PAD_ID, SPECIALS, make_tokenizer
from rnn_keras.text import Vocabulary

TABLE = "Go.\tVa\u202f!\tCC-BY 2.0 #1\n\nWait\u2028here.\tAttends ici.\r\nGo.\tMarche.\n".encode()
SOURCES, TARGETS = ["Go.", "Wait\u2028here.", "Go."], ["Va\u202f!", "Attends ici.", "Marche."]


def zipped(path, **files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/_").replace("_txt", ".txt"), content)
    return path.read_bytes()


def parallel(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, lines in files.items():
        (folder / name.replace("__", ".")).write_text("".join(f"{line}\n" for line in lines))
    return folder


def read(path, **flags):
    return pairs.read(TranslationConfig(data=str(path), **flags))


@pytest.mark.parametrize("name", ["a.txt", "a.tsv.gz", "a.xz", "a.zip"])
def test_tables(tmp_path, name):
    packed = {"gz": gzip.compress, "xz": lzma.compress}.get(name.rsplit(".")[-1], bytes)(TABLE)
    if name == "a.zip":
        packed = zipped(tmp_path / name, fra_txt=TABLE, fra__about_txt="about")
    (tmp_path / name).write_bytes(packed)
    (part,) = read(tmp_path / name).values()
    assert part == pairs.Pairs(SOURCES, TARGETS) and len(part) == 3
    assert part.distinct_sources == SOURCES[:2]
    assert part.references == [["Va\u202f!", "Marche."], ["Attends ici."]]
    (reverse,) = read(tmp_path / name, reverse=True).values()
    assert reverse == pairs.Pairs(TARGETS, SOURCES)


def test_a_folder_of_parallel_files(tmp_path):
    parallel(tmp_path, train__en=SOURCES, train__de=TARGETS, val__en="ab", val__de="xy")
    parallel(tmp_path, test_1__en="a", test_1__de="x", test_2__en="b")
    (tmp_path / "test_2.de.gz").write_bytes(gzip.compress(b"y"))
    (tmp_path / "test_3.fr").write_text("another language")
    parts = read(tmp_path, target="de", test_set="test_2")
    assert parts["train"] == pairs.Pairs(SOURCES, TARGETS)
    assert (parts["validation"].targets, parts["test"].targets) == (["x", "y"], ["y"])
    assert read(tmp_path, source="de", target="en", test_set="test_2")["test"].sources == ["y"]
    with pytest.raises(InputError, match="test_1, test_2: name one of them with --test-set"):
        read(tmp_path, target="de")
    with pytest.raises(InputError, match="has no test_9.en"):
        read(tmp_path, target="de", test_set="test_9")
    with pytest.raises(InputError, match="--reverse is for a tab-separated file"):
        read(tmp_path, target="de", reverse=True)


@pytest.mark.parametrize("separator", ["|", " ||| "])
def test_a_table_without_tabs_may_have_bars(tmp_path, separator):
    lines = [["Go.", "Va !", "CC-BY"], [], ["Wait.", "Attends."]]
    (tmp_path / "a.txt").write_text("\n".join(map(separator.join, lines)))
    found = read(tmp_path / "a.txt")["train"]
    assert (found.sources, found.targets) == (["Go.", "Wait."], ["Va !", "Attends."])


BAD = {
    "missing": ("no.txt", None, "not found: give 'builtin', "),
    "no tab": ("a.txt", b"Go.\tVa !\nGo away.", "line 2 has no tab; give a file with a"),
    "no bar": ("a.txt", b"Go.|Va !\nGo away.\tVa.", "line 2 has no '|'; give a file with a"),
    "no translation": ("a.txt", b"a\tb\n\nGo.\t \tCC-BY", "line 3: there is no word in the trans"),
    "no source": ("a.txt", b"a\tb\n\tVa !", "line 2: there is no word in the source; remove this"),
    "no letter": ("a.txt", "a\tb\nc\t\x07\u200b￭\n".encode(), "line 2: there is no word in the t"),
    "empty": ("a.txt", b" \n\n", "has no pairs"),
    "not UTF-8": ("a.txt", "été\tsummer".encode("latin1"), "is not UTF-8"),
    "not packed": ("a.txt.xz", TABLE, "cannot read"),
    "no zip": ("a.zip", TABLE, "cannot read"),
    "zip of two": ("b.zip", dict(a_txt=TABLE, b_txt=TABLE), "must hold one .txt or .tsv, it has 2"),
    "no train": ("folder", dict(val__en="a", val__fr="b"), "has no train.en and train.fr"),
    "one language": ("folder", dict(train__en="a"), "train.fr is missing, the other half"),
    "unpaired": ("folder", dict(train__en="abc", train__fr="xy"), "en has 3 lines and .*fr has 2"),
    "empty side": ("folder", dict(train__en=["a", "b"], train__fr=["", "x"]), "line 1: there is "),
}  # fmt: skip


@pytest.mark.parametrize("name, content, message", BAD.values(), ids=BAD)
def test_unusable_sources_are_one_line(tmp_path, name, content, message):
    path = tmp_path / name
    if name == "folder":
        parallel(path, **content)
    elif isinstance(content, dict):
        zipped(path, **content)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_tfds(monkeypatch, tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    builder = functools.partial(tfds.builder, data_dir=tmp_path)
    monkeypatch.setattr(tfds, "builder", builder)
    with tfds.testing.mock_data(num_examples=20):
        parts = pairs.read(TranslationConfig(data="tfds:wmt14_translate/fr-en"))
    assert {name: len(part) for name, part in parts.items()} == dict.fromkeys(pairs.PARTS, 20)
    with pytest.raises(InputError, match="no 'en' feature"):
        pairs.read(TranslationConfig(data="tfds:imdb_reviews"))


def table_of(tmp_path, lines):
    (tmp_path / "a.tsv").write_text("\n".join(f"{source}\t{target}" for source, target in lines))
    return str(tmp_path / "a.tsv")


def keys(part):
    return {source.lower().replace(" ", "") for source in part.sources}


@pytest.mark.parametrize("subset", [None, "first", "random"])
def test_no_source_is_in_two_parts(tmp_path, subset):
    lines = [(form(f"S'é {i}"), f"{form} {i}") for i in range(100) for form in (str, str.upper)]
    lines += [(f"sʼe\u0301\u200b \x07 {i}", f"again {i}") for i in range(100)]
    data = table_of(tmp_path, lines)
    config = TranslationConfig(data=data, validation_fraction=0.1, test_fraction=0.2)
    if subset:
        config = replace(config, limit=60, subset=subset)
    corpus = load(config)
    parts = [corpus.train, corpus.validation, corpus.test]
    sources = [{source.split()[-1] for source in part.sources} for part in parts]
    assert [len(part) for part in sources] == {
        None: [70, 10, 20],
        "first": [30, 3, 6],
        "random": [20, 2, 4],
    }[subset]
    assert len(set.union(*sources)) == sum(map(len, sources))
    if subset == "first":
        assert corpus.train == pairs.Pairs(*map(list, zip(*lines[:60])))
        assert sources[1] | sources[2] == set(map(str, range(30, 39)))  # the nearest ones
        assert corpus.about.startswith("Only 60 of 300 pairs are trained on, the first.")
    elif subset == "random":
        rows = [lines.index(pair) for pair in zip(corpus.train.sources, corpus.train.targets)]
        assert len(rows) == 60 and rows == sorted(rows) and 250 < rows[-1]
        assert corpus.about.startswith("Only 60 of 300 pairs are trained on, sampled at random.")
    else:
        assert sum(map(len, parts)) == 300
    assert load(config).sha256 == corpus.sha256
    other = load(TranslationConfig(**config.to_json() | {"split_seed": 1}))
    assert other.sha256 != corpus.sha256


def test_all_translations_of_a_source_are_its_references_however_it_is_written():
    part = pairs.Pairs(
        ["Go.", "Wait", "GO. ", "go\u200b."], ["Va !", "Attends", "Marche.", "Pars."]
    )
    assert part.distinct_sources == ["Go.", "Wait", "go\u200b."]  # a blank parts words
    assert part.references == [["Va !", "Marche."], ["Attends"], ["Pars."]]


def test_official_parts_are_kept_and_training_pairs_left_out(tmp_path):
    parallel(tmp_path, train__en=["Go.", "a b c", "a", "b"], train__fr="wxyz")
    parallel(tmp_path, test__en=["go."], test__fr="x", val__en=["GO.", "d"], val__fr="xy")
    corpus = load(TranslationConfig(data=str(tmp_path), max_pair_length=2))
    assert corpus.train.sources == ["a", "b"]
    assert corpus.validation.sources == ["d"] and corpus.test.sources == ["go."]
    assert corpus.about == (
        "The data has its own validation and test pairs. Pairs left out because a later part has "
        "their source: 1 of validation and 1 of train. 1 pairs of more than 2 words on a side are "
        "not trained on."
    )


def test_too_few_to_split(tmp_path):
    with pytest.raises(InputError, match="too small to be split: no pair is left to train"):
        load(TranslationConfig(data=table_of(tmp_path, [("a", "b"), ("b", "c")])))


def test_the_grammar_is_a_function_of_its_seed_and_gives_each_sentence_one_translation():
    first, again, other = (grammar.generate(seed) for seed in (3, 3, 4))
    assert first == again != other
    assert len(first) == len(first.distinct_sources) == grammar.COUNT
    french = dict(zip(first.sources, first.targets))
    assert all(french.get(s, t) == t for s, t in zip(other.sources, other.targets))
    assert all(len(text.split()) <= grammar.MAX_WORDS for text in first.sources + first.targets)


CORRECT = {
    "We never wait for this old man.": "Nous n'attendons jamais ce vieil homme.",
    "This beautiful bird found the beautiful black cow.": (
        "Ce bel oiseau a trouvé la belle vache noire."
    ),
    "They did not eat an orange.": "Ils n'ont pas mangé d'orange.",
    "Did his sister like her?": "Est-ce que sa sœur l'a aimée\u00a0?",
    "His dog waited for them.": "Son chien les a attendus.",
    "Is she happy?": "Est-ce qu'elle est contente\u00a0?",
    "He came back from the market yesterday.": "Il est revenu du marché hier.",
    "His old cows never went to the church.": (
        "Ses vieilles vaches ne sont jamais allées à l'église."
    ),
    "My orange is not red.": "Mon orange n'est pas rouge.",
    "This little black cat did not go to the station.": (
        "Ce petit chat noir n'est pas allé à la gare."
    ),
    "A cat will not come back from the market tomorrow.": (
        "Un chat ne reviendra pas du marché demain."
    ),
}


def test_french_of_the_grammar():
    """What French does and English does not, in sentences that the first seeds write."""
    french = {}
    for seed in range(3):
        pairs_ = grammar.generate(seed)
        french |= dict(zip(pairs_.sources, pairs_.targets))
    assert {english: french[english] for english in CORRECT} == CORRECT
    text = "\n".join(french.values())
    assert not re.search(r"(?i)\b([ljnd]|qu)[ea] [aeiouhàéèêœ]", text)
    assert not re.search(r"(?i)\b(ma|sa|ce|beau|vieux) (homme|oiseau|enfant|orange|œuf)\b", text)
    assert not re.search(r"\b(à|de) le\b", text)


PAIR = pairs.Pairs(["a b c d a b c d"], ["d c b a d c b a"])


def config_of_words(**flags):
    return TranslationConfig(tokens="word", batch_size=4, bucket=3, **flags)


def corpus_of(config, count=30):
    random_ = random.Random(0)
    lines = [
        [" ".join(random_.choices("abcd", k=random_.randint(0, 9))) for _ in range(count)]
        for _ in range(2)
    ]
    tokenizer = make_tokenizer(Vocabulary((*SPECIALS, "a", "b", "c", "d")), config)
    return tokenizer, pairs.Pairs(*lines)


def test_batches_hold_every_pair_once_and_shift_the_target():
    config = config_of_words()
    tokenizer, part = corpus_of(config)
    encoded = TokenizedPairs(config, tokenizer, tokenizer, part)
    seen = []
    for (source, decoder_input), target in encoded.batches(epoch=0):
        assert source.dtype == decoder_input.dtype == target.dtype == tf.int32
        assert source.shape[1] % 3 == target.shape[1] % 3 == 0
        for ids, started, goal in zip(source.numpy(), decoder_input.numpy(), target.numpy()):
            length = list(goal).index(EOS_ID) + 1
            assert started[0] == BOS_ID and (started[1:length] == goal[: length - 1]).all()
            assert (started[length:] == PAD_ID).all() and (goal[length:] == PAD_ID).all()
            assert np.count_nonzero(ids == EOS_ID) == 1 and ids[np.count_nonzero(ids) - 1] == EOS_ID
            seen.append(tuple(tokenizer.decode(each).numpy().decode() for each in (ids, goal)))
    assert sorted(seen) == sorted(zip(part.sources, part.targets))
    assert encoded.tokens == sum(len(target.split()) + 1 for target in part.targets)


def test_only_sources_are_cut():
    """A target that was would teach that a sentence ends anywhere."""
    config = config_of_words(max_length=3)
    tokenizer, _ = corpus_of(config)
    ((source, _), target) = next(iter(TokenizedPairs(config, tokenizer, tokenizer, PAIR).batches()))
    assert tokenizer.decode(source).numpy() == [b"a b c"]
    assert tokenizer.decode(target).numpy() == [b"d c b a d c b a"]


def test_the_order_is_drawn_from_seed_and_epoch():
    def order(epoch, seed=0):
        config = config_of_words(seed=seed)
        tokenizer, part = corpus_of(config)
        batches = TokenizedPairs(config, tokenizer, tokenizer, part).batches(epoch)
        return [source.numpy().tolist() for (source, _), _ in batches]

    assert order(1) == order(1) and order(None) == order(None)
    assert len({str(order(*which)) for which in [(0,), (1,), (0, 1), (None,)]}) == 4


@pytest.mark.slow
def test_the_official_multi30k(shared_data):
    folder = shared_data / "translation" / "multi30k_task1_raw"
    corpus = load(TranslationConfig(data=str(folder)))
    assert [len(p) for p in (corpus.train, corpus.validation, corpus.test)] == [
        28_999,
        1_014,
        1_000,
    ]
    assert corpus.test.sources[0] == "A man in an orange hat starring at something."


def test_tatoeba(shared_data):
    config = TranslationConfig(data=str(shared_data / "translation" / "fra-eng.zip"), limit=600)
    assert np.mean([len(s.split()) for s in load(config).train.sources]) > 5  # as in all pairs
    corpus = load(replace(config, subset="first"))
    assert len(corpus.train) == 600
    assert dict(zip(corpus.train.sources, corpus.train.targets))["I lost."] == "J'ai perdu."
    parts = [keys(corpus.train), keys(corpus.validation), keys(corpus.test)]
    assert len(set.union(*parts)) == sum(map(len, parts))
