"""The dashboard as a page of its own: voila, for one folder of photos."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..context import Context
from ..data.decoding.limits import free_memory
from ..errors import DatasetError, ImgclsError, StorageError, require_extra
from ..serving.addresses import is_loopback
from .storage import FOLDER, ROOT, SHARED, STORAGE

__all__ = ["NOTEBOOK", "serve"]

NOTEBOOK = Path(__file__).with_name("dashboard.ipynb")
# How often it is looked for kernels without a page.
_SECONDS_BETWEEN = 10
# Of one visitor after a quick training; measured.
_MEMORY = 750 * 10**6
_MOST = 40


def serve(
    folder: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8866,
    storage: Path | None = None,
    *,
    share: bool = False,
    visitors: int | None = None,
    browser: bool = True,
    say: Callable[[str], None] = print,
) -> None:
    """Show the dashboard until an interruption (Ctrl-C, SIGTERM); then end it and its kernels.

    Only who has the address with its token gets in. Not shared, it is one person's page, with the
    labels, uploads and models of that person's notebooks. Shared, each browser has its own.

    Parameters
    ----------
    folder : Path, optional
        Photos, or a folder of folders of photos; it is only read. Default: choose one in the
        current folder.
    host : str
        Where to listen; ``"0.0.0.0"`` lets other machines in, and shares the page.
    port : int
        Always the same one, for browsers know by it which labels are theirs.
    storage : Path, optional
        Where labels, uploads and models are kept. Not shared, it is the ``persistent_path`` of a
        storage context. By default the user's own.
    share : bool
        Whether each browser has a storage of its own.
    visitors : int, optional
        Pages that may be open at the same time; by default as many as the free memory allows.
    browser : bool
        Whether to open a browser.
    say : callable
        Is told the address.

    Raises
    ------
    MissingExtraError
        If voila is not installed.
    ImgclsError
        If the port is in use.
    DatasetError
        If there is no such folder.
    StorageError
        If the storage cannot be written.
    """
    require_extra("dashboard", "voila", "The dashboard needs voila")
    from traitlets.config import Config
    from voila.app import Voila

    from .handlers import replaced

    if folder is not None and not folder.is_dir():
        raise DatasetError(f"There is no folder {folder}.")
    shared = share or not is_loopback(host)
    own = Context.get_global_context().storage.persistent_path
    # Who has the address of the shared page does not get into the other one.
    if shared:
        token = _token(storage or own / "dashboard", "token.json")
    else:
        token = _token((storage or own) / "dashboard", "own-token.json")
    whose = (
        "Each browser has labels and models of its own"
        if shared
        else "Its labels and models are yours, as in your notebooks"
    )
    address = f"http://{_shown_host(host)}:{port}/?token={token}"

    class Server(Voila):
        """Says where it is once it listens there."""

        def launch_browser(self) -> None:
            say(f"The dashboard is at {address}\n{whose}, and they are kept. It ends with Ctrl-C.")
            if browser:
                webbrowser.open(address)

        def init_handlers(self) -> list[Any]:
            """Some of ours in place of voila's."""
            return replaced(super().init_handlers())

    with tempfile.TemporaryDirectory(prefix="imgcls-dashboard-") as temporary:
        _prepare(Path(temporary), folder, storage, shared)
        config = _configured(Config(), host, port, token, Path(temporary))
        config.Kernels.most = visitors or _room()
        server = Server(config=config)
        server.initialize([str(NOTEBOOK)])
        try:
            server.start()
        except SystemExit:
            raise ImgclsError(
                f"Port {port} is in use: does the dashboard run already? If not, choose another "
                "one with --port."
            ) from None


def _room() -> int:
    return min(max(free_memory() // _MEMORY, 1), _MOST)


def _configured(made: Any, host: str, port: int, token: str, temporary: Path) -> Any:
    made.Voila.ip = host
    made.Voila.port = port
    made.Voila.port_retries = 0
    made.Voila.token = token
    made.Voila.open_browser = True
    made.Voila.log_level = "ERROR"  # its warnings are not for who only wants the page
    made.Voila.connection_dir_root = str(temporary)
    made.VoilaConfiguration.template = "imgcls"
    made.VoilaConfiguration.allow_template_override = "NO"
    made.VoilaConfiguration.file_allowlist = []
    # Others are for JupyterLab; some fail here.
    made.VoilaConfiguration.extension_allowlist = [
        *("@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8"),
        *("anywidget", "bqplot", "bqscales"),
    ]
    made.VoilaConfiguration.multi_kernel_manager_class = "jupyter_imgcls.dashboard.kernels.Kernels"
    made.Kernels.cull_idle_timeout = 1  # anything: `Kernels` says what is culled
    made.Kernels.cull_interval = _SECONDS_BETWEEN
    # Who was let in once stays so when the server was started anew, for the address that the page
    # shows has no token.
    made.Voila.cookie_secret = hashlib.sha256(b"cookies " + token.encode()).digest()
    return made


def _prepare(temporary: Path, folder: Path | None, storage: Path | None, shared: bool) -> None:
    """What the kernels find in their environment, and voila beside what is installed."""
    from ipykernel.kernelspec import write_kernel_spec

    # This very Python, whatever kernels are registered on the machine.
    write_kernel_spec(temporary / "kernels" / "python3", extra_arguments=["--log-level=ERROR"])
    clone = Path(__file__).parents[2] / "share" / "jupyter"
    paths = [str(temporary), *([str(clone)] if clone.is_dir() else [])]
    os.environ["JUPYTER_PATH"] = os.pathsep.join(
        [*paths, *filter(None, [os.environ.get("JUPYTER_PATH")])]
    )
    for name in (FOLDER, ROOT, STORAGE):
        os.environ.pop(name, None)
    os.environ[ROOT if folder is None else FOLDER] = str((folder or Path()).resolve())
    os.environ[SHARED] = str(int(shared))
    if storage is not None:
        os.environ[STORAGE] = str(storage.resolve())


def _token(storage: Path, name: str) -> str:
    """The same as last time, so that a bookmark and a colleague's link go on to work."""
    file = storage / name
    try:
        storage.mkdir(mode=0o700, parents=True, exist_ok=True)
        if file.is_file():
            return str(json.loads(file.read_text(encoding="utf-8")))
        token = secrets.token_urlsafe(24)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            json.dump(token, opened)
    except (OSError, ValueError) as error:
        raise StorageError(f"Cannot use the folder {storage}: {error}.") from error
    return token


def _shown_host(host: str) -> str:
    """An address to open for one to listen at."""
    import socket

    return socket.gethostname() if host in ("", "0.0.0.0", "::") else host  # noqa: S104
