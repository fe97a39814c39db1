"""The documentation site; ``make docs`` builds it."""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

# Sphinx reads what is in its folder only, and resolves links in it to where they lead.
EXAMPLES = HERE / "tutorials" / "examples"
EXAMPLES.mkdir(exist_ok=True)
notebooks = {file.name: file for file in (HERE.parent / "examples").glob("*.ipynb")}
del notebooks["dashboard.ipynb"]  # a page of its own, for voila
for copied in EXAMPLES.glob("*.ipynb"):
    if copied.name not in notebooks:
        copied.unlink()
for file in notebooks.values():
    shutil.copy2(file, EXAMPLES)

project = "jupyter_imgcls"
version = release = version_of("jupyter_imgcls")
copyright = "jupyter_imgcls contributors, BSD-3-Clause"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "generated",
]
exclude_patterns = ["images/*", "**/.ipynb_checkpoints", "**/imgcls_output"]

# -- pages and notebooks

myst_enable_extensions = ["colon_fence", "deflist", "attrs_block"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE.parent / "build" / "notebooks")
nb_execution_in_temp = True
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_merge_streams = True
# Cells with % or ! are no plain Python; the mark of a still picture is not to be shown.
suppress_warnings = ["misc.highlighting_failure", "mystnb.unknown_mime_type"]
# A widget is shown by its still picture: no kernel is here, and no script of another host.
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
copybutton_prompt_text = "$ "

# -- reference

autodoc_typehints = "none"  # the docstrings say more: shapes, units, ranges
autodoc_member_order = "bysource"
autodoc_default_options = {
    "members": True,
    "exclude-members": "draw_still",
    "show-inheritance": True,
}
autosummary_generate = False
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
napoleon_preprocess_types = False
default_role = "py:obj"
add_module_names = False
toc_object_entries_show_parents = "hide"

# -- looks

html_theme = "pydata_sphinx_theme"
html_title = "jupyter_imgcls"
html_favicon = "_static/icon.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "jupyter_imgcls"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "navbar_persistent": ["search-button"],
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_nav_level": 2,
    "show_toc_level": 3,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars: dict[str, list[str]] = {"index": [], "troubleshooting": [], "cvtk": []}
html_context = {"default_mode": "auto"}
