"""Redraws the picture of the page: `python -m tests.apps.web.screenshots [FOLDER]`.

FOLDER, else build/web, is what `python -m apps.web` wrote. Needs Chromium.
"""

import io
import sys
import tempfile
import threading
from pathlib import Path

from PIL import Image

from apps.web.folder import server
from tests.apps.playground.browser import Browser
from tests.apps.playground.screenshots import COLORS, PICTURES

SIZE, GAP = (390, 1090), 16
SHOWN = ("char_lm", "sentiment", "stock")


def main(folder: Path) -> None:
    """Draw the first run of each application side by side."""
    images = []
    with server(folder, "127.0.0.1", 0) as http, tempfile.TemporaryDirectory() as profile:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        with Browser(Path(profile), SIZE) as tab:
            tab.open(f"http://127.0.0.1:{http.server_port}/")
            for app in SHOWN:
                tab.wait("!!document.querySelector('nav a')")
                tab.run(f"document.querySelector('nav a[href*=\"/{app}/\"]').click()")
                tab.wait(f"document.querySelector('main section')?.dataset.run.includes('/{app}/')")
                tab.run("document.forms[0].requestSubmit()")
                tab.wait("!document.querySelector('form button:disabled')")
                images.append(Image.open(io.BytesIO(tab.screenshot())))
        http.shutdown()
    width, height = SIZE
    picture = Image.new("RGB", (len(images) * (width + GAP) - GAP, height), "#c8c8c8")
    for i, image in enumerate(images):
        picture.paste(image, (i * (width + GAP), 0))
    picture.quantize(COLORS).save(PICTURES / "web.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if sys.argv[1:] else "build/web"))
