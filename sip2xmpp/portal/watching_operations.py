"""The operations that look at the gateway while it works: pairs and their traces, and the history of the counters.

Reading messages needs the right to operate, because presence is private and a trace shows all of it; that a trace was begun and ended is in
the audit log.
"""

from typing import Any, Final

from sip2xmpp.portal.history import HOUR, PERIODS, History, course_told
from sip2xmpp.portal.operations import JSON, Answer, Call, Operation
from sip2xmpp.portal.pairs import LONGEST, SHORTEST, Pairs
from sip2xmpp.portal.problems import Problem
from sip2xmpp.portal.shapes import Member, choice, from_body, members, whole
from sip2xmpp.portal.sources import moment_told
from sip2xmpp.portal.tokens import Right
from sip2xmpp.tracing import MESSAGES, PAIRS

ROOT: Final = "/api/v1/operator"
TRACE: Final = f"{ROOT}/trace/{{watcher}}/{{presentity}}"

_MOMENT: Final = {"type": ["string", "null"], "format": "date-time"}
_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "integer"}
_SECONDS: Final = Member(
    shape=whole(least=SHORTEST, most=LONGEST),
    about="For how many seconds the pair is traced; whoever reads the trace renews that.",
    default=LONGEST,
)
_WISH: Final = members({"seconds": _SECONDS})


def _object(**members: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(members), "properties": members}


_TRACE: Final = _object(
    since=_MOMENT, until=_MOMENT, seconds={"type": "number"}, count=_NUMBER, dropped=_NUMBER
)
_DIALOG: Final = _object(
    role=_TEXT,
    event=_TEXT,
    state=_TEXT,
    call_id=_TEXT,
    expires_at=_MOMENT,
    next=_object(what=_TEXT, at=_MOMENT),
    local_cseq=_NUMBER,
    remote_cseq=_NUMBER,
    flow=_TEXT,
    remote_target=_TEXT,
    user_agent=_TEXT,
    under_way={"type": "boolean"},
    failures=_NUMBER,
)
_AUTHORIZATION: Final = _object(
    side=_TEXT,
    state=_TEXT,
    watcher_jid=_TEXT,
    contact_jid=_TEXT,
    asked_at=_MOMENT,
    since=_MOMENT,
    expires_at=_MOMENT,
)
_MESSAGE: Final = _object(
    number=_NUMBER,
    at=_MOMENT,
    leg={"type": "string", "enum": ["sip", "xmpp", "mapping"]},
    way={"type": "string", "enum": ["in", "out"]},
    what=_TEXT,
    peer=_TEXT,
    text=_TEXT,
    after=_TEXT,
    lost={"type": "array", "items": _TEXT},
    cut={"type": "boolean"},
)
_FACTS: Final[dict[str, Any]] = {
    "watcher": _TEXT,
    "presentity": _TEXT,
    "at": _MOMENT,
    "dialogs": {"type": "array", "items": _DIALOG},
    "authorizations": {"type": "array", "items": _AUTHORIZATION},
    "judgement": {"type": ["object", "null"]},
    "domains": {"type": "array", "items": {"type": "object"}},
    "links": {"type": "object"},
    "trouble": {"type": ["object", "null"]},
}
_FOLLOWED: Final = _object(
    **_FACTS,
    trace={**_TRACE, "type": ["object", "null"]},
    messages={"type": "array", "items": _MESSAGE},
)


