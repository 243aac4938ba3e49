"""The HTTP API as commands use it: that of the gateway of this configuration, with the token that the state file is good for.

Who can read the state file can read everything that is in it, so nothing more has to be proved; the audit log names who types the command.
"""

import http.client
import json
import urllib.error
import urllib.request
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from sip2xmpp.command.deeds import login_name
from sip2xmpp.command.reaching import base_url, opener
from sip2xmpp.config import Config
from sip2xmpp.errors import Refused, Unreachable
from sip2xmpp.portal.operations import JSON
from sip2xmpp.portal.tokens import COMMAND, TYPIST, command_token
from sip2xmpp.store.offline import offline

SECONDS: Final = 15.0
"""How long an answer may take."""

LARGEST: Final = 16_000_000
"""Octets of an answer that are read."""


class Reply(NamedTuple):
    """What the gateway says; ``value`` is None without a body.  ``trouble`` is empty where all went well."""

    status: int
    value: Any
    trouble: str = ""


def ask(config: Config, method: str, path: str, body: object = None) -> Reply:
    """Make a request; ``path`` is below ``/api/v1``.

    Raises ``ConfigError``, ``StorageFailed`` or ``Unreachable``, or ``Refused`` for what is nobody's wish: no right, too much.
    """
    base = base_url(config)
    request = urllib.request.Request(  # noqa: S310 - the scheme is ours
        f"{base}/api/v1{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Authorization": f"Bearer {_token(config)}",
            TYPIST: quote(login_name(), safe=" @.-_"),
            **({} if body is None else {"Content-Type": JSON}),
        },
    )
    try:
        with opener().open(request, timeout=SECONDS) as answer:
            octets = answer.read(LARGEST)
            is_ours = not octets or answer.headers.get_content_type() == JSON
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
    if not is_ours or (octets and not isinstance(reply.value, dict | list)):
        raise Unreachable(f"what answers at {base} is not the API of a gateway")
    return reply


def _value(octets: bytes) -> Any:
    try:
        return json.loads(octets) if octets else None
    except ValueError:
        return None


def _token(config: Config) -> str:
    with offline(config.gateway.state) as store:
        secret = store.secrets.get(COMMAND)
    if secret is None:
        raise Unreachable("no gateway has used this state file yet; start it first")
    return command_token(secret.value)
