"""An XCAP client over the standard library's HTTP and digest authentication, which share no code with the gateway."""

import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

from tests.peers.ports import LOOPBACK

SECONDS = 10.0
"""How long an answer may take."""

TYPES = {
    "resource-lists": "application/resource-lists+xml",
    "rls-services": "application/rls-services+xml",
    "pres-rules": "application/auth-policy+xml",
    "org.openmobilealliance.pres-rules": "application/auth-policy+xml",
    "org.openxcap.dialog-rules": "application/auth-policy+xml",
    "pidf-manipulation": "application/pidf+xml",
    "org.openmobilealliance.pres-content": "application/vnd.oma.pres-content+xml",
}
"""The media type of the documents of an application usage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class XcapAnswer:
    """What the server says; ``etag`` is empty if it gives none."""

    status: int
    etag: str
    content_type: str
    octets: bytes


class Digest(urllib.request.HTTPDigestAuthHandler):
    """Digest that closes the answer with the challenge, which the standard library leaves to the garbage collector."""

    def http_error_401(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        fp.close()
        return super().http_error_401(req, fp, code, msg, headers)


class XcapClient:
    """A user (``user@domain``) with a password, at the XCAP root of a gateway that listens to ``port``."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self.root = f"http://{LOOPBACK}:{port}/xcap"
        self.user = user
        passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        passwords.add_password(None, self.root, user.partition("@")[0], password)
        self._opener = urllib.request.build_opener(Digest(passwords))

    def path(self, auid: str, name: str = "index") -> str:
        """Where a document of this user is, below the root."""
        return f"{auid}/users/{quote(f'sip:{self.user}', safe=':@')}/{name}"

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        media: str = "",
        conditions: Mapping[str, str] = MappingProxyType({}),
    ) -> XcapAnswer:
        """One request; ``conditions`` are header fields."""
        request = urllib.request.Request(f"{self.root}/{path}", data=body, method=method)
        if media:
            request.add_header("Content-Type", media)
        for name, value in conditions.items():
            request.add_header(name, value)
        try:
            answer = self._opener.open(request, timeout=SECONDS)
        except HTTPError as error:
            answer = error
        with answer:
            return XcapAnswer(
                status=answer.status,
                etag=answer.headers.get("ETag", ""),
                content_type=answer.headers.get("Content-Type", ""),
                octets=answer.read(),
            )

    def get(self, auid: str, name: str = "index") -> XcapAnswer:
        """A document of this user."""
        return self.request("GET", self.path(auid, name))

    def put(
        self,
        auid: str,
        document: str | bytes,
        name: str = "index",
        *,
        conditions: Mapping[str, str] = MappingProxyType({}),
    ) -> XcapAnswer:
        """Write a document of this user."""
        octets = document if isinstance(document, bytes) else document.encode()
        return self.request("PUT", self.path(auid, name), octets, media=TYPES[auid], conditions=conditions)

    def delete(self, auid: str, name: str = "index") -> XcapAnswer:
        """Delete a document of this user."""
        return self.request("DELETE", self.path(auid, name))
