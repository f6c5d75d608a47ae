"""The page of `apps.web` in headless Chromium: its answers are Python's."""

import json
import threading

import numpy as np
import pytest
import tensorflow as tf

from apps import commands
from apps.char_lm.graph import CharLMGraph
from apps.char_lm.task import TASK as CHAR_LM
from apps.common.run import Run
from apps.sentiment import explain
from apps.sentiment.text import WORDS
from apps.translation.text import SPECIALS, word_splitter
from apps.web import litertjs
from apps.web.__main__ import APPLICATIONS, main
from apps.web.facts import APPLICATIONS as WITH_FACTS
from apps.web.folder import server
from rnn_keras.export import load
from rnn_keras.text import Tokenizer, Vocabulary, find_words
from rnn_keras.text.matches import ENDINGS, WORDS_AND_MARKS
from tests.apps.playground import small_runs
from tests.apps.playground.accessibility import NAMELESS, PALE
from tests.apps.playground.browser import Browser
from tests.export import litert_js

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.skipif(bool(litert_js.missing()), reason=str(litert_js.missing())),
]

TEXTS = [
    "It isn't l'homme’s U.S. friend -- e\u0301te\u0301 3.14 <br /> A.B. don't...",
    "İSTANBUL ΣΑΣ ß 日本語のテスト ￭x￭ \x00\u200b\xa0\u2028 a\u0301\u0323 😀+1 'tis rock-'n'-roll",
    "x" * 120 + " unaffable un aff [UNK] ##able",
    " ",
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    small_runs.all_of(root)
    return {app: Run.open(app, root / app / "small") for app in APPLICATIONS}


@pytest.fixture(scope="module")
def page(runs, tmp_path_factory):
    out, profile = tmp_path_factory.mktemp("web"), tmp_path_factory.mktemp("profile")
    # Short lengths take less time.
    for app, lengths in (("sentiment", (8, 24)), ("translation", (24,))):
        commands.export(app, runs[app], target="web", lengths=lengths)
    main([*(str(run.path) for run in runs.values()), "--out", str(out), "--no-serve"])
    with server(out, "127.0.0.1", 0) as http, Browser(profile, (390, 844)) as tab:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        tab.open(f"http://127.0.0.1:{http.server_port}/")
        yield tab
        http.shutdown()


def answer(page, app, **values):
    """Fills in the form of an application, sends it, and returns the status below it."""
    page.run(f"location.hash = 'models/{app}/small'")
    shown = "document.querySelector('main section')?.dataset.run"
    page.wait(f"{shown} == 'models/{app}/small'")
    for name, value in values.items():
        page.run(f"document.forms[0].elements[{json.dumps(name)}].value = {json.dumps(value)}")
    page.run("document.forms[0].requestSubmit()")
    page.wait("!document.querySelector('form button:disabled')")
    return page.run("document.querySelector('[role=status]').textContent")


def module(page, name, expression):
    """The value of an expression of the module `m`."""
    return json.loads(
        page.run(f"import('./{name}.js').then(async m => JSON.stringify({expression}))")
    )


def values(page, selector, attribute):
    found = f"[...document.querySelectorAll('output {selector}')]"
    return page.run(f"{found}.map(e => e.getAttribute('{attribute}'))")


def test_every_application_has_its_facts():
    assert set(WITH_FACTS) == set(APPLICATIONS)


def test_generated_text(page, runs):
    trained = CHAR_LM.load(runs["char_lm"])
    graph = CharLMGraph(trained.config, trained.model, trained.assets)
    prompt = "the q\nÜ"
    expected = graph.functions["generate"](
        *map(tf.constant, ([prompt], [40], [0.0], [0], [1.0], [0]))
    )["text"]
    answer(page, "char_lm", text=prompt, temperature=0, characters=40)
    text = page.run("document.querySelector('output').textContent")
    assert text == prompt + expected.numpy()[0].decode()


def test_logits_and_samples(page, runs):
    trained = CHAR_LM.load(runs["char_lm"])
    graph = CharLMGraph(trained.config, trained.model, trained.assets)
    state = np.linspace(-1, 1, 6, dtype="float32")
    expected = graph.functions["step"](tf.constant([3]), tf.constant(state[None]))
    (name,) = expected.keys() - {"logits"}
    inputs = json.dumps({"ids": [3], name: state.tolist()})
    opened = "(await m.Run.open('models/char_lm/small'))"
    found = module(page, "runtime", f"await {opened}.run('step', {inputs})")
    for key, value in expected.items():
        np.testing.assert_allclose(list(found[key].values()), value[0], atol=1e-5)

    uniform = np.linspace(0, 0.999, 50)
    logits = np.array([0.5, -np.inf, 2, 1])
    weights = np.exp((logits - 2) / 0.7)
    expected = np.searchsorted(np.cumsum(weights / weights.sum()), uniform, side="right")
    numbers = "Float32Array.of(0.5, -Infinity, 2, 1)"
    draws = f"{uniform.tolist()}.map(u => m.sample({numbers}, 0.7, u))"
    assert module(page, "char_lm", draws) == expected.tolist()
    assert module(page, "char_lm", f"m.sample({numbers}, 0)") == 2


def test_a_review_and_its_words(page, runs):
    text = "A good story, isn't it? <br/> A BAD one\u0301 ..."
    classifier = runs["sentiment"].load()
    reading = classifier.predict(text)
    parts = explain.occlusion(classifier, reading)
    remark = answer(page, "sentiment", text=text)
    assert remark == f"{reading.unknown} of {reading.length} words are unknown to the model."
    assert page.run("[...document.querySelectorAll('mark')].map(e => e.textContent)") == [
        text for text, _ in parts
    ]
    found = [float(x) for x in values(page, "mark", "data-effect")]
    np.testing.assert_allclose(found, [effect for _, effect in parts], atol=1e-5)
    (probability,) = values(page, "data", "value")
    assert abs(float(probability) - reading.probability) < 1e-5


def test_entities(page, runs):
    text = "Ann isn’t 😀 Bo's U.S. friend: Ann met\x07Bo in 1999, Zoë said"
    expected = runs["ner"].load().entities(text)
    assert expected, "the small run finds entities"
    remark = answer(page, "ner", text=text)
    assert remark.startswith(f"{len(expected)} entit")
    marked = page.run("[...document.querySelectorAll('mark span')].map(e => e.textContent)")
    assert marked == [entity.text for entity in expected]
    assert values(page, "mark", "data-type") == [entity.type for entity in expected]
    found = [float(x) for x in values(page, "mark", "data-probability")]
    np.testing.assert_allclose(found, [entity.probability for entity in expected], atol=1e-5)


def test_a_translation(page, runs):
    text = "The black Zanzibar is black!"
    ((expected,),) = runs["translation"].load().translate([text])
    assert expected.text and "<unk>" not in expected.text
    answer(page, "translation", text=text)
    assert page.run("document.querySelector('output').textContent") == expected.text
    (score,) = values(page, "p", "data-score")
    assert abs(float(score) - expected.score) < 1e-4


def test_the_text_of_ids(page):
    """Words with joiners or pieces, unknown ones replaced, and nothing behind the end."""
    tokens = [*SPECIALS, "l", "￭'￭", "homme", "##s", "￭.", "##"]
    ids = [4, 5, 6, 7, 1, 2, 0, 1, 8, 3, 6]
    unknown = ["Ann"] * len(ids)
    for pieces in (False, True):
        splitter = word_splitter(True)
        tokenizer = Tokenizer(Vocabulary(tokens), splitter, pieces, SPECIALS)
        expected = tokenizer.decode(tf.constant(ids), tf.constant(unknown)).numpy().decode()
        facts = {"target": tokens, "word_pieces": pieces, "splitter": vars(splitter)}
        arguments = ", ".join(map(json.dumps, ({"facts": facts}, ids, unknown)))
        assert module(page, "translation", f"m.decode({arguments})") == expected


def test_a_forecast(page, runs):
    run = runs["stock"]
    with np.load(run.path / "examples.npz") as examples:
        window = examples["window"][:1].astype("float32")
    model = load(run.saved_model)
    columns = run.read_json("export.json")["columns"]
    table = ["Day;" + ";".join(c.upper() for c in columns)]
    table += [f"{i};" + ";".join(map(repr, row)) for i, row in enumerate(window[0].tolist())]
    for text in (None, "\n".join(table)):
        answer(page, "stock", **({"text": text} if text else {}))
        found = np.array(values(page, "td data", "value"), "float32")
        expected = model.run("forecast", window=window)["quantiles"]
        np.testing.assert_allclose(found, expected.ravel(), rtol=1e-4)
    assert page.run("document.querySelectorAll('svg polygon').length") > 0
    bad = [
        ("a,b\n1,2", "The table has no column"),
        ("\n".join(table[:4]), "The table has 3 rows, a forecast needs 10."),
        ("\n".join([*table[:-1], "9;x"]), "Line 11: “x” in the column"),
    ]
    for text, message in bad:
        assert answer(page, "stock", text=text).startswith(message)
        assert page.run("document.querySelector('[role=status]').className") == "error"


def test_words_and_ids_are_those_of_python(page):
    for splitter in (WORDS, word_splitter(True), word_splitter(False)):
        expected = splitter.split(tf.constant(TEXTS)).to_list()
        arguments = json.dumps(vars(splitter))
        found = module(page, "text", f"{json.dumps(TEXTS)}.map(t => m.splitWords(t, {arguments}))")
        assert found == [[word.decode() for word in row] for row in expected]
    words, start, end = (x.to_list() for x in find_words(tf.constant(TEXTS)))
    pattern = json.dumps({"pattern": WORDS_AND_MARKS, "endings": ENDINGS})
    found = module(page, "text", f"{json.dumps(TEXTS)}.map(t => m.findWords(t, {pattern}))")
    assert [[w["word"] for w in row] for row in found] == [[w.decode() for w in r] for r in words]
    for text, row, first, last in zip(TEXTS, found, start, end):
        units = text.encode("utf-16-le")
        cut = [units[2 * w["start"] : 2 * w["end"]].decode("utf-16-le") for w in row]
        assert cut == [text[a:b] for a, b in zip(first, last)]
    pieces = "<unk> un ##aff ##able aff ##a ##x x ü ##ü".split()
    tokenizer = Tokenizer(Vocabulary(pieces), WORDS, word_pieces=True)
    texts = ["unaffable aff unaffab xüxa " + "x" * 101, "ÜÜ xx"]
    expected = tokenizer.split(tf.constant(texts)).to_list()
    split = f"m.splitPieces(m.splitWords(t, {json.dumps(vars(WORDS))}), ids)"
    ids = f"(ids => {json.dumps(texts)}.map(t => {split}))(m.tokenIds({json.dumps(pieces)}))"
    assert module(page, "text", ids) == [[t.decode() for t in row] for row in expected]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_can_be_read(page, scheme):
    page.emulate(scheme)
    for app in APPLICATIONS:
        example = {} if app in ("char_lm", "stock") else {"text": "Ann met the good cat."}
        answer(page, app, **example)
        assert page.run("document.documentElement.scrollWidth") <= 390
        levels = page.run("[...document.querySelectorAll('h1, h2, h3')].map(e => +e.tagName[1])")
        assert levels[:2] == [1, 2]
        assert page.run(PALE) == [] and page.run(NAMELESS) == []
    faults = [c for c in page.complaints if not c.startswith(("INFO:", "WARNING:"))]
    assert faults == []
    assert {url.split("/")[2] for url in page.asked if url.startswith("http")} == {
        page.run("location.host")
    }


def test_the_package_is_the_pinned_one():
    package = litertjs.install() / litertjs.CORE / "package.json"
    assert json.loads(package.read_text())["version"] == litertjs.VERSION
