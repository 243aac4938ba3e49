"""The permissions of rules under the name of the package that applies them; see ``documents.permissions``."""

from sip2xmpp.documents.permissions import EVERY, By, Permissions, Selected, UserInputDetail

__all__ = ["EVERY", "By", "Permissions", "Selected", "UserInputDetail"]
