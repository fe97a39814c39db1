"""Write the TypeScript type of each widget's synced state from its Python traits.

Run ``python js/generate_types.py`` after changing a trait; a test fails when the two differ.
"""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

from jupyter_imgcls.dashboard.files.downloads import Download
from jupyter_imgcls.dashboard.files.uploads import Upload
from jupyter_imgcls.dashboard.parts.step_list import StepList
from jupyter_imgcls.widgets.annotation import AnnotationUI
from jupyter_imgcls.widgets.base.frame import Frame
from jupyter_imgcls.widgets.image_grid import ImageGrid

TYPES = {
    traitlets.Bool: "boolean",
    traitlets.Enum: "string",
    traitlets.Int: "number",
    traitlets.List: "string[][]",  # the only lists there are
    traitlets.Unicode: "string",
}
WIDGETS = Path(__file__).parent / "widgets"
FILES = {
    WIDGETS / "annotation/state.ts": AnnotationUI,
    WIDGETS / "frame/state.ts": Frame,
    WIDGETS / "image_grid/state.ts": ImageGrid,
    WIDGETS / "download/state.ts": Download,
    WIDGETS / "steps/state.ts": StepList,
    WIDGETS / "upload/state.ts": Upload,
}


def state_type(widget: type[anywidget.AnyWidget]) -> str:
    """The TypeScript module for the synced traits that `widget` adds."""
    inherited = anywidget.AnyWidget.class_trait_names()
    fields = [
        f"  {name}: {TYPES[type(trait)]};\n"
        for name, trait in sorted(widget.class_traits(sync=True).items())
        if name not in inherited and not name.startswith("_")
    ]
    head = "/** Made by js/generate_types.py from the traits of the Python class. */\n"
    return f"{head}export interface {widget.__name__}State {{\n{''.join(fields)}}}\n"


if __name__ == "__main__":
    for file, widget in FILES.items():
        file.write_text(state_type(widget), encoding="utf-8")
