"""The description of the API as an HTML page without scripts or external resources."""

import json
import re
from collections.abc import Iterator
from html import escape
from typing import Any

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em }
pre { background: #8882; padding: .6em; overflow-x: auto }
code, pre { font: 14px/1.5 ui-monospace, monospace }
h2 { margin-top: 2em; border-top: 1px solid #8884; padding-top: 1em; font-size: 1.1em }
h2 code { font-size: 1em }
td { padding: 0 1em 0 0; vertical-align: top }
"""


def page(description: dict[str, Any]) -> str:
    """An HTML page.

    Args:
        description: an OpenAPI document.
    """
    title = escape(description["info"]["title"])
    operations = "".join(
        line
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
        for line in _operation(method.upper(), path, operation)
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style><h1>{title}</h1>"
        f"<p>{_prose(description['info'].get('description', ''))}</p>"
        f'<p>For programs: <a href="/openapi.json">openapi.json</a></p>{operations}</html>'
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<h2><code>{method} {escape(path)}</code></h2><p>{escape(operation['summary'])}</p>"
    yield "<table>"
    for parameter in operation.get("parameters", ()):
        schema = parameter["schema"]
        values = ", ".join(schema.get("enum", ()))
        yield _row(parameter["name"], f"{parameter.get('description', '')} {values}")
    for status, answer in operation["responses"].items():
        yield _row(status, answer["description"])
    yield "</table>"
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    for name, example in body.get("examples", {}).items():
        value = json.dumps(example["value"], ensure_ascii=False)
        yield f"<p>{escape(name)}</p><pre>{escape(value)}</pre>"


def _prose(markdown: str) -> str:
    return re.sub("`(.+?)`", r"<code>\1</code>", escape(markdown))


def _row(name: str, text: str) -> str:
    return f"<tr><td><code>{escape(name)}</code><td>{escape(text)}</tr>"
