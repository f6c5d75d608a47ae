"""The page as its visitors meet it: through its API, and in a browser."""

import gc
import itertools
import os
import subprocess
import sys
import threading
import time
import warnings
from concurrent import futures
from contextlib import contextmanager

import numpy as np
import pytest

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when Gradio is imported

import httpx
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from gradio_client.utils import QueueError
from PIL import Image

from apps.common.errors import InputError
from apps.playground import __main__ as command
from apps.playground import char_lm, events, gates, page, sentiment
from apps.playground.runs import Runs
from tests.apps.playground import browser, small_runs

# Gradio's own, of the versions of its dependencies that constraints.txt pins.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    small_runs.all_of(root)
    return root


class Writer:
    """In place of a LiteRT file, which would take long to make: writes a few characters.

    After the prompt "The " it writes on until it is stopped, after "wait" it begins when told to.
    """

    def __init__(self):
        self.begin, self.stopped = threading.Event(), threading.Event()

    def __call__(self, run):
        return self

    def stream(self, prompt, sampling):
        if prompt == "wait":
            self.begin.wait(browser.PATIENCE)
        endless = prompt == "The "
        try:
            for character in itertools.cycle("on") if endless else "ick\nfox"[: sampling.length]:
                yield character
                time.sleep(0.02 * endless)
        finally:
            self.stopped.set()


@pytest.fixture(scope="module")
def writer():
    return Writer()


