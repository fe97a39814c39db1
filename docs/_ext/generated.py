"""What the site makes from the code: parts of pages, and links from names in docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import commands
import tables
from sphinx.domains.python import PyObject
from sphinx.util.inspect import stringify_signature

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
    app.connect("autodoc-process-signature", _signature_of_init)
    app.connect("autodoc-process-docstring", _part_attributes, priority=400)  # before napoleon
    for field in PyObject.doc_field_types:
        if field.name == "variable":
            field.label = "Attributes"
    app.connect("missing-reference", _find_by_last_name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _insert_parts(_app: Sphinx, _page: str, source: list[str]) -> None:
    for name, make in PARTS.items():
        line = f"% generated: {name}\n"
        if line in source[0]:
            source[0] = source[0].replace(line, make())


def _signature_of_init(
    _app: Sphinx, what: str, _name: str, obj: Any, _options: Any, signature: str | None, _back: Any
) -> tuple[str, None] | None:
    """Widgets hide theirs behind that of all widgets."""
    if what != "class" or signature != "(*args, **kwargs)":
        return None
    _, *parameters = inspect.signature(obj.__init__).parameters.values()
    return stringify_signature(inspect.Signature(parameters), show_annotation=False), None


def _part_attributes(
    _app: Sphinx, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]
) -> None:
    """Give ``a, b : int`` of the attributes an entry each: napoleon knows one name an entry."""
    text = "\n".join(lines)
    head, heading, section = text.partition("Attributes\n----------\n")
    section, rest_heading, rest = re.split(r"(\n\w+\n---+\n|\Z)", section, maxsplit=1)
    parted = re.sub(
        r"^(\w+(?:, \w+)+)( : .*)?\n((?:    .*\n?|\n)+)",
        lambda found: "".join(
            f"{name}{found[2] or ''}\n{found[3]}\n" for name in found[1].split(", ")
        ),
        section,
        flags=re.MULTILINE,
    )
    lines[:] = (head + heading + parted + rest_heading + rest).split("\n")


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
