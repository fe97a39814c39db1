"""TrainingMonitor in the page: real trainings, real clicks, a free kernel and a busy one."""

from __future__ import annotations

import subprocess
import sys

import pytest
from ipykernel.kernelspec import write_kernel_spec
from playwright.sync_api import Locator, expect

from ..conftest import draw_photos
from .notebook import ARTEFACTS, Notebook
from .server import Server

# One without threads of its own for widgets, and two that share them out differently. JupyterLab
# and Notebook 7 talk to a kernel in the same way; voila runs all cells before it shows the page.
IPYKERNELS = ("6.31", "7.3", "7.4")
COMBINATIONS = [
    ("lab", "7.4"),
    ("voila", "6.31"),
    *(
        pytest.param(host, version, marks=pytest.mark.long)
        for host, version in [
            ("lab", "6.31"),
            ("lab", "7.3"),
            ("notebook", "7.4"),
            ("voila", "7.4"),
        ]
    ),
]

SET_UP = """
from jupyter_imgcls import ClassificationDataset, TransferLearningModel
from jupyter_imgcls.widgets.training_monitor import TrainingMonitor

photos = ClassificationDataset.create_from_dir("photos", {photos!r})
model = TransferLearningModel(
    ["cup", "plate"], "squeezenet1.1", (3, 64, 64), weights={weights!r}
)

def train(epochs=100_000, background=False):
    global run
    run = model.train(
        photos, 0.0003, batch_size=2, num_epochs=epochs, eval_dataset=photos, progress=False,
        callbacks=[monitor.listener], background=background,
    )
    return run

monitor = TrainingMonitor()
monitor
"""
TRAIN = "assert train().state == 'stopped'"
# voila shows the page once its cells have run: there a button keeps the kernel busy.
TRAIN_ON_CLICK = """
import ipywidgets
button = ipywidgets.Button(description="Train")
button.on_click(lambda _: train())
button
"""
# Busy with something that does not answer the page: ipykernel 6 cannot hear a button then.
TRAIN_BESIDE_A_BUSY_CELL = """
import time
train(background=True)
while run.state != "stopped":
    time.sleep(0.01)
"""

# From the click to what it says: called before the click, awaited after it.
MEASURE = """(ui, words) => {
    window.answered = new Promise(resolve => ui.addEventListener('click', () => {
        const clicked = performance.now();
        const look = () => ui.querySelector('[role=status]').innerText.includes(words)
            && (seen.disconnect(), resolve(performance.now() - clicked));
        const seen = new MutationObserver(look);
        seen.observe(ui, {subtree: true, childList: true, characterData: true});
    }, {capture: true, once: true}));
}"""


@pytest.fixture(scope="package")
def kernels(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Names of the server's kernels, one for each version of ipykernel."""
    names = {}
    for version in IPYKERNELS:
        folder = tmp_path_factory.mktemp("ipykernel")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
        done = subprocess.run(
            [*pip, folder, f"ipykernel=={version}.*"], check=False, capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"needs ipykernel {version} from PyPI: {done.stderr[-300:]}")
        names[version] = f"ipykernel-{version}"
        place = server.runtime.parent / "jupyter" / "kernels" / names[version]
        write_kernel_spec(place, {"env": {"PYTHONPATH": str(folder)}})
    return names


@pytest.fixture
def set_up(tmp_path, untrained_weights) -> str:
    draw_photos(tmp_path / "photos")
    return SET_UP.format(photos=str(tmp_path / "photos"), weights=str(untrained_weights))


class Monitor:
    """A monitor as a person sees it."""

    def __init__(self, notebook: Notebook, ui: Locator) -> None:
        self.notebook, self.ui = notebook, ui
        self.answers: list[str] = []

    def press(self, button: str, words: str) -> None:
        """Click a button, and wait until the headline has the words."""
        self.says("epoch")
        self.ui.evaluate(MEASURE, words)
        self.ui.get_by_role("button", name=button).click()
        took = self.notebook.page.evaluate("() => window.answered")
        self.answers.append(f"{button} {took:.0f} ms")

    def says(self, words: str) -> None:
        self.ui.get_by_role("status").filter(has_text=words).wait_for(timeout=20_000)

    def offers(self, *buttons: str) -> None:
        for name in ("Pause", "Resume", "Stop"):
            expect(self.ui.get_by_role("button", name=name)).to_be_enabled(enabled=name in buttons)

    def try_all(self) -> None:
        """Pause, resume and stop a training that runs."""
        self.says("Training")
        self.press("Pause", "Paused")
        self.offers("Resume", "Stop")
        self.press("Resume", "Training")
        self.offers("Pause", "Stop")
        self.press("Stop", "Stop")


@pytest.mark.parametrize(("host", "version"), COMBINATIONS)
def test_the_buttons_answer_while_the_kernel_is_busy_and_while_it_is_not(
    host, version, open_notebook, kernels, set_up
):
    beside = TRAIN_BESIDE_A_BUSY_CELL if version > "7" else "train(background=True)"
    cells = [set_up, TRAIN_ON_CLICK] if host == "voila" else [set_up, TRAIN, beside]
    theme = "dark" if (host, version) == ("voila", "6.31") else "light"
    notebook = open_notebook(host, cells, theme, kernel=kernels[version])
    notebook.run_all(wait=False)
    monitor = Monitor(notebook, notebook.output(0))
    if host == "voila":
        notebook.output(1).get_by_role("button", name="Train").click()

    monitor.try_all()
    if host == "voila":
        monitor.says("Stopped")
        notebook.kernel.run("train(background=True)")
    monitor.try_all()
    monitor.says("Stopped")
    monitor.offers()
    notebook.kernel.wait_for("run.state == 'stopped'")
    assert notebook.kernel.value("__import__('ipykernel').__version__").startswith(version)
    ARTEFACTS.mkdir(exist_ok=True)
    with (ARTEFACTS / "training-monitor-answers.txt").open("a") as file:
        print(host, version, *monitor.answers, sep=", ", file=file)

    if version == IPYKERNELS[-1] or theme == "dark":
        notebook.kernel.run("train(epochs=12)")
        monitor.says("Finished")
        notebook.keep_pictures(monitor.ui, "training-monitor")


def test_it_shows_the_same_in_two_places_and_after_the_page_is_reloaded(open_notebook, set_up):
    notebook = open_notebook("lab", [set_up, "monitor", TRAIN])
    first = Monitor(notebook, notebook.output(0))
    second = Monitor(notebook, notebook.output(1))
    notebook.run_all(wait=False)
    first.press("Pause", "Paused")
    second.says("Paused")
    second.offers("Resume", "Stop")
    keys = second.ui.get_by_role("region", name="Training")
    keys.press("p")
    first.says("Training")
    keys.press("p")
    first.says("Paused")

    notebook.save()
    notebook.page.reload()  # the cell goes on waiting for its training
    second.press("Resume", "Training")
    first.offers("Pause", "Stop")
    first.press("Stop", "Stop")
    second.says("Stopped")
    notebook.kernel.wait_for("run.state == 'stopped'")
