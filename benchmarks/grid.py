"""A million photos in `ImageGrid`, in JupyterLab in a browser, beside as many `ipywidgets.Image`.

    python -m benchmarks.grid [--photos 1000000] [--folder my/photos] [--files 1000]

Measures in one run, with chromium without a window:

* the time from running the cell to every photo in sight being there, in three fresh pages;
* the same from each of 30 jumps to random places, with pauses of 0.3 s;
* memory of the page (JavaScript heap after a collection) and of the kernel, elements in the page,
  and the size of the saved notebook, for few and for many photos;
* the usual way, one `ipywidgets.Image` a photo. Its thumbnails are made before the clock starts.
  On a busy machine some of so many messages are lost, and then JupyterLab shows none.

The paths are distinct and all lead to files: links to folders repeat those of 1,000 files.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Error, sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.notebook import Notebook
from tests.browser.server import Server, jupyter_server

from .scoring import make_photos

OPENINGS = 3
JUMPS = 30
PAUSE_MS = 300
USUAL = (1_000, 5_000)
FEW = 1_000

IN_KERNEL = """
import gc, psutil
def memory():
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20
"""
DATASET = """
from pathlib import Path
from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.widgets.image_grid import ImageGrid
dataset = ClassificationDataset("photos")
names = sorted(path.name for path in Path({root!r}, "0").iterdir())
for number in range({photos} // len(names)):
    dataset.add_folder(str(Path({root!r}, str(number))), names, "cup")
assert len(dataset) == {photos}
"""
THUMBNAILS = """
import ipywidgets
from pathlib import Path
from jupyter_imgcls.widgets.base.thumbnails import make_jpeg
files = sorted(Path({root!r}, "0").iterdir())
jpegs = [make_jpeg(str(files[i % len(files)]), 160) for i in range(min({photos}, len(files)))]
"""
GRID_CELL = "ImageGrid(dataset)"
USUAL_CELL = """
ipywidgets.Box(
    [ipywidgets.Image(value=jpegs[i % len(jpegs)], width=128) for i in range({photos})],
    layout=dict(flex_flow="row wrap"),
)
"""

# Resolves in the frame that shows the last photo: `ready` looks at elements, not at our own word.
UNTIL = """
const until = async ready => {
  const start = performance.now();
  while (!ready()) {
    if (performance.now() - start > 60_000) throw Error('not all was there after a minute');
    await new Promise(requestAnimationFrame);
  }
};
const shown = (part, count) => {
  const parts = [...document.querySelectorAll(part)];
  return parts.length >= count && parts.every(part => {
    const image = part.tagName === 'IMG' ? part : part.querySelector('img');
    return image?.complete && image.naturalWidth > 0;
  });
};
"""
RUN = f"""async ([part, count]) => {{ {UNTIL}
  const start = performance.now();
  window.jupyterapp.commands.execute('notebook:run-all-cells');
  await until(() => shown(part, count));
  return performance.now() - start;
}}"""
JUMP = f"""async place => {{ {UNTIL}
  const first = () => document.querySelector('.ig-line')?.getAttribute('aria-rowindex');
  const scroller = document.querySelector('.ig-scroller');
  const [start, before] = [performance.now(), first()];
  scroller.scrollTop = place * (scroller.scrollHeight - scroller.clientHeight);
  await until(() => first() !== before && shown('.ig-cell', 1));
  return performance.now() - start;
}}"""
ELEMENTS = "part => document.querySelector(part).querySelectorAll('*').length"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A million photos in ImageGrid.")
    parser.add_argument("--photos", type=int, default=1_000_000, help="number of paths")
    parser.add_argument("--folder", type=Path, help="JPEG files; made 640 x 480 ones by default")
    parser.add_argument("--files", type=int, default=1_000, help="how many files are made")
    options = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("This needs chromium: apt-get install chromium")

    with tempfile.TemporaryDirectory() as made:
        folder = options.folder or make_photos(_new(Path(made, "photos")), options.files)
        root, photos = link_folders(folder.resolve(), Path(made, "links"), options.photos)
        with (
            jupyter_server(_new(Path(made, "server"))) as server,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            context = browser.new_context(viewport={"width": 1200, "height": 900})
            pages = Pages(server, context, root)
            few = pages.grid(FEW, jumps=0)
            many = [pages.grid(photos, jumps=JUMPS * (n == 0)) for n in range(OPENINGS)]
            usual = [pages.usual(count) for count in USUAL]
            browser.close()
    report(photos, few, many, usual)


def link_folders(folder: Path, root: Path, photos: int) -> tuple[Path, int]:
    """Links to `folder` for at least `photos` distinct paths; how many paths there are."""
    files = len(list(folder.iterdir()))
    links = -(-photos // files)
    root.mkdir()
    for number in range(links):
        (root / str(number)).symlink_to(folder)
    return root, links * files


class Pages:
    """Fresh pages with a fresh kernel each, and what was measured in them."""

    def __init__(self, server: Server, context: BrowserContext, root: Path) -> None:
        self.server = server
        self.context = context
        self.root = root
        self.opened = 0

    def grid(self, photos: int, jumps: int) -> dict[str, Any]:
        """One grid: `first` and `jumps` in ms, memory in MiB, `notebook` in bytes."""
        setup = DATASET.format(root=str(self.root), photos=photos)
        with self.opening(setup, GRID_CELL) as (notebook, measured):
            measured["first"] = notebook.page.evaluate(RUN, [".ig-cell", 1])
            # The places of the golden ratio are spread evenly, near and far jumps mixed.
            places = [(n * 0.618034) % 1 for n in range(1, jumps + 1)]
            measured["jumps"] = []
            for place in places:
                notebook.page.wait_for_timeout(PAUSE_MS)
                measured["jumps"].append(notebook.page.evaluate(JUMP, place))
            measured["elements"] = notebook.page.evaluate(ELEMENTS, ".imgcls-grid")
        return measured

    def usual(self, photos: int) -> dict[str, Any]:
        """One `ipywidgets.Image` a photo; `first` is None if they were not there in a minute."""
        setup = THUMBNAILS.format(root=str(self.root), photos=photos)
        with self.opening(setup, USUAL_CELL.format(photos=photos)) as (notebook, measured):
            image = ".widget-image"
            try:
                measured["first"] = notebook.page.evaluate(RUN, [image, photos])
            except Error:  # nothing else is asked of the page here
                measured["first"] = None
                notebook.problems.clear()
            measured["elements"] = notebook.page.evaluate(ELEMENTS, ".jp-Cell-outputArea")
        return measured

    @contextmanager
    def opening(self, setup: str, cell: str) -> Iterator[tuple[Notebook, dict[str, Any]]]:
        """Open a notebook of one cell; measure what it takes beside what the caller measures."""
        file = self.server.notebooks / f"{self.opened}.ipynb"
        self.opened += 1
        Notebook.write(file, [cell])
        notebook = Notebook(self.server, self.context, "lab", file, "light")
        notebook.kernel.run(IN_KERNEL)
        bare = notebook.kernel.value("memory()")
        notebook.kernel.run(setup)
        ready = notebook.kernel.value("memory()")
        heap = self.heap(notebook)
        measured: dict[str, Any] = {"dataset": ready - bare}
        yield notebook, measured
        measured["kernel"] = notebook.kernel.value("memory()") - ready
        measured["heap"] = self.heap(notebook)
        measured["heap_grown"] = measured["heap"] - heap
        notebook.save()
        measured["notebook"] = file.stat().st_size
        notebook.close()

    def heap(self, notebook: Notebook) -> float:
        """The page's JavaScript heap in MiB, garbage collected."""
        session = self.context.new_cdp_session(notebook.page)
        session.send("HeapProfiler.enable")
        session.send("HeapProfiler.collectGarbage")
        used: float = session.send("Runtime.getHeapUsage")["usedSize"] / 2**20
        session.detach()
        return used


def report(
    photos: int, few: dict[str, Any], many: list[dict[str, Any]], usual: list[dict[str, Any]]
) -> None:
    """Print what was measured beside what is aimed at."""
    first, jumps = many[0], many[0]["jumps"]
    rows = [
        ("first screen, median", statistics.median(m["first"] for m in many), "ms", 800),
        ("jump, median", statistics.median(jumps), "ms", 120),
        ("jump, 95th percentile", statistics.quantiles(jumps, n=20)[-1], "ms", 250),
        ("kernel memory, grown by", first["kernel"], "MiB", 60),
        ("notebook, larger than that of 1,000", first["notebook"] - few["notebook"], "bytes", 0),
        ("kernel memory, of imports and dataset", first["dataset"], "MiB", None),
        ("page's heap", first["heap"], "MiB", None),
        ("page's heap, grown by", first["heap_grown"], "MiB", None),
        ("elements in the page", first["elements"], "", None),
        ("notebook", first["notebook"] / 1024, "KiB", None),
    ]
    print(f"ImageGrid, {photos:,} photos")
    for what, value, unit, target in rows:
        aim = "" if target is None else f"   aim: at most {target:,} {unit}"
        print(f"  {what:38} {value:8,.0f} {unit:6}{aim}")
    for what, times in (("first screens", [m["first"] for m in many]), ("jumps", jumps)):
        print(f"  {what}: {' '.join(f'{ms:.0f}' for ms in sorted(times))} ms")
    for count, images in zip(USUAL, usual, strict=True):
        first = images["first"]
        took = "none shown in a minute" if first is None else f"{first:,.0f} ms"
        print(
            f"{count:,} ipywidgets.Image: {took}, "
            f"heap {images['heap']:.0f} MiB, kernel grown by {images['kernel']:.0f} MiB, "
            f"{images['elements']:,} elements, notebook {images['notebook'] / 1024:,.0f} KiB"
        )


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
