"""What the service's own pages say of it."""

from __future__ import annotations

from typing import Any

from .requests import ScoringEntry

__all__ = ["DESCRIPTION", "NEEDS_KEY", "SCORE_DOCUMENTATION"]

DESCRIPTION = """
Send photos, get a score for each class. The answer to a JSON request is a JSON list with a text for
each photo, which is JSON again:

* `[0.1, 2.5]`: a score for each class, in the order of the labels;
* `[["plate", 2.5]]`: with `topK` or `threshold`, pairs of a class and its score, the best first;
* `{"error": "the file is cut off"}`: a photo that cannot be scored, beside others that can. If none
  can be scored the status is 422.

Scores are the network's raw outputs; with `addSoftmax` they are probabilities.

    curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg' .../score
    curl -F photo=@photo.jpg -F photo=@another.png .../score

answer with the class, its probability, and those of all classes. With a key, add
`-H 'Authorization: Bearer <service key>'`.
"""

_PHOTO_ENTRY = ScoringEntry.model_json_schema()
# In place, as a reference would not be found inside the schema of the whole service.
_PHOTO_ENTRY["properties"]["parameters"] = _PHOTO_ENTRY.pop("$defs")["Parameters"]
_IMAGE_FILE = {"schema": {"type": "string", "format": "binary"}}
_REASON = {
    "application/json": {"schema": {"type": "object", "properties": {"detail": {"type": "string"}}}}
}
_STATUSES = {
    400: "Not a JSON list of photos, or an upload that is not valid.",
    401: "The key is missing or wrong.",
    408: "The body arrives too slowly.",
    413: "Too many photos, or too long a body.",
    422: "No photo could be scored; the reasons are in `photos`.",
    503: "The queue is full: ask again after `Retry-After` seconds.",
}

NEEDS_KEY: dict[int | str, dict[str, Any]] = {
    401: {"description": _STATUSES[401], "content": _REASON}
}

SCORE_DOCUMENTATION: dict[str, Any] = {
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": {"type": "array", "items": _PHOTO_ENTRY}},
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "photo": {
                                "type": "array",
                                "items": {"type": "string", "format": "binary"},
                                "minItems": 1,
                            }
                        },
                        "required": ["photo"],
                    }
                },
                "image/*": _IMAGE_FILE,
                "application/octet-stream": _IMAGE_FILE,
            },
        }
    },
    "responses": {
        200: {"description": "Scores of the photos."},
        **{
            status: {"description": description, "content": _REASON}
            for status, description in _STATUSES.items()
        },
    },
}
