"""The captioner: folders of images, drawn pictures, scores, and a run with its exports."""

import json
import lzma
import shutil
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from apps.captioning import data, describe, drawings, train
from apps.captioning.config import PRESETS, CaptioningConfig
from apps.captioning.images import CaptionedImages, png_bytes, read_folder, read_image
from apps.captioning.scores import nearest, scores
from apps.captioning.task import build, load
from apps.common.errors import InputError
from apps.common.run import Run
from rnn_keras import use_plan
from rnn_keras.export import LiteRTModel
from tests.operations import foreign_operations

NAMES = [f"{i:02}.{ending}" for i, ending in enumerate(["jpg", "png"] * 5)]
FORMATS = {
    "captions.csv": "image,caption\n" + "".join(f"{n},A cat.\n{n},A dog.\n" for n in NAMES),
    "Flickr.token.txt": "".join(f"{n}#0\tA cat.\n{n}#1\tA dog.\n" for n in NAMES),
    "coco.json": json.dumps(
        {
            "images": [{"id": i, "file_name": n} for i, n in enumerate(NAMES)],
            "annotations": [
                {"image_id": i, "caption": text}
                for i in range(len(NAMES))
                for text in ("A cat.", "A dog.")
            ],
        }
    ),
}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Ten small images, one of which has no captions besides."""
    folder = tmp_path_factory.mktemp("images")
    for i, name in enumerate([*NAMES, "other.jpg"]):
        Image.new("RGB", (40 + i, 50), (20 * i, 100, 0)).save(folder / name)
    return folder


@pytest.mark.parametrize("file", FORMATS)
def test_a_folder_is_split_by_file_name(images, tmp_path, file):
    folder = shutil.copytree(images, tmp_path / "copy")
    (folder / f"{file}.xz").write_bytes(lzma.compress(FORMATS[file].encode()))
    splits = read_folder(folder, 32, 0.1, 0.2)
    assert [len(s) for s in (splits.train, splits.validation, splits.test)] == [7, 1, 2]
    assert splits.test.captions == [["A cat.", "A dog."]] * 2
    assert splits.train.pixels.shape == (7, 32, 32, 3)
    reds = [
        round(s.pixels[0, 5, 5, 0] / 20) for s in (splits.train, splits.validation, splits.test)
    ]
    assert reds == [0, 7, 8]


BAD = {
    "no folder": (lambda f: shutil.rmtree(f), "not found: give a folder of .jpg"),
    "no captions": (lambda f: None, "needs one captions file, found none"),
    "two files": (
        lambda f: [(f / n).write_text("image,caption\n") for n in ("a.csv", "b.csv")],
        "needs one captions file, found a.csv, b.csv",
    ),
    "columns": (lambda f: (f / "a.csv").write_text("x,y\n1,2\n"), "cannot read the captions of"),
    "few": (
        lambda f: (f / "a.csv").write_text("image,caption\n00.jpg,A\n"),
        "too few for 3 splits",
    ),
    "no image": (
        lambda f: [(f / "a.csv").write_text(FORMATS["captions.csv"]),
                   (f / "03.png").write_text("no")],
        "it is no JPEG or PNG",
    ),
}  # fmt: skip


@pytest.mark.parametrize("spoil, message", BAD.values(), ids=BAD)
def test_bad_folders_are_named(images, tmp_path, spoil, message):
    folder = shutil.copytree(images, tmp_path / "copy")
    spoil(folder)
    with pytest.raises(InputError, match=message):
        read_folder(folder, 32, 0.1, 0.2)


def test_drawn_sentences_of_the_test_are_not_in_training():
    pictures = drawings.generate(0)
    said = {split: {each.caption for each in some} for split, some in pictures.items()}
    assert not said["test"] & (said["train"] | said["validation"])
    words = {split: {w for text in texts for w in text.split()} for split, texts in said.items()}
    assert words["test"] <= words["train"]
    assert pictures == drawings.generate(0) != drawings.generate(1)
    for picture in pictures["test"][:50]:  # each centre has the colour that is named
        pixels = drawings.draw(picture, 64)
        for thing in picture.things:
            centre = pixels[int(64 * thing.y), int(64 * thing.x)]
            assert tuple(centre) == drawings.COLORS[thing.color]


def test_scores_and_the_nearest_image():
    found = scores(["A cat sits.", "a dog"], [["a cat sits ."], ["the dog runs", "a dog ran"]])
    assert found["exact"] == 0.5 and 80 < found["BLEU-1"] < 100
    assert scores(["A dog."] * 2, [["a dog."]] * 2)["BLEU-2"] == pytest.approx(100)
    pixels = np.zeros((3, 32, 32, 3), np.uint8)
    pixels[1, :16], pixels[2, 16:] = 200, 200
    train = CaptionedImages(pixels, [["none"], ["top"], ["bottom"]])
    test = CaptionedImages(pixels[[2, 1]] // 2 + 40, [["x"], ["y"]])
    assert nearest(train, test) == ["bottom", "top"]


def test_presets_are_valid_and_settings_that_cannot_be_are_refused():
    for _, config in PRESETS.values():
        assert CaptioningConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
    for options in ({"weights": "x.h5"}, {"encoder": "efficientnetv2b0"}):
        with pytest.raises(InputError, match="--weights must be a file for --encoder"):
            CaptioningConfig(**options)


@pytest.mark.slow
def test_a_pretrained_encoder_is_read_and_not_trained(tmp_path):
    network = keras.applications.EfficientNetV2B0(
        include_top=False, weights=None, input_shape=(64, 64, 3)
    )
    network.save_weights(tmp_path / "a.weights.h5")
    vocabulary = data.Vocabulary.from_tokens(["cat"], specials=data.SPECIALS)
    assets = SimpleNamespace(assets=SimpleNamespace(vocabulary=vocabulary))
    config = CaptioningConfig(
        encoder="efficientnetv2b0", weights=str(tmp_path / "a.weights.h5"), size=64, units=4
    )
    model = build(config, assets)
    np.testing.assert_array_equal(model.network.get_weights()[-1], network.get_weights()[-1])
    assert not model.network.trainable_weights and model.trainable_weights
    pixels = np.zeros((1, 64, 64, 3), np.uint8)
    assert model((pixels, np.array([[data.BOS_ID]]))).shape == (1, 1, 5)
    with pytest.raises(InputError, match="cannot read --weights nowhere.weights.h5"):
        build(replace(config, weights="nowhere.weights.h5"), assets)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The preset `tiny`, trained and exported."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNN_KERAS_RUNS", str(root))
        train.main(["tiny", "--run", "tiny"])
        yield Run.open("captioning", "tiny")


@pytest.mark.slow
def test_the_tiny_preset_describes_pictures_it_has_not_seen(run):
    metrics = json.loads((run.path / "metrics.json").read_text())
    assert metrics["exact"] > 0.8 and metrics["nearest_bleu_4"] < 60  # 0.912 with this seed


@pytest.mark.slow
def test_attention_is_over_the_shape_that_is_written(run):
    """The centre of mass at the second word of a thing, such as `circle`."""
    pictures = drawings.generate(0)["test"]
    pictures = [p for p in pictures if " left of " in p.caption or " above " in p.caption][:60]
    lite, right = LiteRTModel(run.tflite), []
    pixels = np.stack([drawings.draw(p, 48) for p in pictures]).astype("float32")
    found = lite.run("search", pixels=pixels)
    vocabulary = lite.vocabulary()
    for picture, ids, weights in zip(pictures, found["ids"], found["attention"]):
        words = vocabulary.decode(ids)
        maps = weights.reshape(-1, 6, 6)
        y, x = (maps.sum(axis) @ ((np.arange(6) + 0.5) / 6) for axis in (2, 1))
        first, second = picture.things
        for word, thing, other in ((2, first, second), (words.index("<eos>") - 1, second, first)):
            own, far = (np.hypot(x[word] - t.x, y[word] - t.y) for t in (thing, other))
            right.append(own < far)
    assert np.mean(right) > 0.9


@pytest.mark.slow
def test_both_files_describe_an_image(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert not foreign_operations(run.saved_model / "1")
    example = run.path / "example.png"
    said = []
    for source in ("saved_model", "litert"):
        describe.main([str(run.path), str(example), "--show-attention", "--from", source])
        said.append(capsys.readouterr().out)
        assert (tmp_path / "example.attention.png").read_bytes().startswith(b"\x89PNG")
    assert said[0] == said[1]
    served = tf.saved_model.load(str(run.saved_model / "1")).signatures["serving_default"]
    pixels = read_image(example, 48)
    large = png_bytes(np.kron(pixels, np.ones((2, 2, 1))))  # of another size
    answer = served(image=tf.constant([example.read_bytes(), large]))["caption"].numpy()
    assert answer[0].decode() == said[0].splitlines()[0]
    with pytest.raises(SystemExit, match="2"):
        describe.main([str(run.path), str(run.path / "config.json")])
    assert "it is no JPEG or PNG" in capsys.readouterr().err
    with use_plan("graph"):
        trained = load(run)
        memory, _ = trained.model.encode(pixels[None])
    assert memory["values"].shape[1] == 36 == trained.model.rows * trained.model.columns


def test_captions_become_ids_with_their_images():
    config = CaptioningConfig(batch_size=4)
    vocabulary = data.Vocabulary.from_tokens("a cat ￭.".split(), specials=data.SPECIALS)
    tokenizer = data.make_tokenizer(vocabulary, config)
    pixels = np.arange(2, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    images = CaptionedImages(pixels, [["A cat.", "A dog."], ["cat"]])
    (((shown, tokens), target),) = data.TokenizedImages(config, tokenizer, images).batches()
    ids = {token: i for i, token in enumerate(vocabulary.tokens)}
    rows = {
        (int(image[0, 0, 0]), *row[row != 0]): tuple(before[before != 0])
        for image, row, before in zip(shown.numpy(), target.numpy(), tokens.numpy())
    }
    a, cat, mark, end = ids["a"], ids["cat"], ids["￭."], data.EOS_ID
    assert rows == {
        (0, a, cat, mark, end): (data.BOS_ID, a, cat, mark),
        (0, a, data.UNKNOWN_ID, mark, end): (data.BOS_ID, a, data.UNKNOWN_ID, mark),
        (1, cat, end): (data.BOS_ID, cat),
    }
