"""Tables that are made from the code."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jupyter_imgcls.backends.base_models import BASE_MODELS
from jupyter_imgcls.serving.service.app import create_app
from jupyter_imgcls.serving.service.documentation import SCORE_DOCUMENTATION

__all__ = [
    "base_models",
    "extension_keys",
    "extension_settings",
    "parameters",
    "paths",
    "statuses",
]

_SCHEMA = Path(__file__).parents[2] / "js" / "labextension" / "schema" / "datasets.json"


def base_models() -> str:
    """The networks to begin from."""
    return _table(
        ("name", "features", "parameters", "weights from, licence", "paper"),
        (
            (
                f"`{model.name}`",
                str(model.feature_size),
                f"{model.parameters / 1e6:.1f} M",
                f"{model.weights}; {model.licence}",
                model.reference,
            )
            for model in BASE_MODELS.values()
        ),
    )


def extension_keys() -> str:
    """The keys of the JupyterLab extension."""
    keys = json.loads(_SCHEMA.read_text(encoding="utf-8"))["jupyter.lab.shortcuts"]
    return _table(
        ("keys", "command"),
        ((key["keys"][0].replace("Accel", "Ctrl"), f"`{key['command']}`") for key in keys),
    )


def extension_settings() -> str:
    """The settings of the JupyterLab extension."""
    settings = json.loads(_SCHEMA.read_text(encoding="utf-8"))["properties"]
    return _table(
        ("setting", "default", "meaning"),
        (
            (what["title"], f"`{what['default']}`", what["description"])
            for what in settings.values()
        ),
    )


def paths() -> str:
    """Method, path and purpose of each end point."""
    found = create_app(_NoModel(), "NAME", key=None).openapi()["paths"]  # type: ignore[arg-type]
    return _table(
        ("request", "what it does"),
        (
            (f"`{method.upper()} {path}`", what["description"])
            for path, methods in found.items()
            for method, what in methods.items()
        ),
    )


def parameters() -> str:
    """What a photo's ``parameters`` may be."""
    content = SCORE_DOCUMENTATION["openapi_extra"]["requestBody"]["content"]
    entry = content["application/json"]["schema"]["items"]["properties"]
    known = entry["parameters"]["properties"]
    return _table(
        ("parameter", "type", "meaning"),
        ((f"`{name}`", _type(what), what["description"]) for name, what in known.items()),
    )


def statuses() -> str:
    """What the status codes mean."""
    responses = SCORE_DOCUMENTATION["responses"]
    return _table(
        ("status", "meaning"),
        ((str(code), what["description"]) for code, what in responses.items()),
    )


class _NoModel:
    """Stands where a classifier would be: only the description of the paths is asked for."""

    labels = ()
    shape = (3, 224, 224)
    workers = cores = 1

    def describe(self) -> dict[str, Any]:
        return {"versions": {"jupyter_imgcls": "any"}}


def _type(what: dict[str, Any]) -> str:
    limits = [f"{word} {what[key]}" for key, word in _LIMITS.items() if key in what]
    return ", ".join([what["type"], *limits])


_LIMITS = {"minimum": "from", "maximum": "to"}


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
