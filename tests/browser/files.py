"""A host's file browser in a page: its menus, and the notebooks that open from it."""

from __future__ import annotations

import re

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from .notebook import READY, Notebook

# What the page of files in Notebook 7 logs, also without an extension.
TREES_OWN_ERROR = "Cannot convert undefined or null to object"


class Files(Notebook):
    """A page that shows a folder; `file` is a file in it, as of any `Notebook`.

    What a menu opens is then `page`: in JupyterLab the same, in Notebook 7 another tab.
    """

    def open(self) -> None:
        """Show the folder."""
        folder = self.file.parent.relative_to(self.server.notebooks)
        path = f"/lab/tree/{folder}?reset&" if self.host == "lab" else f"/tree/{folder}?"
        self.page.goto(f"{self.server.url}{path}token={self.server.token}")
        expect(self.item(self.file.name)).to_be_visible()
        self.files = self.page
        if self.theme == "dark":
            self.change_theme("dark")

    def item(self, name: str) -> Locator:
        """A file or folder in the list."""
        named = self.page.get_by_text(name, exact=True)
        return self.page.locator(".jp-DirListing-item").filter(has=named)

    def menu(self, name: str) -> Locator:
        """Right-click a file or folder, and give the menu."""
        self.page = self.files
        self.item(name).click(button="right")
        menu = self.page.locator(".lm-Menu").last
        expect(menu).to_be_visible()
        return menu

    def choose(self, name: str, label: str, *, opens: bool = True) -> Page:
        """Choose an entry of a file's menu; gives the page that it opens something in."""
        entry = self.menu(name).get_by_text(label, exact=True)
        if self.host == "lab" or not opens:
            entry.click()
        else:
            with self.page.context.expect_page() as opened:
                entry.click()
            self.page = opened.value
            self.page.on("console", self._see_console)
            self.page.on("pageerror", self._see_error)
            self.page.on("request", lambda request: self._see_address(request.url))
        return self.page

    def opened(self) -> str:
        """Wait until a notebook is shown, and give its path."""
        self.page.wait_for_function(READY, timeout=60_000)
        path: str = self.page.evaluate("window.jupyterapp.shell.currentWidget.context.path")
        return path

    def close(self) -> None:
        """As of a notebook, and the page of files as well."""
        super().close()
        self.files.close()

    def _see_console(self, message: ConsoleMessage) -> None:
        own = re.search("/static/notebook/", message.location["url"])
        if not (own and message.text == TREES_OWN_ERROR):
            super()._see_console(message)
