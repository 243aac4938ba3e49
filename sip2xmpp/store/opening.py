"""From the operator's setting ``gateway.state`` to an open store."""

from pathlib import Path
from typing import Any

from sip2xmpp.errors import ConfigError
from sip2xmpp.store.connection import Claim, connect
from sip2xmpp.store.interface import Store
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.sqlite import SqliteStore


def open_store(url: str, *, reactor: Any) -> Store:
    """The store ``memory:`` or ``sqlite:/path`` names, its records loaded; raises ``ConfigError``.

    ``reactor`` is an ``IReactorTime`` that is an ``IReactorFromThreads`` too.
    """
    path = state_path(url)
    if path is None:
        return MemoryStore(reactor)
    connection = connect(path)
    try:
        claim = Claim(path)
    except ConfigError:
        connection.close()
        raise
    try:
        return SqliteStore(connection, claim, clock=reactor, threads=reactor)
    except ConfigError:
        connection.close()
        claim.release()
        raise


def state_path(url: str) -> Path | None:
    """The file that ``sqlite:/path`` names, or None for ``memory:``; raises ``ConfigError``."""
    scheme, colon, rest = url.partition(":")
    if colon and scheme == "memory" and not rest:
        return None
    if colon and scheme == "sqlite" and rest:
        return Path(rest)
    raise ConfigError([f"gateway.state: {url!r} is neither memory: nor sqlite:/path/of/a/file"])
