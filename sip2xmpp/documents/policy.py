"""Rule documents: the values of ``documents.ruleset`` beside their codec.

Implements: RFC 4745; RFC 5025.
"""

from typing import Final

from sip2xmpp.documents.policy_reading import read
from sip2xmpp.documents.policy_writing import write
from sip2xmpp.documents.ruleset import (
    AnonymousRequest,
    Condition,
    Except,
    ExternalList,
    Identity,
    Many,
    One,
    OtherIdentity,
    Rule,
    Ruleset,
    Sphere,
    SubHandling,
    UnknownCondition,
    Validity,
)

__all__ = [
    "CONTENT_TYPE",
    "AnonymousRequest",
    "Condition",
    "Except",
    "ExternalList",
    "Identity",
    "Many",
    "One",
    "OtherIdentity",
    "Rule",
    "Ruleset",
    "Sphere",
    "SubHandling",
    "UnknownCondition",
    "Validity",
    "read",
    "write",
]

CONTENT_TYPE: Final = "application/auth-policy+xml"
