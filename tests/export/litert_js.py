"""LiteRT.js in headless Chromium: the files of the target "web" where they are meant to run.

The npm package is installed once, into the user's cache.
"""

import functools
import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from apps.common.errors import InputError
from apps.web import litertjs
from tests.apps.playground.browser import EXECUTABLE, Browser

PAGE = """<!doctype html><title>LiteRT.js</title><link rel="icon" href="data:,">
<script type="importmap">{"imports": {
  "@litertjs/core": "/node_modules/@litertjs/core/dist/index.js",
  "@litertjs/wasm-utils": "/node_modules/@litertjs/wasm-utils/dist/index.js"}}</script>
<script type="module">%s</script>"""
SCRIPT = """
import {loadAndCompile, loadLiteRt, Tensor} from '@litertjs/core';
const ready = loadLiteRt('/wasm/');
const ARRAYS = {float32: Float32Array, int32: Int32Array};

// The outputs of every call, and the median milliseconds of a call.
window.run = async (file, signature, calls, repeats) => {
  await ready;
  const model = await loadAndCompile(file, {accelerator: 'wasm'});
  const results = [], times = [];
  for (const call of calls) {
    const inputs = Object.fromEntries(Object.entries(call).map(([name, {dtype, shape, data}]) =>
      [name, new Tensor(new ARRAYS[dtype](data), shape)]));
    let outputs;
    for (let i = 0; i < repeats; i++) {
      const start = performance.now();
      outputs = await model.run(signature, inputs);
      for (const tensor of Object.values(outputs)) await tensor.data();
      times.push(performance.now() - start);
    }
    const result = {};
    for (const [name, tensor] of Object.entries(outputs)) {
      result[name] = {shape: [...tensor.type.layout.dimensions], data: [...await tensor.data()]};
    }
    results.push(result);
  }
  model.delete();
  return JSON.stringify({results, milliseconds: times.sort((a, b) => a - b)[times.length >> 1]});
};
"""


def missing() -> str | None:
    """Why LiteRT.js cannot run here, or None; installs the npm package."""
    if EXECUTABLE is None:
        return "there is no Chromium"
    try:
        litertjs.install()
    except InputError as error:
        return str(error)
    return None


class LiteRTJS:
    """A browser with LiteRT.js; a context manager.

    Args:
        folder: of the files to run, which the page finds at `/`; a browser profile is put there.
        script: JavaScript that the page runs instead of `SCRIPT`; LiteRT.js is at `/wasm/`.
    """

    def __init__(self, folder: Path, script: str = SCRIPT):
        self._folder = folder
        self._page = PAGE % (script + "\nwindow.loaded = true;")

    def __enter__(self):
        handler = functools.partial(_Handler, self._folder, self._page)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        (self._folder / "profile").mkdir(exist_ok=True)
        self.browser = Browser(self._folder / "profile")
        self.browser.open(f"http://127.0.0.1:{self._server.server_port}/")
        self.browser.wait("window.loaded")
        return self

    def __exit__(self, *_):
        self.browser.__exit__()
        self._server.shutdown()
        self._server.server_close()

    def run(self, file: str, signature: str, examples: list[dict], repeats: int = 1):
        """Runs a signature of a file in the folder.

        Returns:
            The outputs of each example, dictionaries of arrays, and the median milliseconds.

        Raises:
            RuntimeError: LiteRT.js refused the file or the inputs; with its message.
        """
        calls = [
            {name: {"dtype": x.dtype.name, "shape": x.shape, "data": x.ravel().tolist()}
             for name, x in example.items()}
            for example in examples
        ]  # fmt: skip
        arguments = ", ".join(map(json.dumps, (f"/{file}", signature, calls, repeats)))
        answer = json.loads(self.browser.run(f"run({arguments})"))
        results = [
            {name: np.reshape(value["data"], value["shape"]) for name, value in result.items()}
            for result in answer["results"]
        ]
        return results, answer["milliseconds"]


class _Handler(SimpleHTTPRequestHandler):
    """The page, the npm package and the files."""

    def __init__(self, folder, page, *arguments):
        self._files, self._page = folder, page
        super().__init__(*arguments)

    def translate_path(self, path):
        name = path.partition("?")[0].lstrip("/")
        if name.startswith("wasm/"):
            name = f"node_modules/@litertjs/core/{name}"
        return str((litertjs.install() if name.startswith("node_modules/") else self._files) / name)

    def do_GET(self):
        if self.path != "/":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self._page.encode())

    def log_message(self, *_):
        pass
