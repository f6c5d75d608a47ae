import functools
import gzip
import hashlib
import json
import lzma
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.char_lm import batches, data
from apps.char_lm.config import D2L_STEPS, CharLMConfig
from apps.common.errors import InputError
from rnn_keras.data import contiguous_streams, sliding_windows
from rnn_keras.text import Vocabulary

TEXT = "Καλημέρα κόσμε! é e\u0301 😀 \u2028 end\n"


def test_builtin_is_prose_of_some_length():
    text = data.load_text("builtin")
    assert len(text) > 200_000 and "\r" not in text and "assert" in text


@pytest.mark.parametrize(
    "name, pack", [("a.txt", bytes), ("a.gz", gzip.compress), ("a.xz", lzma.compress)]
)
def test_file_of_any_script_is_kept_as_it_is(tmp_path, name, pack):
    (tmp_path / name).write_bytes(pack(b"\xef\xbb\xbf" + TEXT.encode()))
    assert data.load_text(str(tmp_path / name)) == TEXT


def test_line_ends_become_line_feeds(tmp_path):
    (tmp_path / "a").write_bytes(b"a\r\nb\rc\n\r\n")
    assert data.load_text(str(tmp_path / "a")) == "a\nb\nc\n\n"


def test_folder_joins_its_txt_files_by_name(tmp_path):
    for name, content in {"b.txt": "B", "a.txt": "\ufeffA", "c.md": "C"}.items():
        (tmp_path / name).write_text(content, "utf-8")
    assert data.load_text(str(tmp_path)) == "A\nB"


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("missing", None, "not found"),
        ("a.txt/below-a-file", None, "Not a directory"),
        ("empty", b"", "is empty"),
        ("only-bom", b"\xef\xbb\xbf", "is empty"),
        ("latin1", "naïve".encode("latin1"), "not UTF-8: byte 0xef at offset 2"),
        ("bom-and-latin1", b"\xef\xbb\xbfab\xff", "not UTF-8: byte 0xff at offset 5"),
        ("utf16", "hi".encode("utf-16"), "not UTF-8: byte 0xff at offset 0"),
        ("not.gz", b"text", "cannot read"),
        ("cut.gz", gzip.compress(b"text", mtime=0)[:-4], "cannot read"),
        ("bad.gz", gzip.compress(b"text" * 9, mtime=0)[:10] + b"\xff" * 9, "cannot read"),
        ("not.xz", b"text", "cannot read"),
        ("cut.xz", lzma.compress(b"text")[:-4], "cannot read"),
        ("", None, "folder without .txt files"),
    ],
)
def test_unusable_path_is_one_line(tmp_path, name, content, message):
    if name.startswith("a.txt"):
        (tmp_path / "a.txt").touch()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        data.load_text(str(tmp_path / name))
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


def test_an_empty_source_is_not_the_current_folder():
    with pytest.raises(InputError, match="the data source is empty"):
        data.load_text("")


@pytest.mark.skipif(os.name == "nt", reason="POSIX names")
def test_a_name_too_long_for_the_file_system_is_one_line():
    with pytest.raises(InputError, match="cannot read"):
        data.load_text("x" * 5000)


@given(st.lists(st.text()), st.sampled_from([0.05, 0.1, 0.25, 0.5]))
def test_a_text_in_chunks_is_cut_once_and_loses_nothing(chunks, fraction):
    text = "".join(chunks)
    cut = data.split_point(len(text), fraction)
    parts = {"train": "", "validation": ""}
    for part, piece in data.split_chunks(chunks, cut):
        assert piece and not (part == "train" and parts["validation"])
        parts[part] += piece
    assert parts == {"train": text[:cut], "validation": text[cut:]}
    assert cut == int(len(text) * (1 - fraction))


@pytest.mark.parametrize("fraction", [0, 1, -0.1, float("nan")])
def test_the_validation_fraction_is_between_0_and_1(fraction):
    with pytest.raises(InputError, match="between 0 and 1"):
        data.split_point(100, fraction)


def test_d2l_clean():
    assert data.d2l_clean("I've\n\n [1898] Été, THE-end.") == "i ve t the end "


def test_load_tail_knows_only_training_characters(tmp_path):
    (tmp_path / "a").write_text("ab" * 45 + "abcdéab\nab", "utf-8")
    corpus = data.load(str(tmp_path / "a"), validation_fraction=0.1)
    assert corpus.vocab.tokens == ("<unk>", "a", "b")
    assert corpus.train_ids.tolist() == [1, 2] * 45
    assert corpus.validation_ids.tolist() == [1, 2, 0, 0, 0, 1, 2, 0, 1, 2]
    assert corpus.unseen == 4
    assert corpus.train_ids.dtype == "uint8"
    np.testing.assert_array_equal(corpus.history_ids, corpus.train_ids)


