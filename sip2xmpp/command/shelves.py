"""Where ``sip2xmpp import`` puts documents: into the state file of a gateway that is stopped, or into one that runs.

A running gateway does not look for documents in its file, so they are put by XCAP, with the token of commands.  Either way a document
is looked at as the XCAP server looks at it, and kept only if it may be.
"""

import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, urlsplit

from twisted.internet.task import Clock

from sip2xmpp.command.reaching import base_url, opener
from sip2xmpp.config import Config
from sip2xmpp.errors import Refused, Unreachable
from sip2xmpp.importing.findings import FoundDocument
from sip2xmpp.importing.keeping import Outcome
from sip2xmpp.own_side import own_side
from sip2xmpp.policy_side import xcap_root
from sip2xmpp.portal.tokens import COMMAND, command_token
from sip2xmpp.store.documents import Document
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.offline import OfflineStore, offline
from sip2xmpp.store.records import Account
from sip2xmpp.xcap.conditions import Conditions
from sip2xmpp.xcap.documents import NotKept
from sip2xmpp.xcap.usages import usage_named
from sip2xmpp.xcap_side import kept_documents

SECONDS: Final = 15.0
LARGEST: Final = 1_000_000
SOON: Final = 5.0
"""Seconds within which a running gateway sees an account that was written into its file; it looks once a second."""

_PHRASE = re.compile(rb'phrase="([^"]{1,400})"')


class StoppedShelf:
    """The documents of a gateway that is stopped; what has to be written is put into ``made``.

    ``more`` are accounts that are not in the store, but would be if this were no dry run.
    """

    def __init__(
        self, config: Config, store: OfflineStore, made: list[Document], more: Iterable[Account] = ()
    ) -> None:
        clock = Clock()
        clock.rightNow = time.time()
        self._memory = MemoryStore(clock)
        for account in (*store.accounts.all(), *more):
            self._memory.accounts.put(account)
        for virtual in store.virtuals.all():
            self._memory.virtuals.put(virtual)
        for document in store.documents.all():
            self._memory.documents.put(document)
        own = own_side(config, self._memory, clock)
        self._documents = kept_documents(config, self._memory, clock, own=own)
        self._made = made

    def keep(self, found: FoundDocument, *, replaces: bool) -> Outcome:
        """Keep one; raises an error of ours with the reason why not."""
        held = self._documents.get(found.auid, str(found.owner), found.name)
        if held is not None and held.octets == found.octets:
            return Outcome.UNCHANGED
        if held is not None and not replaces:
            return Outcome.OURS_KEPT
        written = self._documents.put(found.auid, str(found.owner), found.name, found.octets, Conditions())
        self._made.append(written.document)
        return Outcome.ADDED if written.created else Outcome.REPLACED


class RunningShelf:
    """The documents of the gateway that runs."""

    def __init__(self, config: Config) -> None:
        self._base = base_url(config) + urlsplit(xcap_root(config)).path.rstrip("/")
        with offline(config.gateway.state) as store:
            secret = store.secrets.get(COMMAND)
        if secret is None:
            raise Unreachable("no gateway has used this state file yet; start it first")
        self._token = command_token(secret.value)

    def keep(self, found: FoundDocument, *, replaces: bool) -> Outcome:
        """Keep one; raises an error of ours with the reason why not."""
        usage = usage_named(found.auid)
        if usage is None:
            raise NotKept(f"documents of {found.auid} are not written here")
        name = quote(found.name, safe="/")
        path = f"/{usage.auid}/users/{quote(found.owner.sip_uri(), safe=':@')}/{name}"
        status, body = self._ask("GET", path)
        if status == 200 and body == found.octets:
            return Outcome.UNCHANGED
        if status == 200 and not replaces:
            return Outcome.OURS_KEPT
        status, body = self._ask("PUT", path, found.octets, usage.media)
        until = time.monotonic() + SOON
        while status == 404 and time.monotonic() < until:
            time.sleep(0.2)
            status, body = self._ask("PUT", path, found.octets, usage.media)
        if status not in (200, 201):
            phrase = _PHRASE.search(body)
            told = phrase[1] if phrase else body.split(b"\n", 1)[0][:200]
            raise Refused(told.decode("utf-8", "replace") or f"the gateway answers {status}")
        return Outcome.ADDED if status == 201 else Outcome.REPLACED

    def _ask(self, method: str, path: str, body: bytes | None = None, media: str = "") -> tuple[int, bytes]:
        request = urllib.request.Request(  # noqa: S310 - the scheme is ours
            f"{self._base}{path}",
            method=method,
            data=body,
            headers={"Authorization": f"Bearer {self._token}", **({"Content-Type": media} if media else {})},
        )
        try:
            with opener().open(request, timeout=SECONDS) as answer:
                return answer.status, answer.read(LARGEST)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(LARGEST)
        except OSError as error:
            raise Unreachable(
                f"no gateway answers at {self._base}: {getattr(error, 'reason', error)}"
            ) from None
        except http.client.HTTPException:
            raise Unreachable(f"what answers at {self._base} is not a gateway") from None
