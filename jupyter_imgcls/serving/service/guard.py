"""Who may use the service."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

__all__ = ["Guard"]

_BEARER = HTTPBearer(auto_error=False, description="The service key, made at deployment.")


class Guard:
    """Lets in who knows the service's key.

    Parameters
    ----------
    key : str or None
        None lets everybody in.
    """

    def __init__(self, key: str | None) -> None:
        if key is not None and not (key.isascii() and key.isprintable() and key.strip() == key):
            raise ValueError("The key must be printable ASCII without spaces around it.")
        if key == "":
            raise ValueError("The key is empty: give one, or None for a service without a key.")
        self._key = None if key is None else key.encode()

    async def __call__(
        self, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
    ) -> None:
        """Refuse a request with status 401 unless it has the key."""
        if self._key is None:
            return
        # In constant time, so that nobody finds out the key byte by byte.
        if given is None or not hmac.compare_digest(given.credentials.encode(), self._key):
            what = "needs a key" if given is None else "does not know this key"
            raise HTTPException(
                401,
                f"The service {what}: send the header 'Authorization: Bearer <service key>'.",
                {"WWW-Authenticate": "Bearer"},
            )
