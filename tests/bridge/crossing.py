"""Which XMPP activities survive a crossing to RPID and back."""

from sip2xmpp.bridge.activities import activity_from_rpid, activity_to_rpid
from sip2xmpp.xmpp.availability import UserActivity


def is_restored(activity: UserActivity) -> bool:
    """Whether RPID can carry the activity so that it comes back the same, its text apart."""
    told, place, _ = activity_to_rpid(activity)
    back = activity_from_rpid((told,), places=(place,) if place else ())
    return back is not None and (back.general, back.specific) == (activity.general, activity.specific)
