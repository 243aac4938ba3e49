"""Foreign text on its way into a stanza: cleaned, capped, escaped.

One control character ends the whole component stream with ``not-well-formed``, and a lone surrogate cannot be encoded
at all, so every text passes through ``clean`` before it is escaped.  Almost all text is printable and leaves by the
first line.

Implements: XML 1.0 section 2.2 (Char), 2.4 (escaping), 2.11 (line ends); RFC 6120 section 11.
"""

import re

STATUS_LIMIT = 1024
"""Longest status, mood or activity text sent or taken, in characters."""
NAME_LIMIT = 256
"""Longest nickname or other one-line label, in characters."""

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str, limit: int | None = None) -> str:
    """Return ``text`` without what XML forbids, line ends as line feeds, cut to ``limit`` characters with an ellipsis."""
    if not text.isprintable():
        text = _ILLEGAL.sub("", text)
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
    if limit is not None and len(text) > limit:
        return text[: limit - 1] + "…"
    return text


def escape(text: str) -> str:
    """Escape character data that ``clean`` has passed."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def quote(value: str) -> str:
    """Escape an attribute value, which this program always writes in apostrophes."""
    if value.isalnum():
        return value
    value = (
        clean(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("'", "&apos;")
    )
    if value.isprintable():
        return value
    return value.replace("\n", "&#10;").replace("\t", "&#9;")


def text_of(text: str, limit: int | None = None) -> str:
    """Return ``text`` cleaned, capped and escaped: ready to stand between two tags."""
    return escape(clean(text, limit))