def test_batches_and_digest_are_those_of_the_whole_text(tmp_path, monkeypatch):
    """In pieces that cut characters and line ends, in memory and memory-mapped."""
    text = "naïve 😀\r\nκόσμε\r" * 50
    (tmp_path / "a").write_text(text, "utf-8", newline="")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    cut = int(len(text) * 0.8)
    vocab = Vocabulary.from_tokens(text[:cut])
    digest = json.dumps([text[:cut], text[cut:], vocab.tokens]).encode()
    config = CharLMConfig(data=str(tmp_path / "a"), validation_fraction=0.2, batch_size=3, steps=5)
    monkeypatch.setenv("RNN_KERAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("apps.char_lm.text.CHUNK", 1)
    monkeypatch.setattr("apps.common.sources.CHUNK", 7)
    for large in (2**20, 0):
        monkeypatch.setattr("apps.common.prepared.LARGE", large)
        corpus = data.load_corpus(config)
        assert corpus.vocab == vocab and corpus.sha256 == hashlib.sha256(digest).hexdigest()
        for epoch in (None, 0, 1):
            ids, offset = vocab.encode(text[cut:]), 0
            if epoch is not None:
                offset = np.random.default_rng((config.seed, epoch)).integers(config.steps)
                ids = vocab.encode(text[:cut])[: cut - (config.steps - 1) + offset]
            found = [*batches.batches(config, corpus, epoch).as_numpy_iterator()]
            X, Y = contiguous_streams(ids, config.batch_size, config.steps, offset)
            np.testing.assert_array_equal([x for x, _ in found], X, strict=True)
            np.testing.assert_array_equal([y for _, y in found], Y, strict=True)
    assert not corpus.train_ids.flags.writeable  # mapped
    (tmp_path / "a").write_text(text + "more", "utf-8")
    assert data.load_corpus(config).sha256 != corpus.sha256


def test_load_d2l_gives_exactly_its_windows(tmp_path):
    rng = np.random.default_rng(0)
    text = "".join(rng.choice(list("abcdef "), 20_000)).replace("  ", " a") + "z"
    (tmp_path / "a").write_text(text.upper())
    corpus = data.load(str(tmp_path / "a"), protocol="d2l")
    ids = corpus.vocab.encode(text)  # a character that is only in the unused rest is known
    assert "z" in corpus.vocab and corpus.unseen == 0
    windows = np.array([ids[i : i + 33] for i in range(15_000)])
    for part, expected in [
        (corpus.train_ids, windows[:10_000]),
        (corpus.validation_ids, windows[10_000:]),
    ]:
        X, Y = sliding_windows(part, D2L_STEPS)
        np.testing.assert_array_equal(X, expected[:, :-1])
        np.testing.assert_array_equal(Y, expected[:, 1:])
    np.testing.assert_array_equal(corpus.history_ids, ids[:10_000])


def test_load_refuses_an_unknown_protocol():
    with pytest.raises(ValueError, match="protocol is stream or d2l, got 'D2L'"):
        data.load("builtin", protocol="D2L")


@pytest.mark.parametrize(
    "options, needed",
    [
        ({}, 11),  # 10 would split into 9 + 1
        ({"min_train": 65, "min_validation": 5}, 73),  # 72 would split into 64 + 8
        ({"validation_fraction": 0.5}, 4),
        ({"protocol": "d2l"}, 15_032),
    ],
)
def test_too_short_says_how_many_characters_are_needed(tmp_path, options, needed):
    path = tmp_path / "a"
    for length in (1, needed - 1):
        path.write_text("x" * length)
        with pytest.raises(InputError, match=f"at least {needed:,} characters .* got {length:,}"):
            data.load(str(path), **options)
    path.write_text("x" * needed)
    assert data.load(str(path), **options).unseen == 0


def test_the_digest_tells_texts_apart(tmp_path):
    def digest(text, **options):
        (tmp_path / "a").write_text(text, "utf-8")
        return data.load(str(tmp_path / "a"), **options).sha256

    texts = ["ab" * 50, "b" + "ba" * 49 + "b", "ab" * 49 + "aa", "ab" * 50 + "a"]
    digests = [*map(digest, texts), digest(texts[0], validation_fraction=0.5)]
    assert len(set(digests)) == 5 and digest(texts[0]) == digests[0]


@pytest.fixture
def tfds(monkeypatch, tmp_path):
    """TFDS writing to an empty folder, with a downloader that serves no network."""
    tfds = pytest.importorskip("tensorflow_datasets")
    builder = functools.partial(tfds.builder, data_dir=tmp_path / "tfds")
    monkeypatch.setattr(tfds, "builder", builder)
    return tfds


def test_tfds_gives_the_original_file_back_and_downloads_once(tfds, monkeypatch, tmp_path):
    original = "".join(f"line {i} – ß\n" for i in range(101))
    (tmp_path / "input.txt").write_text(original, "utf-8")
    downloads = []

    def download(self, url):
        downloads.append(url)
        return str(tmp_path / "input.txt")

    monkeypatch.setattr(tfds.download.DownloadManager, "download", download)
    assert data.load_text("tfds:tiny_shakespeare") == original
    assert data.load_text("tfds:tiny_shakespeare") == original
    assert len(downloads) == 1


def test_tfds_failed_download_is_one_line(tfds, monkeypatch):
    def download(self, url):
        raise ConnectionError("no route to host\nand more")

    monkeypatch.setattr(tfds.download.DownloadManager, "download", download)
    with pytest.raises(InputError, match="could not download tfds:tiny_shakespeare") as caught:
        data.load_text("tfds:tiny_shakespeare")
    assert "no route to host" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name, message",
    [
        ("no_such_set", "cannot give 'no_such_set': DatasetNotFoundError: .* not found"),
        ("tiny_shakespeare:9.9.9", "cannot be loaded at version 9.9.9"),
        ("", "cannot give ''"),
        ("mnist", "no 'text' feature"),
    ],
)
def test_tfds_unusable_name(tfds, name, message):
    with pytest.raises(InputError, match=message) as caught:
        data.load_text(f"tfds:{name}")
    assert "\n" not in str(caught.value)
