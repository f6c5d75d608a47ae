"""Redraws the pictures of the playground: `python -m tests.apps.playground.screenshots [RUNS]`.

The newest exported run of each application in RUNS is shown. Needs Chromium.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from apps.common.run import runs_root
from tests.apps.playground.browser import Browser

PICTURES = Path(__file__).resolve().parents[3] / "docs" / "figures"
WIDTH, HEIGHT, COLORS = 1240, 900, 256


def visible(selector: str) -> str:
    """JavaScript for the elements that are shown."""
    return f"[...document.querySelectorAll('{selector}')].filter(e => e.offsetParent)"


def ask(browser: Browser, app) -> None:
    """Press the button of the tab of `app`, and wait for its answer and its gates."""
    tabs, buttons = visible("button[role=tab]"), visible("button.primary")
    pictures = visible("img[src*=file]")
    browser.wait(f"{tabs}.length")
    browser.run(f"{tabs}.find(e => e.innerText.trim() == '{app.TITLE}').click()")
    # Until then the only button is that of the tab before.
    browser.wait(f"{tabs}.find(e => e.ariaSelected == 'true').innerText.trim() == '{app.TITLE}'")
    browser.wait(f"{buttons}.length == 1")
    browser.run(f"{buttons}[0].click()")
    wanted = 1 + (app.APP in ("inside", "stock", "translation"))
    browser.wait(f"{pictures}.length == {wanted}")
    # Gradio loads a picture when it comes near the screen.
    browser.run(f"{pictures}.at(-1).scrollIntoView()")
    browser.wait(f"{pictures}.every(e => e.complete)")
    browser.run("scrollTo(0, 0)")
    browser.wait("!document.querySelector('.progress-text')")


def main(root: Path) -> None:
    """Draw all."""
    from apps.playground import page

    blocks = page.build(root)
    url = page.serve(blocks, "127.0.0.1", 0)
    with tempfile.TemporaryDirectory() as profile, Browser(Path(profile), (WIDTH, HEIGHT)) as tab:
        tab.open(url)
        for app in page.TABS:
            ask(tab, app)
            tab.resize(WIDTH, tab.run("document.querySelector('.gradio-container').scrollHeight"))
            image = Image.open(io.BytesIO(tab.screenshot())).convert("RGB").quantize(COLORS)
            PICTURES.mkdir(exist_ok=True)
            path = PICTURES / f"playground_{app.APP}.png"
            image.save(path, optimize=True)
            print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")
            tab.resize(WIDTH, HEIGHT)
    blocks.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else runs_root())
