"""What the site makes from the code: parts of pages, and links from names in docstrings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import commands
import tables

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

# In a page, a line ``% generated: <name>`` becomes the Markdown that the function makes.
PARTS: dict[str, Callable[[], str]] = {
    "base models": tables.base_models,
    "commands": commands.markdown,
    "extension keys": tables.extension_keys,
    "extension settings": tables.extension_settings,
    "request parameters": tables.parameters,
    "statuses": tables.statuses,
    "paths": tables.paths,
}


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("source-read", _insert_parts)
    app.connect("missing-reference", _find_by_last_name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _insert_parts(_app: Sphinx, _page: str, source: list[str]) -> None:
    for name, make in PARTS.items():
        line = f"% generated: {name}\n"
        if line in source[0]:
            source[0] = source[0].replace(line, make())


def _find_by_last_name(
    app: Sphinx, env: BuildEnvironment, reference: pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """Docstrings say `Deployment` or `Deployment.deploy`, wherever that is."""
    if reference.get("refdomain") != "py" or not reference["reftarget"]:
        return None
    python = env.domains.python_domain
    ending = "." + reference["reftarget"].lstrip(".")
    found = [
        name for name, what in python.objects.items() if name.endswith(ending) and not what.aliased
    ]
    if len(found) != 1:
        return None
    return python.resolve_xref(
        env, reference["refdoc"], app.builder, "obj", found[0], reference, content
    )
