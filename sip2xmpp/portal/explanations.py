"""The operation that explains what a watcher is shown of a presentity: ``/api/v1/users/{address}/watchers/{watcher}/explanation``.

The command ``sip2xmpp explain`` gives the same values.
"""

from collections.abc import Callable
from typing import Any, Final

from sip2xmpp.address import Address
from sip2xmpp.documents import pidf
from sip2xmpp.errors import NoSuchPresentity
from sip2xmpp.portal.operations import Answer, Call, Operation
from sip2xmpp.portal.sources import moment_told
from sip2xmpp.portal.tokens import Right
from sip2xmpp.presence.canonical import canonical
from sip2xmpp.presence.explaining import Decision, Explaining, Explanation, ToldRule
from sip2xmpp.presence.policy import Ground, Handling

_WORDS: Final = {"type": "array", "items": {"type": "string"}}
_HANDLING: Final = {"type": "string", "enum": [handling.value for handling in Handling]}
_DECISION: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["handling", "decided_by", "decided_at", "rules", "unreadable"],
    "properties": {
        "handling": _HANDLING,
        "decided_by": {"type": "string", "enum": [ground.value for ground in Ground]},
        "decided_at": {"type": ["string", "null"], "format": "date-time"},
        "rules": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["document", "id", "applies", "handling", "conditions", "provides"],
                "properties": {
                    "document": {"type": "string"},
                    "id": {"type": "string"},
                    "applies": {"type": "boolean"},
                    "handling": {"type": ["string", "null"]},
                    "conditions": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["condition", "holds"],
                            "properties": {"condition": {"type": "string"}, "holds": {"type": "boolean"}},
                        },
                    },
                    "provides": _WORDS,
                },
            },
        },
        "unreadable": _WORDS,
    },
}
EXPLANATION_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["address", "watcher", "presence", "calls", "provides", "removed", "shown"],
    "properties": {
        "address": {"type": "string"},
        "watcher": {"type": "string"},
        "presence": _DECISION,
        "calls": _DECISION,
        "provides": {"type": ["array", "null"], "items": {"type": "string"}},
        "removed": _WORDS,
        "shown": {"type": ["string", "null"]},
    },
}


class Explanations:
    """The operation; ``exists`` says who is one of ours."""

    def __init__(self, explaining: Explaining, exists: Callable[[Address], bool]) -> None:
        self._explaining = explaining
        self._exists = exists

    def operations(self) -> list[Operation]:
        """The rows of the table."""
        return [
            Operation(
                method="GET",
                path="/api/v1/users/{address}/watchers/{watcher}/explanation",
                name="explainWatcher",
                summary="What a watcher is shown now, and which decision or rules say so",
                about="`provides` is null where everything is shown; `removed` is what the present document has and `shown` has not.",
                right=Right.READ,
                serve=self._explain,
                answer=EXPLANATION_SCHEMA,
            )
        ]

    async def _explain(self, call: Call) -> Answer:
        address = call.addresses["address"]
        if not self._exists(address):
            raise NoSuchPresentity(f"nobody is called {address}")
        return Answer(value=explanation_told(self._explaining.explain(address, call.addresses["watcher"])))


def explanation_told(explanation: Explanation) -> dict[str, Any]:
    """An explanation as JSON values."""
    return {
        "address": str(explanation.presentity),
        "watcher": str(explanation.watcher),
        "presence": _decision_told(explanation.presence),
        "calls": _decision_told(explanation.calls),
        "provides": None if explanation.provides is None else list(explanation.provides),
        "removed": list(explanation.removed),
        "shown": None if explanation.shown is None else pidf.write(canonical(explanation.shown)).decode(),
    }


def _decision_told(decision: Decision) -> dict[str, Any]:
    return {
        "handling": decision.handling.value,
        "decided_by": decision.ground.value,
        "decided_at": moment_told(decision.decided_at),
        "rules": [_rule_told(each) for each in decision.rules],
        "unreadable": list(decision.unreadable),
    }


def _rule_told(rule: ToldRule) -> dict[str, Any]:
    return {
        "document": rule.document,
        "id": rule.id,
        "applies": rule.applies,
        "handling": rule.handling or None,
        "conditions": [{"condition": each.text, "holds": each.holds} for each in rule.conditions],
        "provides": list(rule.provides),
    }
