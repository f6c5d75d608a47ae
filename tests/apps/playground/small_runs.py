"""Exported runs of all applications with random weights: made in seconds, without training.

The SavedModels are an export's, which would also check itself in a fresh process.
"""

import json
from pathlib import Path

import numpy as np

from apps.captioning import model as captioning
from apps.captioning.config import CaptioningConfig
from apps.captioning.data import SPECIALS as CAPTION_SPECIALS
from apps.captioning.data import make_tokenizer as caption_tokenizer
from apps.captioning.images import png_bytes
from apps.captioning.signatures import functions as caption_functions
from apps.char_lm import model as char_lm
from apps.char_lm.config import CharLMConfig
from apps.common.examples import write_examples
from apps.common.run import Run
from apps.common.tokenized import learn_vocabulary
from apps.ner import model as ner
from apps.ner.config import NERConfig
from apps.ner.sentences import Sentence
from apps.ner.signatures import signatures
from apps.ner.text import learn_assets
from apps.sentiment import model as sentiment
from apps.sentiment.config import SentimentConfig
from apps.sentiment.graph import SentimentGraph
from apps.sentiment.text import SPECIALS, WORDS, make_tokenizer
from apps.stock import data
from apps.stock import model as stock
from apps.stock.config import StockConfig
from apps.stock.task import TASK as STOCK
from apps.summarization import model as summarization
from apps.summarization.config import SummarizationConfig
from apps.summarization.signatures import signatures as summary_signatures
from apps.summarization.summarizers import SPECIALS as SUMMARY_SPECIALS
from apps.task import Trained
from apps.translation import model as translation
from apps.translation import text as translation_text
from apps.translation.config import TranslationConfig
from apps.translation.graph import TranslatorGraph
from rnn_keras.export.exported import EXTRA, VOCABULARY
from rnn_keras.export.tracing import save_traced
from rnn_keras.metrics import Entity
from rnn_keras.text import Vocabulary

SMALL = {"units": 6, "batch_size": 2, "run": "small"}


def all_of(root: Path) -> None:
    """Make a run named `small` of each application in `root`."""
    _captioning(root), _char_lm(root), _ner(root)
    _sentiment(root), _summarization(root), _translation(root), _stock(root)


def _captioning(root):
    config = CaptioningConfig(size=32, filters=2, embedding=4, max_length=5, **SMALL)
    vocabulary = Vocabulary.from_tokens("a red circle".split(), specials=CAPTION_SPECIALS)
    run = Run.create("captioning", config, root=root)
    vocabulary.save(run.vocab)
    (run.path / "example.png").write_bytes(png_bytes(np.zeros((40, 40, 3))))
    model = captioning.build(config, len(vocabulary))
    model.decoder.output_layer.bias.assign([0, 0, 0, -9, 0, 0, 0])  # captions do not end at once
    model.save(run.best)
    made = caption_functions(Trained(run, config, model, caption_tokenizer(vocabulary, config)))
    _export(run, {"search": made["search"]}, [model], {VOCABULARY: vocabulary})


def _char_lm(root):
    config = CharLMConfig(cell="gru", embedding=4, **SMALL)
    vocabulary = Vocabulary.from_tokens("the quick brown fox\n")
    run = Run.create("char_lm", config, root=root)
    vocabulary.save(run.vocab)
    char_lm.build(config, len(vocabulary)).save(run.best)
    (run.saved_model / "1").mkdir(parents=True)
    (run.saved_model / "1" / "saved_model.pb").touch()  # that it is there is all that is asked


def _ner(root):
    config = NERConfig(embedding=5, filters=4, **SMALL)
    sentences = [Sentence(("Ann", "met", "Bo"), (Entity(0, 1, "PER"), Entity(2, 3, "PER")))]
    assets = learn_assets(config, sentences)
    run = Run.create("ner", config, root=root)
    for file, vocabulary in assets.files.items():
        vocabulary.save(run.path / file)
    write_examples(run, ["Ann met Bo"])
    model = ner.build(config, assets)
    model.save(run.best)
    made = signatures(Trained(run, config, model, assets)).litert
    _export(run, made["functions"], made["trackables"], assets.files)


def _sentiment(root):
    config = SentimentConfig(embedding=5, max_length=16, min_count=1, **SMALL)
    vocabulary = learn_vocabulary(config, WORDS, SPECIALS, ["a good story , a bad one ."])
    run = Run.create("sentiment", config, root=root)
    vocabulary.save(run.vocab)
    write_examples(run, ["A good story, a bad one."])
    model = sentiment.build(config, len(vocabulary))
    model.save(run.best)
    graph = SentimentGraph(model, make_tokenizer(vocabulary, config))
    _export(run, {"score": graph.functions["score"]}, graph.trackables, {VOCABULARY: vocabulary})


def _summarization(root):
    config = SummarizationConfig(embedding=4, max_length=5, **SMALL)
    vocabulary = Vocabulary.from_tokens("one cat sat".split(), specials=SUMMARY_SPECIALS)
    run = Run.create("summarization", config, root=root)
    vocabulary.save(run.vocab)
    write_examples(run, ["One cat sat."])
    model = summarization.build(config, len(vocabulary))
    model.save(run.best)
    made = summary_signatures(Trained(run, config, model, vocabulary)).litert
    _export(run, made["functions"], made["trackables"], {VOCABULARY: vocabulary})


def _translation(root):
    config = TranslationConfig(embedding=5, tokens="word", min_count=1, **SMALL)
    texts = ["the cat is black .", "le chat est noir ."]
    words = translation_text.word_splitter(config.lowercase)
    vocabularies = [
        learn_vocabulary(config, words, translation_text.SPECIALS, [text]) for text in texts
    ]
    run = Run.create("translation", config, root=root)
    translation.save_vocabularies(run, *vocabularies)
    write_examples(run, ["The black cat is black."])
    model = translation.build(config, *map(len, vocabularies))
    # Translations are not empty, and of unknown words, which those of the source replace.
    model.decoder.output_layer.bias.assign([0, 1, 0, -3] + [0] * (len(vocabularies[1]) - 4))
    model.save(run.best)
    tokenizers = [translation_text.make_tokenizer(each, config) for each in vocabularies]
    graph = TranslatorGraph(config, model, *tokenizers)
    functions = {n: graph.functions[n] for n in ("encode", "step", "align")}
    files = dict(zip(translation.VOCABULARIES, vocabularies))
    _export(run, functions, graph.trackables, files)


def _stock(root):
    config = StockConfig(lookback=10, horizon=3, **SMALL)
    found = data.load(config)
    panel = found.panel
    run = Run.create("stock", config, root=root)
    model = stock.build(config, len(panel.columns), panel.targets, found.statistics)
    model.save(run.best)
    STOCK.save_assets(run, config, found)
    facts = {"columns": list(panel.columns), "lookback": 10, "horizon": 3, "levels": config.levels}
    (run.path / "export.json").write_text(json.dumps(facts), "utf-8")
    _export(run, {"forecast": stock.ForecasterGraph(config, model).forecast}, [model])


def _export(run, functions, trackables, vocabularies=()):
    save_traced(functions, trackables, "graph", run.saved_model / "1")
    extra = run.saved_model / "1" / EXTRA
    extra.mkdir()
    for name in vocabularies:
        vocabularies[name].save(extra / name)
