"""Tokens of the API at the XCAP server: what a program with the right ``documents`` may do there.

It reads and writes the documents of the addresses that its patterns are for.  The global tree belongs to nobody: it is for tokens
of every address, whose pattern is ``*@*``.
"""

from dataclasses import dataclass
from typing import Final

from sip2xmpp.address import Address
from sip2xmpp.portal.problems import Problem
from sip2xmpp.portal.tokens import Right, Token, Tokens
from sip2xmpp.xcap.authentication import Caller, Unproved

EVERYBODY: Final = "*@*"
"""The pattern of tokens that the global tree is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Who has a token."""

    token: Token
    address: Address | None = None
    is_metered: bool = False

    @property
    def name(self) -> str:
        return self.token.name

    def may_write(self, owner: Address | None) -> bool:
        """Whether the token is for documents of this user, or of everybody."""
        if owner is None:
            return Right.DOCUMENTS in self.token.may and EVERYBODY in self.token.addresses
        try:
            self.token.check(Right.DOCUMENTS, owner)
        except Problem:
            return False
        return True


class DocumentTokens:
    """Finds the program of a request."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def __call__(self, authorization: str, peer: str) -> Caller:
        """Raises ``Unproved``."""
        try:
            return Program(token=self._tokens.of(authorization, peer))
        except Problem as problem:
            raise Unproved(
                problem.detail, status=problem.status, headers=tuple(problem.headers.items())
            ) from None
