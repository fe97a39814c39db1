"""The package can be imported on Windows, and without its extras."""

import subprocess
import sys

# Modules of other packages may import what is there.
CODE = """
import builtins, importlib, pkgutil

MISSING = {"fcntl", "grp", "pwd", "resource", "termios"}  # on Windows
MISSING |= {"gevent", "locust", "pillow_heif", "ray", "tensorboardX", "voila"}  # without extras
EXTENDING = {"serving.load_test.locustfile", "dashboard.handlers", "dashboard.kernels"}
original = builtins.__import__

def import_module(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get("__name__", "")
    if not level and name.split(".")[0] in MISSING and importer.startswith("jupyter_imgcls."):
        raise ImportError(f"{importer} imports {name}")
    return original(name, globals, locals, fromlist, level)

builtins.__import__ = import_module
package = importlib.import_module("jupyter_imgcls")
for module in pkgutil.walk_packages(package.__path__, "jupyter_imgcls."):
    # Imported where Locust or voila is there, which they extend.
    if module.name.removeprefix("jupyter_imgcls.") not in EXTENDING:
        importlib.import_module(module.name)
"""


def test_every_module_is_imported_without_what_only_unix_or_an_extra_has():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
