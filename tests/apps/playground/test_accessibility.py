"""The page on a phone, and for visitors who see less, in a light and a dark theme."""

import os
import warnings

import pytest

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when Gradio is imported

from apps.playground import page
from tests.apps.playground import browser, small_runs
from tests.apps.playground.accessibility import NAMELESS, PALE
from tests.apps.playground.screenshots import ask, visible

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.skipif(browser.EXECUTABLE is None, reason="there is no chromium"),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    small_runs.all_of(root)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        blocks = page.build(root)
        yield page.serve(blocks, "127.0.0.1", 0)
        blocks.close()


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_tab_fits_a_phone_and_can_be_read(url, tmp_path, theme):
    with browser.Browser(tmp_path, (390, 844)) as tab:
        tab.open(f"{url}?__theme={theme}")
        for app in page.TABS:
            if app.APP == "char_lm":  # whose small run has no LiteRT file
                tab.run(f"{visible('[role=tab]')}.find(e => e.innerText == '{app.TITLE}').click()")
                tab.wait(f"{visible('button.primary')}[0]?.innerText == 'Generate'")
            else:
                ask(tab, app)
                assert tab.wait(f"{visible('.picture img')}.every(e => e.alt)")
            assert tab.run("document.documentElement.scrollWidth") <= 390
            rights = f"{visible('[role=tab]')}.map(e => e.getBoundingClientRect().right)"
            assert len(tab.run(rights)) == len(page.TABS) and max(tab.run(rights)) <= 390
            levels = tab.run(f"{visible('h1, h2, h3, h4')}.map(e => +e.tagName[1])")
            assert levels[0] == 1 and all(b <= a + 1 for a, b in zip(levels, levels[1:]))
            assert tab.run(PALE) == [] and tab.run(NAMELESS) == []
