"""Image search: from a text query to the URLs of images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import httpx

from ..errors import CollectError

__all__ = ["HttpSearchProvider", "SearchProvider"]


@runtime_checkable
class SearchProvider(Protocol):
    """What `collect` asks of an image search."""

    @property
    def name(self) -> str:
        """Names the provider in messages, and keeps its results apart from another's."""

    def search(self, query: str, count: int) -> list[str]:
        """URLs of images.

        Parameters
        ----------
        query : str
            What to search for.
        count : int
            How many URLs are wanted; there may be fewer.

        Raises
        ------
        CollectError
            If there is no answer; the message is shown to the user.
        """


@dataclass(frozen=True)
class HttpSearchProvider:
    """An image search that answers GET requests with JSON.

    The defaults fit services that speak the protocol of the former Bing image search:
    ``GET <endpoint>?q=<query>&count=<count>`` with the key in a header, answered with
    ``{"value": [{"contentUrl": "https://..."}]}``.

    Parameters
    ----------
    endpoint : str
        URL of the service. It may have a query string of its own.
    key : str
        Secret that the service gave you. It is sent in a header and never shown.
    name : str
        See `SearchProvider`.
    key_header : str
        Name of that header.
    results : str
        Where the URLs are in the answer: names joined by dots; lists on the way are gone through.
    timeout : float
        Seconds to wait for a connection, and for the next bytes of an answer.

    Raises
    ------
    CollectError
        If the endpoint is no http(s) URL, or the key is empty or cannot stand in a header.

    Examples
    --------
    >>> from jupyter_imgcls.data.search import HttpSearchProvider
    >>> from jupyter_imgcls.data.search import HttpSearchProvider
    >>> provider = HttpSearchProvider("https://images.example/v7/search", key="secret")
    >>> provider
    HttpSearchProvider(endpoint='https://images.example/v7/search', name='search')
    """

    endpoint: str
    key: str = field(repr=False)
    name: str = "search"
    key_header: str = field(default="Ocp-Apim-Subscription-Key", repr=False)
    results: str = field(default="value.contentUrl", repr=False)
    timeout: float = field(default=20.0, repr=False)

    def __post_init__(self) -> None:
        try:
            parsed = httpx.URL(self.endpoint)
        except httpx.InvalidURL as error:
            raise CollectError(f"The search endpoint is not a valid URL: {error}.") from error
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise CollectError(
                f"The search endpoint is {self.endpoint!r}: give its http:// or https:// URL."
            )
        if not self.key or not self.key.isascii() or not self.key.isprintable():
            raise CollectError("The search key is empty or not plain text: pass key=...")

    def search(self, query: str, count: int) -> list[str]:
        """URLs of images; see `SearchProvider.search`."""
        url = httpx.URL(self.endpoint).copy_merge_params({"q": query, "count": count})
        try:
            answer = httpx.get(url, headers={self.key_header: self.key}, timeout=self.timeout)
        except httpx.HTTPError as error:
            raise CollectError(f"{self.name} does not answer: {error}") from error
        if answer.status_code in (401, 403):
            raise CollectError(f"{self.name} refuses the key (status {answer.status_code})")
        if answer.status_code != httpx.codes.OK:
            raise CollectError(f"{self.name} answers with status {answer.status_code}")
        try:
            found = list(_texts_at(answer.json(), self.results.split(".")))
        except ValueError as error:
            raise CollectError(f"{self.name} answers with something else than JSON") from error
        return found[:count]


def _texts_at(value: object, names: list[str]) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _texts_at(item, names)
    elif names and isinstance(value, dict):
        yield from _texts_at(value.get(names[0]), names[1:])
    elif not names and isinstance(value, str):
        yield value