@pytest.fixture(scope="module")
def url(root, writer):
    """The address of the page."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(char_lm, "load_generator", writer)
        patch.setattr(char_lm, "FRAME", 0)
        patch.setattr(page, "WAITING", 4)
        blocks = page.build(root)
        yield page.serve(blocks, "127.0.0.1", 0)
        blocks.close()
        del blocks
        gc.collect()  # Gradio leaves loops and sockets open, of which Python warns when they go


@pytest.fixture(scope="module")
def client(url, tmp_path_factory):
    return Client(url, verbose=False, download_files=tmp_path_factory.mktemp("files"))


@contextmanager
def moved(path, to):
    path.rename(to)
    try:
        yield
    finally:
        to.rename(path)


def size(path):
    with Image.open(path) as picture:
        return picture.size


@pytest.mark.slow
def test_a_review_is_judged_with_its_words_and_gates(client):
    label, words, remark = client.predict("small", "A good story, qzxv!", api_name="/classify")
    confidences = {each["label"]: each["confidence"] for each in label["confidences"]}
    assert sum(confidences.values()) == pytest.approx(1)
    assert "".join(each["token"] for each in words).split() == "a good story , qzxv !".split()
    assert "2 of 6 tokens unknown" in remark and "moved by" in remark
    width, height = size(client.predict("small", "A good story", api_name="/sentiment_gates"))
    assert width > 800 and height > 300


@pytest.mark.slow
def test_entities_are_highlighted_with_transitions_and_gates(client):
    text = "Ann met qzxv in Rome."
    words, table = client.predict("small", text, api_name="/tag")
    assert "".join(each["token"] for each in words) == text
    marked = [each["token"] for each in words if each["class_or_confidence"]]
    assert [row[0] for row in table["data"]] == marked
    assert min(size(client.predict("small", api_name="/ner_transitions"))) > 200
    width, height = size(client.predict("small", text, api_name="/ner_gates"))
    assert width > 800 and height > 300


def test_an_image_is_described_with_attention_and_gates(client, root):
    caption, attention = client.predict("small", None, api_name="/describe")  # that of the run
    assert {*caption.split()} <= {"a", "red", "circle"} and min(size(attention)) > 100
    assert min(size(client.predict("small", None, caption, api_name="/captioning_gates"))) > 100
    picture = handle_file(root / "captioning" / "small" / "example.png")
    assert client.predict("small", picture, api_name="/describe")[0] == caption
    with pytest.raises(AppError, match="Image must be a file that ends in .jpg"):
        client.predict("small", handle_file(__file__), api_name="/describe")


def test_a_text_is_summarized_with_its_chosen_sentences_and_gates(client):
    text = "One cat sat. Two dogs ran. Three."
    summary, words = client.predict("small", text, api_name="/summarize")
    assert [each["token"].strip() for each in words] == ["One cat sat.", "Two dogs ran.", "Three."]
    marked = [each["token"].strip() for each in words if each["class_or_confidence"]]
    assert summary == " ".join(marked) and 0 < len(marked) < 3
    assert min(size(client.predict("small", text, api_name="/summarization_gates"))) > 100


@pytest.mark.parametrize("blank", [None, "", " \n\t"])
def test_a_blank_input_gets_a_hint_and_no_judgement(client, blank):
    label, words, remark = client.predict("small", blank, api_name="/classify")
    assert (label, words, remark) == ({}, [], "")
    assert client.predict("small", blank, api_name="/sentiment_gates") is None
    words, table = client.predict("small", blank, api_name="/tag")
    assert words == [] and not any(map(any, table["data"]))
    assert client.predict("small", blank, api_name="/ner_gates") is None
    assert client.predict("small", blank, api_name="/summarize") == ("", [])
    assert client.predict("small", blank, api_name="/summarization_gates") is None
    text, unknown, beam, looked = client.predict("small", blank, 3, 1, api_name="/translate")
    assert (text, unknown, looked) == ("", "", None) and not any(map(any, beam["data"]))
    assert client.predict("small", blank, "", api_name="/translation_gates") is None


@pytest.mark.parametrize(
    "run, text",
    [
        pytest.param("sentiment/small", "A good story", marks=pytest.mark.slow),
        ("char_lm/small", "the q"),
    ],
)
def test_the_inside_of_a_network(client, run, text):
    table, gradients, chart = client.predict(run, text, api_name="/inside")
    assert table["headers"][-3:] == ["by gates", "by gradient", "measured"]
    steps = len(text.split()) if run.startswith("sentiment") else len(text)
    assert table["data"] and all(1 <= row[3] <= steps for row in table["data"])
    assert min(*size(gradients), *size(chart)) > 150
    table, gradients, chart = client.predict(run, "a", api_name="/inside")
    assert not any(map(any, table["data"])) and gradients is chart is None


def test_text_appears_as_it_is_written(client):
    options = {"prompt": "the qu", "temperature": 0, "length": 5, "top_k": 0, "top_p": 1, "seed": 1}
    job = client.submit("small", *options.values(), api_name="/write")
    assert job.result() == "the quick\nf"
    assert len(set(job.outputs())) > 1
    size(client.predict("small", "the quick\nf$x", api_name="/char_lm_gates"))


def test_whoever_comes_to_a_full_queue_is_told_so(client, writer):
    options = {"prompt": "wait", "temperature": 0, "length": 3, "top_k": 0, "top_p": 1, "seed": 1}
    running = page.WAITING + events.MODEL["concurrency_limit"]
    writer.begin.clear()
    jobs = [
        client.submit("small", *options.values(), api_name="/write") for _ in range(2 * running)
    ]
    try:
        done, _ = futures.wait(jobs, browser.PATIENCE, futures.FIRST_COMPLETED)
        with pytest.raises(QueueError, match="full"):
            done.pop().result()
    finally:
        writer.begin.set()
    answers = [job.exception() or job.result() for job in jobs]
    assert answers.count("waitick") >= page.WAITING
    assert all(isinstance(a, QueueError) for a in answers if a != "waitick")


@pytest.mark.slow
def test_a_sentence_is_translated_with_the_beam_and_what_it_looked_at(client):
    best, unknown, beam, looked = client.predict(
        "small", "The cat, qzxv", 3, 1, api_name="/translate"
    )
    assert unknown == ", qzxv"
    assert len(beam["data"]) == 3 and beam["data"][0][1] == best
    assert all(score < 0 for score, _ in beam["data"])
    size(looked)
    size(client.predict("small", "The cat", best, api_name="/translation_gates"))


def test_a_forecast_of_builtin_and_of_uploaded_prices(client, tmp_path):
    fan, table = client.predict("small", None, None, api_name="/forecast")
    size(fan)
    assert len(table["data"]) % 3 == 0
    size(client.predict("small", None, "", api_name="/stock_gates"))
    for name, content, message in [
        ("mine.csv", "date,price\n2024-01-02,1\n", "mine.csv is too short"),
        ("empty.csv", "", "empty.csv is empty"),
        ("mine.zip", "", "CSV must be a file that ends in .csv, got mine.zip"),
    ]:
        (tmp_path / name).write_text(content, "utf-8")
        with pytest.raises(AppError) as error:
            client.predict("small", handle_file(tmp_path / name), "", api_name="/forecast")
        assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    "name, arguments, message",
    [
        ("/classify", ["small", "a" * 5_001], "Review has 5,001 characters, but may have 5,000"),
        ("/classify", ["small", ["good"]], "Review must be a text, got ['good']"),
        (
            "/classify",
            ["../small", "good"],
            "no exported run '../small'; reload the page for those",
        ),
        ("/classify", [None, "good"], "no exported run None"),
        ("/classify", [["small"], "good"], "no exported run ['small']"),
        ("/inside", ["small", "good"], "no exported run 'small'; reload the page"),
        ("/inside", ["stock/small", "good"], "no exported run 'stock/small'; reload the page"),
        ("/write", ["small", "the", 0.0001, 5, 0, 1, 0], "Temperature must be 0 (greedy), or a"),
        ("/write", ["small", "the", None, 5, 0, 1, 0], "Temperature must be a number from 0 to 2"),
        ("/write", ["small", "the", 1, 1.5, 0, 1, 0], "Characters must be a whole number from 1"),
        ("/write", ["small", "the", 1, True, 0, 1, 0], "Characters must be a whole number from 1"),
        ("/write", ["small", "the", 1, 5, 0, 1.5, 0], "Top-p must be a number from 0.05 to 1"),
        ("/write", ["small", "the", 1, 5, 0, 1, 2**40], "Seed must be a whole number from"),
        ("/write", ["small", "the", 1, 5, 0, 1, None], "Seed must be a whole number from"),
        ("/translate", ["small", "cat " * 200, 3, 1], "Sentence has 800 characters"),
        ("/translate", ["small", "cat", 11, 1], "Beam must be a whole number from 1 to 10, got 11"),
        ("/translate", ["small", "cat", "3", 1], "Beam must be a whole number from 1 to 10"),
        ("/translate", ["small", "cat", None, 1], "Beam must be a whole number from 1 to 10, got"),
        ("/forecast", ["small", None, "nobody"], "builtin has no ticker column: leave Ticker out"),
    ],
)
def test_what_cannot_be_done_is_one_line(client, capfd, name, arguments, message):
    with pytest.raises(AppError) as error:
        client.predict(*arguments, api_name=name)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)
    assert "Traceback" not in capfd.readouterr().err


def test_a_run_is_offered_from_when_it_is_exported_until_it_is_gone(client, root):
    """Without a new start of the page."""
    small = root / "sentiment" / "small"
    with moved(small, small.with_name("later")):
        client.predict("later", "A good story", api_name="/classify")
        with pytest.raises(AppError, match="no exported run 'small'.* there are: later$"):
            client.predict("small", "A good story", api_name="/classify")


def test_an_application_without_a_run_says_how_to_make_one(tmp_path):
    config = page.build(tmp_path).get_config_file()
    props = [c["props"] for c in config["components"] if c["props"].get("visible") is True]
    told = [str(each.get("value")) for each in props]
    for app in page.TABS:
        assert any(app.MAKE in text and str(tmp_path) in text for text in told)


def test_the_newest_export_comes_first(root, tmp_path):
    """And a run that is not exported does not come at all."""
    for age, name in enumerate(["new", "old", "raw"]):
        path = tmp_path / "sentiment" / name
        (path / "saved_model" / "1").mkdir(parents=True)
        for file in ["config.json", "best.keras", *["saved_model/1/saved_model.pb"] * (age < 2)]:
            (path / file).touch()
            os.utime(path / file, (1e9 - age, 1e9 - age))
    assert Runs("sentiment", tmp_path).names() == ["new", "old"]
    assert Runs("stock", tmp_path).names() == []


@pytest.mark.slow
def test_the_chart_takes_long_sequences_and_many_layers(tmp_path):
    rng = np.random.default_rng(0)
    told = {symbol: rng.normal(size=(1, 90, 40)) for symbol in ("Z", "H")}
    seen = {f"layer_{i}": told for i in range(gates.LAYERS + 2)}
    gates.chart(tmp_path / "chart.png", gates.layers(seen, [r"$\frac$"] * 90))
    assert max(size(tmp_path / "chart.png")) < 2_000


def test_every_step_has_a_label():
    told = {"layer": {"H": np.zeros((1, 3, 2))}}
    for read, labels in [("abc", "abc"), ("_abc", "abc"), ("abcdef", "123"), ("", "123")]:
        ((name, gates_of_one, found),) = gates.layers(told, list(read), "encoder: ")
        assert name == "encoder: layer" and gates_of_one["H"].shape == (3, 2)
        assert "".join(found) == labels


@pytest.mark.skipif(browser.EXECUTABLE is None, reason="there is no chromium")
def test_the_page_in_a_browser(url, root, writer, tmp_path):
    """It loads without a complaint, asks nobody else, answers, and stops when told to."""

    def click_on(kind, text):
        buttons = f"[...document.querySelectorAll('{kind}')]"
        return f"{buttons}.find(e => e.innerText.trim() == '{text}' && e.offsetParent).click()"

    with browser.Browser(tmp_path) as tab:
        tab.open(url)
        tabs = "[...document.querySelectorAll('button[role=tab]')].map(e => e.innerText.trim())"
        tab.wait(f"{tabs}.length")
        assert set(tab.run(tabs)) >= {app.TITLE for app in page.TABS}
        tab.wait("!!document.querySelector('button.primary')")
        tab.run("document.querySelector('button.primary').click()")
        tab.wait(
            "[...document.querySelectorAll('textarea')].some(e => e.value.includes('moved by'))"
        )
        tab.run(click_on("[role=tab]", char_lm.TITLE))
        tab.wait("[...document.querySelectorAll('button')].some(e => e.innerText == 'Stop')")
        writer.stopped.clear()
        tab.run(click_on("button", "Generate"))
        written = "[...document.querySelectorAll('textarea')].map(e => e.value).join(' ')"
        tab.wait(f"{written}.includes('The onon')")
        tab.run(click_on("button", "Stop"))
        assert writer.stopped.wait(browser.PATIENCE)
        assert tab.complaints == []
        elsewhere = [asked for asked in tab.asked if not asked.startswith((url, "data:", "blob:"))]
        assert elsewhere == []

        # Loaded again it offers another run, and then says how to make one.
        runs, name = root / "sentiment", "document.querySelector('input[aria-label=Run]')?.value"
        with moved(runs / "small", runs / "later"):
            tab.open(url)
            tab.wait(f"{name} == 'later'")
        with moved(runs, root / "elsewhere"):
            tab.open(url)
            tab.wait(f"document.body.innerText.includes('{sentiment.MAKE}')")


def test_files_of_the_machine_are_not_served(url, root):
    for path in (root / "sentiment/small/config.json", "/etc/passwd"):
        assert httpx.get(f"{url}gradio_api/file={path}").status_code in (403, 404)


@pytest.mark.parametrize(
    "options, message",
    [
        (["--port", "70000"], "--port must be from 0 to 65535"),
        (["--runs", "no"], "must be a folder"),
    ],
)
def test_a_wrong_option_is_one_line(options, message, capsys):
    with pytest.raises(SystemExit) as end:
        command.main(options)
    assert end.value.code == 2 and message in capsys.readouterr().err


def test_an_address_that_is_taken(url, tmp_path):
    port = int(url.rstrip("/").rpartition(":")[2])
    with pytest.raises(InputError, match=f"cannot listen at 127.0.0.1:{port}"):
        page.serve(page.build(tmp_path), "127.0.0.1", port)


def test_help_does_not_import_tensorflow():
    program = (
        "import runpy, sys; sys.argv = ['playground', '--help']\n"
        "try: runpy.run_module('apps.playground', run_name='__main__')\n"
        "except SystemExit: print([m for m in ('tensorflow', 'gradio') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip().endswith("[]") and "--port" in run.stdout
