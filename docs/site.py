"""Hook of MkDocs: pages made of README.md, the lessons and the docstrings, and links to sources.

The documents link to files of the repository, which a clone and a forge can follow. On the site,
links to the lessons lead to their pages, and links to other files outside of `docs` become code.
"""

import ast
import posixpath
import re
from html import unescape
from pathlib import Path

import griffe
import jupytext
from latex2mathml.converter import convert
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    "layers", "seq2seq", "inspect", "decoding", "data", "text", "training", "metrics", "export",
    "interop",
)  # fmt: skip
PLOTS = "](../benchmarks/results/"
FORMULA = re.compile(r'<(?:span|div) class="arithmatex">(.*?)</(?:span|div)>', re.DOTALL)
DOCTEST = re.compile(r"^( *)>>> .*(?:\n\1\S.*)*", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#\s]+)(#[^)]*)?\)")


def on_files(files, config):
    """Adds the generated pages."""
    pages = {"index.md": (ROOT / "README.md").read_text("utf-8")}
    for lesson in sorted((ROOT / "docs/lessons").glob("*.py")):
        pages[f"lessons/{lesson.stem}.md"] = _lesson(lesson)
        files.remove(files.get_file_from_path(f"lessons/{lesson.name}"))
    for name in PACKAGES:
        pages[f"api/{name}.md"] = _api(name)
    for plot in sorted((ROOT / "benchmarks/results").glob("*.png")):
        files.append(File.generated(config, f"benchmarks/{plot.name}", abs_src_path=str(plot)))
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown, page, config, files):
    """Rewrites the links of a page."""
    start = posixpath.dirname(page.file.src_uri)
    folder = "" if page.file.src_uri == "index.md" else posixpath.join("docs", start)

    def rewrite(match):
        text, target, anchor = match.group(1), match.group(2), match.group(3) or ""
        if "://" in target:
            return match.group(0)
        path = posixpath.normpath(posixpath.join(folder, target))
        if not (ROOT / path).exists():
            return match.group(0)  # a mistake, or a generated page: MkDocs checks it
        inside = path.removeprefix("docs/")
        if path.startswith("docs/lessons/") and path.endswith(".py"):
            inside = inside.removesuffix(".py") + ".md"
        file = files.get_file_from_path(inside) if path.startswith("docs/") else None
        if file and file.inclusion.is_included():
            return f"[{text}]({posixpath.relpath(inside, start or '.')}{anchor})"
        return f"{text} (`{path}`)" if text != path else f"`{path}`"

    markdown = LINK.sub(rewrite, markdown)
    for source, place in (("](docs/figures/", "](figures/"), (PLOTS, "](benchmarks/")):
        markdown = markdown.replace(source, place)
    return markdown


def on_page_content(html, page, config, files):
    """Formulas become MathML, which browsers show without a script from the network."""
    return FORMULA.sub(_mathml, html)


def _mathml(match):
    tex = unescape(match.group(1))
    return convert(tex[2:-2], display="block" if tex.startswith(r"\[") else "inline")


class Doctests(griffe.Extension):
    """Examples in docstrings become code blocks."""

    def on_object(self, *, obj, **_):
        """Rewrites the docstring of what was read."""
        if obj.docstring:
            obj.docstring.value = DOCTEST.sub(r"\1```pycon\n\g<0>\n\1```", obj.docstring.value)


def _lesson(path):
    """The Markdown of a lesson."""
    text = jupytext.writes(jupytext.read(path), "md")
    return re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)


def _api(name):
    """A page with what `rnn_keras/NAME/__init__.py` imports from its modules."""
    tree = ast.parse((ROOT / f"rnn_keras/{name}/__init__.py").read_text("utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    own = [node for node in imports if node.module.startswith(f"rnn_keras.{name}.")]
    names = sorted({alias.name for node in own for alias in node.names}, key=str.lower)
    return f"# rnn_keras.{name}\n\n" + "\n".join(f"::: rnn_keras.{name}.{n}\n" for n in names)
