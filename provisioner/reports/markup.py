"""HTML that can only be built from escaped text: a `str` is no `Html`, and the type checker says so.

Names come from strangers. With one way in (`text`, `verbatim`) there is no place where escaping could be forgotten.
"""

from __future__ import annotations

import html
from typing import NewType

from provisioner.reports.legible import legible, prose

Html = NewType("Html", str)

_VOID = frozenset({"meta"})


def text(sentence: str) -> Html:
    """A sentence: white space means nothing, whatever is invisible or turns the line round is shown as a mark."""
    return Html(html.escape(prose(sentence)))


def verbatim(value: str) -> Html:
    """A name or value, every character of it, on its own as far as its direction of writing goes."""
    return Html(f"<bdi>{html.escape(legible(value))}</bdi>")


def element(name: str, /, *inner: Html, **attributes: str) -> Html:
    """`<name attribute="…">…</name>`; a trailing underscore is dropped (`class_`), another becomes a dash."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(value)}"' for key, value in attributes.items()
    )
    opened = f"<{name}{written}>"
    return Html(opened if name in _VOID else f"{opened}{''.join(inner)}</{name}>")


def joined(*parts: Html, between: str = "\n") -> Html:
    """Parts one after the other; `between` is white space."""
    assert not between.strip()
    return Html(between.join(each for each in parts if each))


def document(title: str, style: str, body: Html) -> Html:
    """A whole page that loads nothing, runs nothing and sends nothing, whatever it may come to contain."""
    assert "</" not in style
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    head = joined(
        Html('<meta charset="utf-8">'),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", text(title)),
        Html(f"<style>\n{style}</style>"),
    )
    return Html(f'<!doctype html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n')