class WatchingOperations:
    """The operations."""

    def __init__(self, pairs: Pairs, history: History) -> None:
        self._pairs = pairs
        self._history = history

    def operations(self) -> list[Operation]:
        """The rows of the table."""
        return [
            Operation(
                method="GET",
                path=f"{ROOT}/pairs/{{watcher}}/{{presentity}}",
                name="readPair",
                summary="How a watcher and a presentity stand: dialogs, authorization, decision, domains, last trouble",
                about="Nothing has to be traced for it.  `trouble` is what went wrong with the pair last, null for nothing lately.",
                right=Right.OBSERVE,
                serve=self._pair,
                answer=_object(**_FACTS),
            ),
            Operation(
                method="GET",
                path=f"{ROOT}/trace",
                name="listTraces",
                summary="The pairs that are traced now",
                about=f"{PAIRS} at most.",
                right=Right.OBSERVE,
                serve=self._traced,
                answer={"type": "array", "items": {"type": "object"}},
            ),
            Operation(
                method="POST",
                path=TRACE,
                name="traceMessages",
                summary="Keep the messages of a pair from now on",
                about=f"The last {MESSAGES} of them, on both legs, with each presence before and after mapping.  Passwords and what is "
                "made of them are left out.  For a pair that is traced already the time begins anew.",
                right=Right.OPERATE,
                serve=self._begin,
                bodies={JSON: _WISH.schema},
                body_required=False,
                answer=_TRACE,
                refuses={409: "Too many pairs are traced."},
            ),
            Operation(
                method="GET",
                path=TRACE,
                name="readTrace",
                summary="How a pair stands, and the messages that were kept of it",
                about="`trace` is null where the pair is not traced.  Reading goes on tracing for as long again.",
                right=Right.OPERATE,
                serve=self._follow,
                query={
                    "after": Member(
                        shape=whole(least=0, most=2**53),
                        about="Only messages with a higher number.",
                        default=0,
                    )
                },
                answer=_FOLLOWED,
            ),
            Operation(
                method="DELETE",
                path=TRACE,
                name="endTrace",
                summary="Trace a pair no longer, and forget what was kept",
                about="",
                right=Right.OPERATE,
                serve=self._end,
                refuses={404: "The pair is not traced."},
            ),
            Operation(
                method="GET",
                path=f"{ROOT}/counters/history",
                name="readCounterHistory",
                summary="What the counters were in the last hour or day",
                about="Oldest first, `every` so many seconds, the last at `ended_at`; null where nothing is known.  What only grows is told "
                "as a rate per second.  A restart of the gateway begins anew.",
                right=Right.OBSERVE,
                serve=self._courses,
                query={
                    "period": Member(
                        shape=choice(PERIODS),
                        about="`hour`: a value every ten seconds; `day`: one every five minutes.",
                        default="hour",
                    )
                },
                answer=_object(
                    period=_TEXT,
                    every=_NUMBER,
                    ended_at=_MOMENT,
                    lines={
                        "type": "array",
                        "items": _object(
                            name=_TEXT,
                            title=_TEXT,
                            unit=_TEXT,
                            kind={"type": "string", "enum": ["level", "rate"]},
                            values={"type": "array", "items": {"type": ["number", "null"]}},
                        ),
                    },
                ),
            ),
        ]

    async def _pair(self, call: Call) -> Answer:
        return Answer(value=self._pairs.facts(call.addresses["watcher"], call.addresses["presentity"]))

    async def _traced(self, call: Call) -> Answer:  # noqa: ARG002 - there is nothing to ask for
        return Answer(value=self._pairs.traced())

    async def _begin(self, call: Call) -> Answer:
        watcher, presentity = call.addresses["watcher"], call.addresses["presentity"]
        seconds = from_body(call.body, _WISH).get("seconds", LONGEST) if call.media else LONGEST
        made = self._pairs.begin(watcher, presentity, seconds)
        done = f"traces the messages of {watcher} and {presentity} for {seconds} s"
        return Answer(value=made, done=done, about=str(presentity))

    async def _follow(self, call: Call) -> Answer:
        watcher, presentity = call.addresses["watcher"], call.addresses["presentity"]
        return Answer(value=self._pairs.followed(watcher, presentity, call.query.get("after", 0)))

    async def _end(self, call: Call) -> Answer:
        watcher, presentity = call.addresses["watcher"], call.addresses["presentity"]
        if not self._pairs.end(watcher, presentity):
            raise Problem(404, f"{watcher} and {presentity} are not traced")
        done = f"traces the messages of {watcher} and {presentity} no longer"
        return Answer(done=done, about=str(presentity))

    async def _courses(self, call: Call) -> Answer:
        period = call.query.get("period", HOUR)
        courses = self._history.courses(period)
        return Answer(
            value={
                "period": period.name,
                "every": period.every,
                "ended_at": moment_told(courses[0].ended_at if courses else None),
                "lines": [course_told(course) for course in courses],
            }
        )
