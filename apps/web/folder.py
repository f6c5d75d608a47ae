"""Writes the folder of the page, and serves it."""

import functools
import json
import shutil
from collections.abc import Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from apps.common.errors import InputError
from apps.common.exported import one_line_export_errors
from apps.common.files import to_json
from apps.common.run import Run
from apps.web import litertjs
from apps.web.facts import run_facts
from rnn_keras.export import LiteRTModel
from rnn_keras.export.workspace import replace_folder, workspace

SOURCES = Path(__file__).parents[2] / "deploy" / "web"
MANIFEST = "manifest.json"


def write_folder(runs: Sequence[Run], out: Path, packages: Path) -> None:
    """Writes the page with the models of runs; it replaces an older one when it is complete.

    Args:
        runs: runs with a `web.tflite`.
        out: the folder to write.
        packages: the folder with the `node_modules` of LiteRT.js.

    Raises:
        InputError: a file of a run is missing or damaged.
    """
    with workspace(out.absolute()) as temporary:
        new, entries = temporary / "new", []
        shutil.copytree(SOURCES, new)
        for file in litertjs.FILES:
            copy = new / file.replace("node_modules/@litertjs", "litertjs")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(packages / file, copy)
        for run in runs:
            folder = f"models/{run.app}/{run.name}"
            (new / folder).mkdir(parents=True)
            model = run.path / "web.tflite"
            shutil.copyfile(model, new / folder / "model.tflite")
            with one_line_export_errors(run, model):
                facts = json.dumps(run_facts(run, LiteRTModel(model)), ensure_ascii=False)
            (new / folder / "run.json").write_text(facts, "utf-8")
            entries.append({"application": run.app, "name": run.name, "folder": folder})
        (new / MANIFEST).write_text(to_json({"runs": entries}), "utf-8")
        replace_folder(new, out, temporary)


def check_out(out: Path) -> None:
    """Refuses to replace a folder that is not a page, or to write where nothing can be written.

    Raises:
        InputError: `out` is a file, a folder with other files, or in a folder that cannot be made.
    """
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write --out {out}: {error.strerror}") from error
    if out.exists() and not (out / MANIFEST).is_file():
        if not out.is_dir() or any(out.iterdir()):
            raise InputError(f"--out {out} exists and is not a page; give a new or empty folder")


def server(out: Path, host: str, port: int) -> ThreadingHTTPServer:
    """A server of the folder, not yet running.

    Raises:
        InputError: the address cannot be used.
    """
    try:
        return ThreadingHTTPServer((host, port), functools.partial(_Handler, directory=str(out)))
    except OSError as error:
        raise InputError(f"cannot listen at {host}:{port}: {error.strerror}") from error


class _Handler(SimpleHTTPRequestHandler):
    # Not those of the operating system, which may lack or misname some.
    extensions_map = {
        ".css": "text/css",
        ".html": "text/html",
        ".js": "text/javascript",
        ".json": "application/json",
        ".wasm": "application/wasm",
        "": "application/octet-stream",
    }

    def end_headers(self):
        self.send_header("Cache-Control", "no-cache")  # a page written anew is shown at once
        super().end_headers()

    def log_message(self, *_):
        pass
