"""The HTTP API as commands use it: that of the gateway of this configuration, with a token of the configuration.

Who can read the configuration can read its tokens; the first one that has the right is taken, and the log of the gateway names it.
"""

import http.client
import json
import urllib.error
import urllib.request
from typing import Any, Final, NamedTuple

from sip2xmpp.address import Address
from sip2xmpp.command.status import url_of
from sip2xmpp.config import Config
from sip2xmpp.errors import ConfigError, Refused, Unreachable
from sip2xmpp.portal.problems import Problem
from sip2xmpp.portal.tokens import Right, Token, digest_of

SECONDS: Final = 15.0
"""How long an answer may take."""

LARGEST: Final = 16_000_000
"""Octets of an answer that are read."""


class Reply(NamedTuple):
    """What the gateway says; ``value`` is None without a body.  ``trouble`` is empty where all went well."""

    status: int
    value: Any
    trouble: str = ""


def ask(
    config: Config, address: Address, method: str, path: str, body: object = None, *, right: Right
) -> Reply:
    """Make a request about ``address``; ``path`` is below ``/api/v1``.

    Raises ``ConfigError`` without a token for it, ``Unreachable``, or ``Refused`` for what is nobody's wish: no right, too much.
    """
    base = url_of(config).removesuffix("/health")
    request = urllib.request.Request(  # noqa: S310 - the scheme is ours
        f"{base}/api/v1{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {_token(config, right, address)}",
            **({} if body is None else {"Content-Type": "application/json"}),
        },
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=SECONDS) as answer:
            octets = answer.read(LARGEST)
            reply = Reply(answer.status, _value(octets))
    except urllib.error.HTTPError as error:
        with error:
            value = _value(error.read(LARGEST))
        told = value if isinstance(value, dict) else {}
        trouble = str(told.get("detail", error.reason))
        if error.code in (400, 404, 409, 412, 422):
            return Reply(error.code, value, trouble)
        raise Refused(f"the gateway refuses it: {trouble}") from None
    except OSError as error:
        raise Unreachable(f"no gateway answers at {base}: {getattr(error, 'reason', error)}") from None
    except http.client.HTTPException:
        raise Unreachable(f"what answers at {base} is not the API of a gateway") from None
    if octets and not isinstance(reply.value, dict):
        raise Unreachable(f"what answers at {base} is not the API of a gateway")
    return reply


def _value(octets: bytes) -> Any:
    try:
        return json.loads(octets) if octets else None
    except ValueError:
        return None


def _token(config: Config, right: Right, address: Address) -> str:
    for name, each in (config.http.tokens if config.http is not None else {}).items():
        token = Token(
            name=name, digest=digest_of(each.token), addresses=each.addresses, may=frozenset(each.may)
        )
        try:
            token.check(right, address)
        except Problem:
            continue
        return each.token
    raise ConfigError([f"http.tokens: none has the right to {right.value} for {address}"])
