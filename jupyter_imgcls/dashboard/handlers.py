"""What the server of the dashboard answers differently from voila."""

from __future__ import annotations

from http.client import responses
from typing import Any

import tornado.web
from jupyter_server.auth.logout import LogoutHandler
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.services.kernels.websocket import KernelWebsocketHandler
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.static_file_handler import TemplateStaticFileHandler
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from .kernels import FullError

__all__ = ["replaced"]

_PROTOCOL = "v1.kernel.websocket.jupyter.org"
_PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
{head}<link rel="icon" href="data:,"><title>Image classification</title>
<style>
  :root {{ color-scheme: light dark; }}
  body {{
    max-width: 36em; margin: 20vh auto 0; padding: 0 16px; font: 16px/1.5 system-ui, sans-serif;
  }}
</style>
<h1>{title}</h1><p>{words}</p></html>
"""


class _Errors:
    """Errors in plain words, made without Jupyter's templates, which need what voila lacks."""

    def write_error(self: Any, status_code: int, **_: object) -> None:
        """Say what is wrong."""
        reason = responses.get(status_code, "Error")
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(_page(f"{status_code}: {reason}", "There is no such page here."))


class _Page(TornadoVoilaHandler):
    @tornado.web.authenticated
    async def get(self, path: str | None = None) -> None:
        """The page, or that there is no room for one more."""
        try:
            await super().get(path)
        except FullError:
            self.set_status(503)
            self.set_header("Retry-After", "30")
            await self.finish(
                _page(
                    "All places are taken",
                    "As many pages are open as the computer has memory for. This one asks again by "
                    "itself until there is room. Close those that you do not need.",
                    '<meta http-equiv="refresh" content="30">',
                )
            )


class _Leave(JupyterHandler):
    def check_xsrf_cookie(self) -> None:
        """Voila's page has no such cookie; who does not know a kernel's number ends none."""

    @tornado.web.authenticated
    async def post(self, kernel_id: str) -> None:
        """Voila's page says here that it is left."""
        self.kernel_manager.leave(kernel_id)  # type: ignore[attr-defined]
        self.set_status(204)


class _Channels(KernelWebsocketHandler):
    """Takes the protocol of today's pages alone, and messages whose parts lie in them.

    The older one, which a visitor could ask for, and a message that claims to have any number of
    parts, would keep the server busy for hours, and everybody waiting.
    """

    async def get(self, kernel_id: str) -> None:
        """Connect the page with its kernel."""
        if _PROTOCOL not in self.request.headers.get("Sec-WebSocket-Protocol", ""):
            raise tornado.web.HTTPError(400)
        await super().get(kernel_id)  # type: ignore[no-untyped-call]

    def on_message(self, ws_message: str | bytes) -> None:
        """Hand a message to the kernel."""
        if not isinstance(ws_message, bytes):
            self.close(1003)
        elif 8 * (1 + int.from_bytes(ws_message[:8], "little")) > len(ws_message):
            self.close(1007)
        else:
            super().on_message(ws_message)  # type: ignore[no-untyped-call]


class _Logout(JupyterHandler):
    @tornado.web.authenticated
    def get(self) -> None:
        """Forget who it is; voila lacks the page that Jupyter shows then."""
        self.identity_provider.clear_login_cookie(self)
        self.finish(_page("You have left", "The address with its token lets you in again."))


class _TemplateFile(TemplateStaticFileHandler):
    def parse_url_path(self, url_path: str) -> str:
        """The file's path; 404 for what names none, in place of an error of the server."""
        try:
            return str(super().parse_url_path(url_path))
        except (ValueError, AssertionError) as error:
            raise tornado.web.HTTPError(404) from error

    @classmethod
    def get_absolute_path(cls, root: str, path: str) -> str:
        """As `parse_url_path`."""
        try:
            return str(super().get_absolute_path(root, path))
        except (ValueError, AssertionError) as error:
            raise tornado.web.HTTPError(404) from error


_OURS: dict[Any, type] = {
    VoilaKernelWebsocketHandler: _Channels,
    TornadoVoilaHandler: _Page,
    VoilaShutdownKernelHandler: _Leave,
    LogoutHandler: _Logout,
    TemplateStaticFileHandler: _TemplateFile,
}


def replaced(handlers: list[Any]) -> list[Any]:
    """Voila's routes, with our handlers for some of its own, and our errors."""
    return [(route, _ours(handler), *rest) for route, handler, *rest in handlers]


def _ours(handler: Any) -> Any:
    handler = _OURS.get(handler, handler)
    if not issubclass(handler, JupyterHandler) or issubclass(handler, APIHandler):
        return handler
    return type(handler.__name__, (_Errors, handler), {})


def _page(title: str, words: str, head: str = "") -> str:
    return _PAGE.format(title=title, words=words, head=head)
