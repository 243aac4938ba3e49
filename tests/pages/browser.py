"""A real Chromium without a screen, and people who use the pages in it.

One browser serves all tests of a worker; each visitor has a profile of his own in it.  It can reach nothing but the gateway under
test.  Whatever a page writes to the console as an error, and every dialog that opens, is kept: ``Visitor.close`` fails if
there was any, because nobody's words may ever get that far.  With ``SIP2XMPP_SHOTS`` naming a directory, ``shot`` leaves pictures.
"""

import os
import shutil
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Page, Playwright, Response, sync_playwright

from tests.peers.gateway import Gateway

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
PHONE = (360, 740)
DESK = (1280, 900)
PATIENCE = 10_000
"""Milliseconds that anything on a page may take."""

Size = tuple[int, int]
Scheme = Literal["light", "dark"]


class Browser:
    """Chromium, started once."""

    def __init__(self) -> None:
        self._playwright: Playwright = sync_playwright().start()
        self._chromium: Chromium = self._playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS, handle_sigint=False
        )

    def visitor(
        self,
        gateway: Gateway,
        *,
        size: Size = DESK,
        scheme: Scheme = "light",
        script: bool = True,
        language: str = "en-GB",
        zone: str = "Europe/Berlin",
        scale: float = 1,
        **options: Any,
    ) -> "Visitor":
        """Somebody who opens a browser."""
        context = self._chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            java_script_enabled=script,
            locale=language,
            timezone_id=zone,
            device_scale_factor=scale,
            reduced_motion="reduce",
            **options,
        )
        context.set_default_timeout(PATIENCE)
        return Visitor(context, gateway)

    def close(self) -> None:
        self._chromium.close()
        self._playwright.stop()


class Visitor:
    """Somebody before one tab; ``page`` is Playwright's."""

    def __init__(self, context: BrowserContext, gateway: Gateway) -> None:
        self.context = context
        self.gateway = gateway
        scheme = "https" if "certificate" in gateway.settings.get("http", {}) else "http"
        self.base = f"{scheme}://127.0.0.1:{gateway.http_port}"
        self.complaints: list[str] = []
        self.page = self.tab()

    def tab(self) -> Page:
        """One more tab of the same browser."""
        page = self.context.new_page()
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on(
            "dialog", lambda dialog: (self.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss())
        )
        return page

    def _heard(self, kind: str, text: str) -> None:
        # What the network says is not the page's fault: a gateway is restarted, a form is refused.
        if kind == "error" and not text.startswith("Failed to load resource"):
            self.complaints.append(text)

    def go(self, path: str) -> Response:
        """Open a page of the gateway."""
        answer = self.page.goto(f"{self.base}{path}")
        assert answer is not None
        return answer

    @property
    def path(self) -> str:
        """Where this visitor is."""
        return urlsplit(self.page.url).path

    def sign_in(self, user: str = "alice", path: str = "/my") -> "Visitor":
        """Sign in by the form, with the password that the gateway was started with, and go to a page."""
        self.go(f"/sign-in?next={path}")
        self.page.get_by_label("SIP address").fill(user)
        self.page.get_by_label("Password", exact=True).fill(self.gateway.users[user])
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"{self.base}{path}")
        return self

    def press(self, button: str) -> None:
        """Press a button, and wait for the page that comes."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=button, exact=True).click()

    def wait_live(self) -> None:
        """Until the page hears of changes."""
        self.page.wait_for_selector("html[data-live=on]", state="attached")

    def check_accessible(self) -> None:
        """What axe finds wrong with the page as it is, of WCAG 2.2 A and AA and of what it calls best practice."""
        self.page.evaluate(AXE_SCRIPT)
        found: dict[str, Any] = self.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        faults = [
            f"{fault['id']}: {fault['help']}: {node['html'][:200]} ({node['failureSummary']})"
            for fault in found["violations"]
            for node in fault["nodes"]
        ]
        assert not faults, "\n".join(faults)

    def check_fits(self) -> None:
        """Nothing makes the page wider than the screen."""
        wide = self.page.evaluate(
            """() => Array.from(document.querySelectorAll('main *, header *'))
                .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
                .filter((one) => !one.closest('.scroll, .pages, .side, .unseen, .skip, pre'))
                .map((one) => one.outerHTML.slice(0, 120))"""
        )
        width, screen = self.page.evaluate(
            "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert width <= screen and not wide, (width, screen, wide)

    def shot(self, name: str) -> None:
        """A picture of the whole page, if anybody wants one."""
        where = os.environ.get("SIP2XMPP_SHOTS")
        if where:
            self.page.screenshot(path=Path(where) / f"{name}.png", full_page=True)

    def close(self) -> None:
        """Nothing may have been amiss."""
        self.context.close()
        assert not self.complaints, self.complaints
