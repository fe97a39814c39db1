"""The page on which one drops a photo."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from importlib.resources import files

from starlette.responses import HTMLResponse

__all__ = ["page_response"]


def page_response(name: str, has_key: bool) -> HTMLResponse:
    """The page for a service; it loads nothing but itself.

    Parameters
    ----------
    name : str
        Of the service.
    has_key : bool
        Whether the page asks for the service's key.
    """
    text = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    text = text.replace("{{name}}", html.escape(name)).replace(
        "{{has_key}}", "true" if has_key else "false"
    )
    policy = [
        "default-src 'none'",
        f"script-src {_hash(text, 'script')}",
        f"style-src {_hash(text, 'style')}",
        "connect-src 'self'",
        "img-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    ]
    return HTMLResponse(
        text,
        headers={
            "Content-Security-Policy": "; ".join(policy),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        },
    )


def _hash(text: str, element: str) -> str:
    """Allows the one element of this kind, and no other that somebody might smuggle in."""
    found = re.search(f"<{element}>(.*?)</{element}>", text, re.DOTALL)
    assert found is not None
    digest = hashlib.sha256(found[1].encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
