"""Where the pages may send a browser: to paths of ours, whatever it was that somebody asked for."""

import re
from urllib.parse import urlsplit


def own_path(wanted: str) -> str:
    """A path of ours to go to after signing in; ``/my`` for everything else."""
    if not wanted.isascii() or not wanted.isprintable() or len(wanted) > 1_000 or "\\" in wanted:
        return "/my"
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return "/my"
    if parts.scheme or parts.netloc or not re.match(r"/(?:my|panel)(?:[/?]|$)", wanted):
        return "/my"
    return wanted
