"""Does a watcher take a media type, as far as its Accept header says?

Implements: RFC 3261 section 20.1.
"""

import re
from typing import Final

_REFUSED: Final = re.compile(r"q\s*=\s*0(?:\.0*)?")


def accepts(accept: str, media: str) -> bool:
    """Whether ``accept``, the whole header as one value, takes ``media``; one that names nothing takes everything.

    What is refused with ``q=0`` by name is not taken because of a wildcard.
    """
    wanted = {media, f"{media.partition('/')[0]}/*", "*/*"}
    taken: dict[str, bool] = {}
    for item in accept.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        if name:
            taken[name] = not any(_REFUSED.fullmatch(parameter) for parameter in parameters)
    if not taken:
        return True
    return taken.get(media, True) and any(taken.get(name, False) for name in wanted)
