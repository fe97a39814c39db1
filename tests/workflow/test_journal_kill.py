"""Real processes that are killed while they label and move photos, and that label at once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.data.journal import Journal
from tests.conftest import save_photo

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")

START = """
import os, signal, sys
from jupyter_imgcls import ClassificationDataset, Context
from jupyter_imgcls.data.journal import Journal
root, storage = sys.argv[1:3]
Context.create(storage, storage, storage)
dataset = ClassificationDataset.create_from_dir("photos", root)
journal = Journal.open(dataset)
"""

LABEL_AND_DIE = """
for image in dataset.images:
    dataset.change_label_for_image(image, "labelled")
os.kill(os.getpid(), signal.SIGKILL)
"""

LABEL_ONE_IN_TWO = """
print("ready", flush=True)
sys.stdin.readline()
for image in dataset.images[int(sys.argv[3])::2]:
    dataset.change_label_for_image(image, f"by {sys.argv[3]}")
"""

MOVE_AND_DIE = """
calls = 0
def die(event, arguments):
    global calls
    if event == sys.argv[3]:
        calls += 1
        if calls == 30:
            os.kill(os.getpid(), signal.SIGKILL)
journal.edit(dataset.images, "other")
sys.addaudithook(die)
journal.commit(root, dry_run=False)
"""


def process(script, root, context, *arguments):
    return subprocess.Popen(
        [
            sys.executable, "-c", START + script, root, context.storage.persistent_path, *arguments,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip


@pytest.fixture
def root(tmp_path) -> Path:
    for number in range(200):
        save_photo(tmp_path / "photos" / "cup" / f"{number}.png", seed=number, size=(4, 4))
    return tmp_path / "photos"


def open_again(root):
    return Journal.open(ClassificationDataset.create_from_dir("photos", root))


def test_all_labels_are_there_after_the_kernel_was_killed(root, context):
    killed = process(LABEL_AND_DIE, root, context)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL

    with open_again(root) as journal:
        assert journal.dataset.count_labels() == {"cup": 0, "labelled": 200}
        for _ in range(200):
            journal.undo()
        assert journal.dataset.count_labels() == {"cup": 200}


def test_two_kernels_label_at_once(root, context):
    both = [process(LABEL_ONE_IN_TWO, root, context, str(number)) for number in range(2)]
    for one in both:
        assert one.stdout.readline() == "ready\n"
    for one in both:
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in both:
        one.communicate()
        assert one.returncode == 0

    with open_again(root) as journal:
        assert journal.dataset.count_labels() == {"cup": 0, "by 0": 100, "by 1": 100}
        histories = [journal.history(image) for image in journal.dataset.images]
        assert [len(edits) for edits in histories if edits[0].after == ["by 0"]] == [1] * 100
        batches = [edits[-1].batch for edits in histories]
        assert len(set(batches)) == 200


@pytest.mark.parametrize("moment", ["os.link", "os.remove"])
def test_moves_that_were_cut_off_by_a_kill_are_finished(root, context, moment):
    """Killed before a photo gets its new name, and between that and losing the old one."""
    photos = sorted(path.read_bytes() for path in root.rglob("*.png"))
    killed = process(MOVE_AND_DIE, root, context, moment)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    half_way = {path.read_bytes() for path in root.rglob("*.png")}
    assert sorted(half_way) == photos
    assert 29 <= len(os.listdir(root / "other")) <= 30

    with open_again(root) as journal:
        assert journal.unfinished
        journal.resume()
        assert journal.unfinished == [] and journal.dataset.problems == []
        assert sorted(path.read_bytes() for path in (root / "other").iterdir()) == photos
        assert os.listdir(root / "cup") == []
        assert {Path(path).parent for path in journal.dataset.paths} == {root / "other"}
        assert journal.commit(root).moves == ()
