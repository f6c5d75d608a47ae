"""The requests in docs/serving.md fit the exported runs that this machine has."""

import re
import subprocess
from pathlib import Path

import pytest

from apps.common.run import runs_root
from rnn_keras.serve import Limits, locate
from rnn_keras.serve.servable import Servable
from rnn_keras.serve.signature import parse_request
from rnn_keras.serve.sources import versions

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "serving.md").read_text("utf-8")
# `curl -d BODY localhost:8501/v1/models/NAME:predict`, on one or two lines.
REQUEST = re.compile(r"^curl -d [^\n]+(?:\\\n[^\n]+)?:8501/v1/models/(\w+):predict$", re.M)
REQUESTS = [(match[1], match[0]) for match in REQUEST.finditer(TEXT)]


def body(command):
    """What curl would send."""
    script = f'curl() {{ printf %s "$2"; }}\n{command}'
    return subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout


def test_there_is_a_request_for_each_application():
    apps = {"captioning", "char_lm", "ner", "sentiment", "stock", "summarization", "translation"}
    assert {name for name, _ in REQUESTS} == apps
    for _, command in REQUESTS:
        parse_request(body(command))


@pytest.mark.parametrize("name", sorted({name for name, _ in REQUESTS}))
def test_its_run_answers(name):
    try:
        base = locate([str(runs_root())])[name]
    except (KeyError, ValueError):
        pytest.skip(f"no exported run of {name}")
    version, path = max(versions(base).items())
    servable = Servable(version, path, timeout=60)
    for other, command in REQUESTS:
        if other == name:
            request = parse_request(body(command))
            signature = servable.signatures[request.get("signature_name", "serving_default")]
            feeds = signature.feeds(request, Limits())
            rows = "instances" in request
            assert signature.answer(servable.run(signature, feeds), rows=rows)
    servable.close()
