"""Real processes that are killed while they label and move photos, and that label at once."""

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.data.journal import Journal
from tests.conftest import save_photo

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")

START = """
import os, select, signal, sys
from jupyter_imgcls import ClassificationDataset, Context
from jupyter_imgcls.data.journal import Journal
from jupyter_imgcls.errors import StorageError
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

# The life of a worker is in `who`, so that its edits are told from those of all others.
LABEL_UNTIL_KILLED = """
life, first, edits = sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
os.environ["LOGNAME"] = life
for number in range(edits):
    image = dataset.images[(first + number) % len(dataset)]
    dataset.change_label_for_image(image, f"{life} {number // len(dataset) % 2}")
    os.write(1, b".")
"""

LABEL_OWN_PHOTOS = """
own = dataset.images[int(sys.argv[3])::4]
number = 0
while number < len(own) or not select.select([sys.stdin], [], [], 0)[0]:
    try:
        dataset.change_label_for_image(own[number % len(own)], str(number // len(own)))
    except StorageError:  # the file was deleted in the middle of its opening
        continue
    number += 1
    if number == 1:
        print("first", flush=True)
journal.close()
print(number)
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


def work(root, context, worker: int, edits: int, longest: float) -> dict[str, int]:
    """Let a worker make so many edits, in lives of so many seconds: how many in each life."""
    chance = random.Random(worker)
    acknowledged: dict[str, int] = {}
    while sum(acknowledged.values()) < edits:
        life = f"worker {worker}, life {len(acknowledged)}"
        left = edits - sum(acknowledged.values())
        with process(LABEL_UNTIL_KILLED, root, context, life, str(50 * worker), str(left)) as lives:
            if chance.random() < 0.8:  # else perhaps while it opens the journal
                select.select([lives.stdout], [], [])
            time.sleep(chance.uniform(0, longest))
            lives.kill()
            acknowledged[life] = len(lives.communicate()[0])
    return acknowledged


def assert_all_are_there(root, acknowledged: dict[str, int], images: int) -> None:
    with open_again(root) as journal:
        edits = [edit for image in journal.dataset.images for edit in journal.history(image)]
        found = defaultdict(list)
        for edit in sorted(edits, key=lambda edit: edit.id):
            found[edit.who].append(edit)
        rows = {photo: row for row, photo in enumerate(map(os.fsencode, journal.dataset.paths))}
        for life, count in acknowledged.items():
            first = 50 * int(life.split()[1].rstrip(","))
            assert count <= len(found[life]) <= count + 1, life
            for number, edit in enumerate(found[life]):
                assert rows[edit.path] == (first + number) % images
                assert edit.after == [f"{life} {number // images % 2}"]


@pytest.mark.parametrize(
    ("edits", "longest"), [(400, 0.2), pytest.param(10_000, 0.5, marks=pytest.mark.long)]
)
def test_no_acknowledged_edit_is_lost_when_four_kernels_are_killed_at_random(
    root, context, edits, longest
):
    with ThreadPoolExecutor(4) as pool:
        lives = pool.map(lambda worker: work(root, context, worker, edits // 4, longest), range(4))
        acknowledged = {life: count for some in lives for life, count in some.items()}
    assert sum(acknowledged.values()) >= edits and len(acknowledged) > 4
    assert_all_are_there(root, acknowledged, 200)


def test_no_label_is_lost_when_the_file_is_deleted_while_four_kernels_write(root, context):
    """Each labels photos of its own, again and again."""
    kernels = [process(LABEL_OWN_PHOTOS, root, context, str(first)) for first in range(4)]
    for kernel in kernels:
        assert kernel.stdout.readline() == "first\n"
    for deleted in range(20):
        for file in (context.storage.persistent_path / "journals").glob("photos-*.sqlite"):
            if deleted % 2:
                file.unlink()
            else:
                file.replace(file.with_name("moved"))
        time.sleep(0.05)
    ends = [kernel.communicate("end\n")[0] for kernel in kernels]
    assert [kernel.returncode for kernel in kernels] == [0] * 4
    expected = {
        first + 4 * (number % 50): [str(number // 50)]
        for first, end in enumerate(map(int, ends))
        for number in range(end - 50, end)
    }

    with open_again(root) as journal:
        labels = [[label.name for label in image.labels] for image in journal.dataset.images]
        assert labels == [expected[row] for row in range(200)]


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
