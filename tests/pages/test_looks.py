"""Every page of a user in the real browser: accessible, no wider than the screen, in light and dark."""

from collections.abc import Callable

import pytest

from tests.pages.browser import DESK, PHONE, Scheme, Size, Visitor

SIZES = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])


@SIZES
@SCHEMES
def test_the_pages_are_accessible_and_fit(visit: Callable[..., Visitor], size: Size, scheme: Scheme) -> None:
    visitor = visit(size=size, scheme=scheme)
    name = f"{'phone' if size == PHONE else 'desk'}-{scheme}"
    visitor.go("/sign-in")
    visitor.check_accessible()
    visitor.check_fits()
    visitor.shot(f"sign-in-{name}")
    visitor.sign_in("alice")
    for path in ("/my", "/my/holiday", "/my/sessions", "/my/nothing"):
        visitor.go(path)
        visitor.check_accessible()
        visitor.check_fits()
        visitor.shot(f"{path.strip('/').replace('/', '-')}-{name}")
