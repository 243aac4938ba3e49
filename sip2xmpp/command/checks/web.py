"""The web port and the secrets in files: what passes unencrypted, what can be guessed, and who may read what.

``reach`` asks for the address that clients are told to find documents at, as a client would.
"""

import stat
import urllib.error
import urllib.request
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from twisted.internet.threads import deferToThread

from sip2xmpp.command.checks.findings import Finding, Scene, Topic
from sip2xmpp.config import Config
from sip2xmpp.policy_side import xcap_root

topic = Topic(name="web")
secrets = Topic(name="secrets")

TIMEOUT: Final = 5.0
"""Seconds for the answer of a web server."""

VARIED: Final = 8
LONG: Final = 20
"""Different characters, and characters, of a token that is hard to guess."""

ANSWERS: Final = frozenset({200, 401, 403, 404})
"""What an XCAP server may say to somebody who asks for what everybody may ask."""


def look(scene: Scene) -> Iterator[Finding]:
    """Look at the settings and the files."""
    config = scene.config
    http = config.http
    if http is None:
        yield topic.fine("http", "there is no [http] table: no pages, no API, no XCAP, no /health")
    elif http.certificate is not None:
        yield topic.fine("http.listen", "speaks HTTPS")
    elif not ip_address(http.listen.host).is_loopback:
        yield topic.warning(
            "http.listen",
            f"{http.listen} speaks HTTP: passwords and tokens pass unencrypted",
            "give http.certificate and http.private_key, or listen on loopback behind a web server",
        )
    else:
        yield topic.fine("http.listen", f"speaks HTTP to this machine only, at {http.listen}")
    if http is not None and not config.xcap.root and ip_address(http.listen.host).is_unspecified:
        yield topic.warning(
            "xcap.root",
            f"clients are told to find their documents at {xcap_root(config)}, which is nowhere",
            "give the URL by which clients reach the port, as in https://xcap.sip.example.org/xcap",
        )
    if scene.health is not None:
        status = scene.health.get("status")
        if status == "ok":
            yield topic.fine("health", "the running gateway says that all is well")
        else:
            yield topic.warning(
                "health", f"the running gateway says: {status}", "sip2xmpp status shows which leg it is"
            )
    for name, token in http.tokens.items() if http is not None else ():
        if len(token.token) < LONG or len(set(token.token)) < VARIED:
            yield secrets.warning(
                f"http.tokens.{name}",
                "the token can be guessed",
                "use another one, as of: openssl rand -hex 24",
            )
    yield from _files(config, scene.file)


def _files(config: Config, file: Path) -> Iterator[Finding]:
    """Who may read the files with secrets?"""
    folder = file.parent
    sip, xmpp, http = config.sip, config.xmpp, config.http
    named: dict[str, Path | None] = {"sip.private_key": sip.private_key}
    written = [bool(each.password and each.password_file is None) for each in sip.credentials.values()]
    for realm, each in sip.credentials.items():
        named[f'sip.credentials."{realm}".password_file'] = each.password_file
    if xmpp is not None:
        named["xmpp.secret_file"] = xmpp.secret_file
        written.append(bool(xmpp.secret and xmpp.secret_file is None))
    if http is not None:
        named["http.private_key"] = http.private_key
        written += [token.token_file is None for token in http.tokens.values()]
        for name, token in http.tokens.items():
            named[f"http.tokens.{name}.token_file"] = token.token_file
    if any(written):
        named["the configuration, which holds a secret"] = file
    open_ones = 0
    for about, path in named.items():
        if path is not None and _is_open(folder / path):
            open_ones += 1
            yield secrets.warning(
                about, f"everybody on this machine may read {path}", f"chmod o-rwx {folder / path}"
            )
    if not open_ones:
        yield secrets.fine("files", "nobody else on this machine may read a secret")


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False  # a credential of the service manager, in a place of its own


async def reach(scene: Scene) -> list[Finding]:
    """Is the root of XCAP where clients are told that it is?"""
    root = scene.config.xcap.root
    if not root or scene.config.http is None:
        return []
    finding: Finding = await deferToThread(_ask, root, scene.is_running)
    return [finding]


def _ask(root: str, is_running: bool) -> Finding:
    about, url = "xcap.root", f"{root}/xcap-caps/global/index"
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310 - the setting takes http and https only
            status = answer.status
    except urllib.error.HTTPError as error:
        error.close()
        status = error.code
    except (OSError, ValueError) as error:
        return topic.warning(
            about,
            f"{root} is not reached from here: {getattr(error, 'reason', error)}",
            "let the web server pass it to http.listen; clients cannot keep documents without it",
        )
    if status in ANSWERS:
        return topic.fine(about, f"{root} is reached")
    if not is_running:
        return topic.fine(about, f"{root} is reached, and says {status} while the gateway is stopped")
    return topic.warning(
        about, f"{root} says {status}", "let the web server pass it to http.listen; see its log for why not"
    )
