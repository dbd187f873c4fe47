"""A person before a browser: the system's Chromium, with a page that may reach nothing but the service."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine (Debian's package: chromium)")


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as played:
        # the sandbox needs rights that containers do not give; the pages are our own
        made = played.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@dataclass
class Watched:
    """A page, and what on it should not have been: requests to elsewhere, messages on the console."""

    page: Page
    base: str
    strayed: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Questions before what cannot be undone; all are answered with yes."""

    def __post_init__(self) -> None:
        self.page.route("**/*", self._let_through)
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", self._answer)
        self.page.set_default_timeout(10_000)

    def _let_through(self, route: Route) -> None:
        if route.request.url.startswith(self.base):
            route.continue_()
        else:
            self.strayed.append(route.request.url)
            route.abort()

    def _answer(self, dialog) -> None:
        self.asked.append(dialog.message)
        dialog.accept()

    def go(self, path: str) -> None:
        self.page.goto(self.base + path)

    def heading(self) -> str:
        return self.page.inner_text("h1")

    def is_wider_than_its_window(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))


@contextmanager
def watched(opened: Browser, base: str, **context) -> Iterator[Watched]:
    made = opened.new_context(**context)
    person = Watched(made.new_page(), base)
    yield person
    made.close()
    assert (person.strayed, person.said) == ([], [])
