"""The messages that the package raises, found in its code, to hold the troubleshooting page to."""

from __future__ import annotations

import ast
import re
from pathlib import Path

__all__ = ["documented_messages", "raised_messages"]

PACKAGE = Path(__file__).parents[2] / "jupyter_imgcls"
PAGE = Path(__file__).parents[1] / "troubleshooting.md"

_MADE_TO_BE_RAISED = re.compile(r"\w*Error|HTTPException|warn")
# Where the name in the code is not a reader's word.
_WORDS = {
    "__name__": "type",
    "error": "reason",
    "strerror": "reason",
    "failure": "reason",
    "end_of_log": "log",
    "first_problems": "problems",
    "_reason": "reason",
    "len": "number",
}


def documented_messages(page: Path = PAGE) -> set[str]:
    """The messages of the troubleshooting page: all that stands between double backticks."""
    return set(re.findall(r"``(.+?)``", page.read_text(encoding="utf-8")))


def raised_messages(package: Path = PACKAGE) -> dict[str, str]:
    """Each message, with its values as ``<name>``, and the file that raises it."""
    found: dict[str, str] = {}
    for file in sorted(package.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        functions = {f.name: f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef)}
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and _MADE_TO_BE_RAISED.fullmatch(_last_name(call.func)):
                for text in (text for part in call.args for text in _texts(part, functions)):
                    found.setdefault(text, str(file.relative_to(package)))
    return found


def _texts(node: ast.expr, functions: dict[str, ast.FunctionDef]) -> list[str]:
    """The sentences that an argument of an error stands for, also those a function chooses from."""
    returned = [
        part
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and _last_name(call.func) in functions
        for part in ast.walk(functions[_last_name(call.func)])
        if isinstance(part, ast.Return | ast.Tuple)
    ]
    chosen = [
        part.value if isinstance(part, ast.Return) else part.elts[-1]
        for part in returned
        if isinstance(part, ast.Tuple) or part.value is not None
    ]
    texts = [" ".join(_text(part).split()) for part in (node, *chosen) if part is not None]
    return [text for text in texts if re.search(r"[a-z]{2}[^<]* ", re.sub("<[^>]*>", "", text))]


def _text(node: ast.expr) -> str:
    """The text of a string expression; "" if it is none."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and _text(node.left):
        return _text(node.left) + (_text(node.right) or f"<{_placeholder(node.right)}>")
    if isinstance(node, ast.JoinedStr):
        return "".join(
            f"<{_placeholder(part.value)}>" if isinstance(part, ast.FormattedValue) else _text(part)
            for part in node.values
        )
    return ""


def _placeholder(node: ast.expr) -> str:
    """A name for a value in a message: that of what it is made from."""
    name = _last_name(node)
    made_from: ast.expr | None = None
    if isinstance(node, ast.BoolOp):
        made_from = node.values[0]
    elif isinstance(node, ast.BinOp):
        made_from = node.left
    elif isinstance(node, ast.IfExp):
        made_from = node.body
    elif isinstance(node, ast.GeneratorExp):
        made_from = node.generators[0].iter
    elif isinstance(node, ast.Subscript):
        text_key = isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)
        made_from = node.slice if text_key else node.value
    elif isinstance(node, ast.Call):
        name = _last_name(node.func)
        constant = not node.args or isinstance(node.args[0], ast.Constant)
        made_from = None if constant or name in _WORDS else node.args[0]
    elif isinstance(node, ast.Constant):
        name = str(node.value)
    if made_from is not None:
        return _placeholder(made_from)
    return _WORDS.get(name, name).strip("_").lower().replace("_", " ") or "value"


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
