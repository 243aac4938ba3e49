"""What a watcher asks for beyond being told: how often, under which condition, and which part.

Nearly all watchers ask for nothing of it, and their subscriptions have no terms.  ``asks`` finds out at the price of three
looks at the request; only then ``terms_of`` reads it.  A refresh states rates and condition anew, and what it does not
repeat is over; filters stay until a body changes them, one by one, and so does a list.  Terms are kept with the dialog as text, so that they
are in force after a restart.

Implements: RFC 5839 section 5; RFC 6446 sections 3.1 and 3.2; RFC 4660 sections 4.1 to 4.3 and 5.1.
"""

import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sip2xmpp.address import Address
from sip2xmpp.documents.event_filter import CONTENT_TYPE, KEPT_LIMIT, SIZE_LIMIT, FilterSet
from sip2xmpp.documents.selectors import NotUnderstood
from sip2xmpp.errors import BadDocument, Refused
from sip2xmpp.events.conditions import condition_in
from sip2xmpp.events.forms import Filtering, Form
from sip2xmpp.events.package import EventPackage
from sip2xmpp.events.rates import NONE, Rates, rates_of
from sip2xmpp.sip.message import Request

NO_FILTERS: Final = FilterSet()


class Listing:
    """A package whose resources are lists of others; it says itself what the body of a SUBSCRIBE means."""

    @abstractmethod
    def listed_in(self, request: Request, held: str) -> str:
        """Which list a SUBSCRIBE is about, never empty; ``held`` is what the subscription has.  Raises ``BadTerms``."""


class MemberFiltering(Listing):
    """A package of lists with members whose documents can be filtered."""

    @abstractmethod
    def takes_filters(self, request: Request) -> bool:
        """Whether the body of a SUBSCRIBE is no list, but filters for the documents of members."""

    @abstractmethod
    def filtered_by(self, form: Form, filters: FilterSet, presentity: Address, uri: str) -> Form:
        """The form that tells of each member what the filters about it leave; ``uri`` is how the watcher calls the list."""


class BadTerms(Refused):
    """What a watcher asks for cannot be done; ``status`` and ``headers`` are those of the answer."""

    def __init__(self, status: int, why: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(why)
        self.status = status
        self.headers = list(headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """``condition`` is a Suppress-If-Match that was true, or not judged yet; empty for none.

    ``listed`` is what a subscription to a list is about, in the words of its package (``Listing``); empty for one resource.
    """

    rates: Rates = NONE
    condition: str = ""
    listed: str = ""
    filters: FilterSet = NO_FILTERS

    def to_text(self) -> str:
        """For the store; empty if nothing is asked for."""
        said = {
            "rates": str(self.rates),
            "condition": self.condition,
            "listed": self.listed,
            "filters": self.filters.to_octets().decode() if self.filters.filters else "",
        }
        said = {name: value for name, value in said.items() if value}
        return json.dumps(said, ensure_ascii=True) if said else ""

    @classmethod
    def from_text(cls, text: str) -> "Terms":
        """The terms that a stored dialog has; filters that are not understood any more are dropped, and all is told."""
        try:
            said = json.loads(text) if text else {}
        except ValueError:
            said = {}
        filters = said.get("filters", "")
        try:
            held = FilterSet.from_octets(filters.encode(), limit=KEPT_LIMIT) if filters else NO_FILTERS
        except BadDocument:
            held = NO_FILTERS
        return cls(
            rates=rates_of(said.get("rates", "")),
            condition=said.get("condition", ""),
            listed=said.get("listed", ""),
            filters=held,
        )

    def shaped(self, form: Form, package: EventPackage, presentity: Address, uri: str) -> Form:
        """The form of body for this watcher of ``presentity``, which it calls ``uri``."""
        if isinstance(package, MemberFiltering):
            return package.filtered_by(form, self.filters, presentity, uri) if self.filters.filters else form
        filters = self.filters.about(presentity, uri)
        return package.filtered(form, filters) if filters and isinstance(package, Filtering) else form


def asks(request: Request, event: str) -> bool:
    """Whether a SUBSCRIBE may ask for anything of this."""
    return (
        bool(request.body)
        or "Suppress-If-Match" in request.headers.first
        or (";" in event and "rate" in event.lower())
    )


def terms_of(request: Request, package: EventPackage, held: Terms | None = None) -> Terms:
    """What a SUBSCRIBE asks for; ``held`` is what the subscription has.  Raises ``BadTerms``."""
    filters = NO_FILTERS if held is None else held.filters
    listed = ""
    if isinstance(package, MemberFiltering) and package.takes_filters(request):
        filters = _without_triggers(_filters_in(request, package.name, filters))
    if isinstance(package, Listing):
        listed = package.listed_in(request, "" if held is None else held.listed)
    elif request.body and isinstance(package, Filtering):
        filters = _filters_in(request, package.name, filters)
    return Terms(
        rates=rates_of(request.event_value or ""),
        condition=condition_in(request.headers.get("Suppress-If-Match")),
        listed=listed,
        filters=filters,
    )


def _without_triggers(filters: FilterSet) -> FilterSet:
    """When something is told of a list is not for one member to say."""
    if any(each.triggers for each in filters.filters):
        raise BadTerms(488, "triggers are not understood for lists")
    return filters


def _filters_in(request: Request, package: str, held: FilterSet) -> FilterSet:
    """The filters in the body, joined with those there are."""
    kind = request.content_type
    if kind is None or kind.type != CONTENT_TYPE:
        disposition = (request.headers.get("Content-Disposition") or "").lower().replace(" ", "")
        if "handling=optional" in disposition:
            return held
        raise BadTerms(415, "only filters are understood in a SUBSCRIBE", [("Accept", CONTENT_TYPE)])
    if request.headers.get("Content-Encoding") not in (None, "identity"):
        raise BadTerms(415, "a body must not be encoded", [("Accept-Encoding", "identity")])
    if len(request.body) > SIZE_LIMIT:
        raise BadTerms(413, f"filters may have {SIZE_LIMIT} octets")
    try:
        filters = held.joined(FilterSet.from_octets(request.body))
    except NotUnderstood as bad:
        raise BadTerms(488, str(bad)) from None
    except BadDocument as bad:
        raise BadTerms(400, str(bad)) from None
    if filters.package not in ("", package):
        raise BadTerms(488, f"these are filters for {filters.package}")
    return filters
