"""HTML from functions: what is not markup already is escaped."""

import base64
import mimetypes
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

EMPTY = {"img", "meta", "wbr"}  # elements without an end tag


class Html(str):
    """Text that is markup; every other text is escaped."""


def html(child: Any) -> Html:
    return child if isinstance(child, Html) else Html(escape(str(child)))


def join(children: Iterable[Any]) -> Html:
    return Html("".join(map(html, children)))


def element(name: str, /, *children: Any, **attributes: Any) -> Html:
    """element("p", "a < b", class_="note") is <p class="note">a &lt; b</p>."""
    said = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items())
    return Html(f"<{name}{said}>" if name in EMPTY else f"<{name}{said}>{join(children)}</{name}>")


def table(caption: str, head: Sequence[Any], rows: Iterable[Sequence[Any]], kind: str) -> Html:
    """A table that scrolls under its caption; the first cell of a row is the row's header."""
    top = element("tr", *(element("th", cell, scope="col") for cell in head))
    body = [
        element("tr", element("th", row[0], scope="row"), *(element("td", cell) for cell in row[1:])) for row in rows
    ]
    inside = element("table", element("thead", top), element("tbody", *body), class_=kind)
    scrolling = element("div", inside, class_="scroll", tabindex="0", role="region", aria_label=caption)
    return element("figure", element("figcaption", caption), scrolling)


def details(summary: str, *children: Any) -> Html:
    return element("details", element("summary", summary), *children)


def data_uri(path: Path) -> str:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
