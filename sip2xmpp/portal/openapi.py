"""The description of the API, made of the table of operations that serves it.

Implements: OpenAPI 3.1.0.
"""

from collections.abc import Sequence
from typing import Any, Final

from sip2xmpp import __version__
from sip2xmpp.portal.operations import NAME_SCHEMA, NAMES, PLACE_SCHEMA, PLACES, Operation
from sip2xmpp.portal.problems import PROBLEM, SCHEMA

_ABOUT: Final = """\
Everything that the pages and the command can do, for programs.

* `presence` and `permanent` state how somebody is, `watchers` decides who may see it, and `users/.../contacts` are the lists that
  users keep on the server.
* `users` are the accounts of our domains, with the registrations and publications of their devices.
* `operator` is what operators see and do: domains and legs, dialogs, authorizations, who waits, lists, look-ups, tokens and the
  audit log. A path without an address needs a token for all addresses, `*@*`.

Lists come a stretch at a time: `next` of an answer is `after` of the next request, and null at the end. Each change is a line of the
audit log and is safe when it is answered.
"""
_ALWAYS: Final = {
    400: "The request is not as described here; `errors` has every fault with its place.",
    401: "No token, or one that is not known.",
    403: "The token may not do this, or not with this address.",
    404: "No such thing: no address of a domain of ours, or nothing there under this name.",
    413: "The body is too large.",
    429: "Too many requests; Retry-After says how many seconds to wait.",
    503: "The change is in force but not stored yet; try again.",
}
_OF_BODIES: Final = {
    411: "The length of the body is not stated.",
    415: "The body is of none of the types described here.",
    422: "The request is as described here and makes no sense, as an end before the begin.",
}
_CHANGED: Final = (
    "The condition does not hold, as somebody else made a change or it is there already, or cannot be read."
)
_CONDITIONS: Final = {
    "If-Match": "The ETag that was read, or `*`: do it only if it is still the one.",
    "If-None-Match": "An ETag: answer only if it is another one now. With a change, `*`: only if there is nothing yet.",
}
_ETAG: Final = {"ETag": {"schema": {"type": "string"}, "description": "Another one after each change."}}
_LOCATION: Final = {"Location": {"schema": {"type": "string"}}}
_HEADERS: Final = {
    401: {"WWW-Authenticate": {"schema": {"type": "string"}}},
    429: {"Retry-After": {"schema": {"type": "string"}}},
}


def description(operations: Sequence[Operation]) -> dict[str, Any]:
    """The OpenAPI document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sip2xmpp",
            "version": __version__,
            "description": _ABOUT,
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Problem": dict(SCHEMA)},
        },
    }


def _described(operation: Operation) -> dict[str, Any]:
    places = [place for place in (*PLACES, *NAMES) if f"{{{place}}}" in operation.path]
    conditions = _CONDITIONS if operation.conditional else {}
    said: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"{operation.about} Needs the right `{operation.right.value}`.",
        "parameters": [
            {
                "name": place,
                "in": "path",
                "required": True,
                "description": PLACES[place] if place in PLACES else NAMES[place],
                "schema": PLACE_SCHEMA if place in PLACES else NAME_SCHEMA,
            }
            for place in places
        ]
        + [
            {"name": name, "in": "query", "description": member.about, "schema": member.shape.schema}
            for name, member in operation.query.items()
        ]
        + [
            {"name": name, "in": "header", "description": about, "schema": {"type": "string"}}
            for name, about in conditions.items()
        ],
        "responses": _answers(operation),
    }
    if operation.bodies:
        said["requestBody"] = {
            "required": operation.body_required,
            "content": {media: {"schema": schema} for media, schema in operation.bodies.items()},
        }
    return said


def _answers(operation: Operation) -> dict[str, Any]:
    if operation.answer is None:
        good: dict[str, Any] = {"204": {"description": "Done, and safe."}}
    else:
        content = {"application/json": {"schema": operation.answer}}
        good = {"200": {"description": "Done.", "content": content}}
        if operation.creates:
            good["201"] = {"description": "It is there now.", "content": content, "headers": _LOCATION}
    refusals = _ALWAYS | (_OF_BODIES if operation.bodies else {}) | dict(operation.refuses)
    if operation.conditional:
        good = {status: said | {"headers": said.get("headers", {}) | _ETAG} for status, said in good.items()}
        refusals[412] = _CHANGED
        if operation.method == "GET":
            good["304"] = {"description": "It is the one that the client has."}
    return good | {
        str(status): {
            "description": why,
            "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            **({"headers": _HEADERS[status]} if status in _HEADERS else {}),
        }
        for status, why in sorted(refusals.items())
    }
