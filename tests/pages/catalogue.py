"""The catalogue of all visible texts, taken out of templates and modules: what ``locale/sip2xmpp.pot`` is made of.

Whoever changes a text writes the file anew by ``python -m tests.pages.catalogue``; a test says so.
"""

import re
from datetime import UTC, datetime
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

METHODS: Final = [("**/templates/**.html", "jinja2"), ("**.py", "python")]
OPTIONS: Final = {
    "**/templates/**.html": {"encoding": "utf-8", "trimmed": "true", "newstyle_gettext": "true"}
}
KEYWORDS: Final = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2), "translate": None}
BEGINNING: Final = "# The visible texts of the pages.  Made by: python -m tests.pages.catalogue\n#\n"


def extracted() -> bytes:
    """The catalogue as a ``.pot`` file; the same for the same sources."""
    made = datetime(2000, 1, 1, tzinfo=UTC)
    catalogue = Catalog(
        project="sip2xmpp", charset="utf-8", creation_date=made, revision_date=made, fuzzy=False
    )
    for name, _, message, _, context in extract_from_dir(
        _folder(), METHODS, OPTIONS, KEYWORDS, strip_comment_tags=True
    ):
        catalogue.add(message, locations=[(name, 0)], context=context)
    octets = BytesIO()
    write_po(octets, catalogue, sort_output=True, omit_header=False, include_lineno=False, width=120)
    text = octets.getvalue().decode()
    text = text[re.search(r"^msgid", text, re.MULTILINE).start() :]  # type: ignore[union-attr]
    kept = [
        line for line in text.splitlines() if not re.match(r'"(POT-Creation|PO-Revision|Generated-By)', line)
    ]
    return (BEGINNING + "\n".join(kept) + "\n").encode()


def _folder() -> str:
    return str(files("sip2xmpp.pages"))


if __name__ == "__main__":
    Path(_folder(), "locale", "sip2xmpp.pot").write_bytes(extracted())
