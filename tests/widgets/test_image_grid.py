"""`ImageGrid`, from the kernel's side: what a page asks and what it is answered."""

import io
import queue
from pathlib import Path

import numpy as np
import pytest
import traitlets
from PIL import Image

from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.style import PALETTE
from jupyter_imgcls.widgets.image_grid import ImageGrid

ROOT = Path(__file__).parents[2]


class Page:
    """What a browser does: sends requests with an id and takes what comes."""

    def __init__(self, grid):
        self.grid = grid
        self.inbox = queue.Queue()
        grid.send = lambda content, buffers=None: self.inbox.put((content, buffers or []))

    def tell(self, content, buffers=()):
        self.grid._handle_custom_msg(content, [memoryview(buffer) for buffer in buffers])

    def ask(self, **request):
        self.tell({"id": "q1", "view": "v", **request})
        content, buffers = self.next()
        assert (content.pop("kind"), content.pop("id")) == ("answer", "q1")
        return content, buffers

    def next(self):
        return self.inbox.get(timeout=30)


@pytest.fixture
def dataset(class_folders):
    return ClassificationDataset.create_from_dir("photos", class_folders(cup=4, plate=2))


@pytest.fixture
def grid(dataset):
    return ImageGrid(dataset)


@pytest.fixture
def page(grid):
    return Page(grid)


def rows(buffer):
    return np.frombuffer(buffer, "<u4").tolist()


def test_photos_are_answered_as_jpegs_with_caption_and_badge(page):
    content, buffers = page.ask(kind="photos", rows=[0, 5], size=96)

    assert content["photos"] == [
        {"caption": "cup1.png", "badge": "cup", "color": PALETTE[0], "problem": None},
        {"caption": "plate2.png", "badge": "plate", "color": PALETTE[1], "problem": None},
    ]
    assert [bytes(buffer[:3]) for buffer in buffers] == [b"\xff\xd8\xff"] * 2


def test_a_photo_that_has_gone_is_answered_with_the_reason(dataset, page):
    Path(dataset.paths[1]).unlink()

    content, buffers = page.ask(kind="photos", rows=[0, 1], size=96)

    assert [photo["problem"] for photo in content["photos"]] == [None, "the file does not exist"]
    assert buffers[1] == b""


def test_a_photo_opened_large_is_bounded(dataset, page, tmp_path):
    Image.new("RGB", (4000, 100)).save(tmp_path / "wide.png")
    row = dataset.add_image(tmp_path / "wide.png", "cup").row

    _content, [jpeg] = page.ask(kind="photos", rows=[row], size=10**6)

    assert Image.open(io.BytesIO(jpeg)).width == 1600


@pytest.mark.parametrize("asked", [[-1], [6], [True], ["/etc/passwd"], [0.0], [], [0] * 513])
@pytest.mark.parametrize("kind", ["photos", "captions"])
def test_nothing_but_photos_of_the_dataset_can_be_had(page, caplog, kind, asked):
    content, buffers = page.ask(kind=kind, rows=asked, size=96)

    assert set(content) == {"error"}
    assert "the dataset has photos 0 to 5" in content["error"]
    assert not buffers


@pytest.mark.parametrize("request_", [{"kind": "what?"}, {}, {"kind": "photos"}])
def test_a_request_that_is_not_understood_gets_an_error(page, caplog, request_):
    content, _buffers = page.ask(**request_)

    assert set(content) == {"error"}


def test_order_and_selection_travel_as_bytes(grid, page):
    grid.order = [4, 0, 2]
    grid.selected = [2]
    content, buffers = page.next()
    assert content == {"kind": "changed", "what": "order", "total": 6, "ordered": True}
    assert rows(buffers[0]) == [4, 0, 2]
    content, buffers = page.next()
    assert content == {"kind": "changed", "what": "selected", "source": None}
    assert rows(buffers[0]) == [2]

    content, buffers = page.ask(kind="state")

    assert content == {"total": 6, "ordered": True}
    assert [rows(buffer) for buffer in buffers] == [[2], [4, 0, 2]]


def test_the_state_that_a_notebook_saves_does_not_grow_with_the_photos(grid):
    before = grid.get_state()
    grid.order = np.arange(6)[::-1]
    grid.selected = np.arange(6)

    assert grid.get_state() == before
    assert {"active", "height", "thumbnail_size"} <= set(before)


def test_a_selection_made_in_the_page_can_be_observed(grid, page):
    seen = []
    grid.observe(lambda change: seen.append(change["new"].tolist()), "selected")

    for selected in ([1, 3], [1, 3], []):
        page.tell({"kind": "select"}, [np.array(selected, "<u4").tobytes()])

    assert seen == [[1, 3], []]
    assert grid.selected.dtype == np.int64


def told(page):
    """What views were sent, besides the traits."""
    return [page.inbox.get() for _ in range(page.inbox.qsize())]


def test_what_one_view_chooses_is_known_here_and_moves_no_view(grid, page):
    page.tell({"kind": "select", "view": "a", "rows": [5]})
    page.tell({"kind": "activate", "view": "a", "row": 5})

    assert (grid.active, grid.selected.tolist()) == (5, [5])
    assert told(page) == []


def test_what_a_program_chooses_moves_all_views(grid, page):
    grid.active = 2
    grid.selected = [2, 3]

    (active, _), (selected, buffers) = told(page)
    assert active == {"kind": "changed", "what": "active", "source": None, "row": 2}
    assert (selected["source"], rows(buffers[0])) == (None, [2, 3])


def test_what_an_observer_chooses_in_turn_moves_all_views(grid, page):
    grid.observe(lambda _: grid.set_trait("active", 0), "selected")

    page.tell({"kind": "select", "view": "a", "rows": [5]})

    [(content, _)] = told(page)
    assert (content["what"], content["row"], content["source"]) == ("active", 0, None)


def test_linked_views_follow_the_one_that_acts(dataset):
    page = Page(ImageGrid(dataset, linked=True))

    page.tell({"kind": "activate", "view": "a", "row": 5})

    assert told(page)[0][0]["source"] == "a"


def test_photos_that_are_filtered_out_are_no_longer_selected(grid):
    grid.selected = [0, 1, 2]
    grid.order = [5, 1, 2]
    assert grid.selected.tolist() == [1, 2]

    grid.order = None
    assert grid.selected.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("trait", "value", "words"),
    [
        ("selected", [6], "row 6; the dataset has 6 photos"),
        ("order", [0, -1], "row -1"),
        ("order", [1, 1], "more than once"),
        ("selected", [[1]], "list of row numbers"),
        ("selected", [0.5], "list of row numbers"),
        ("selected", None, "list of row numbers"),
        ("active", 6, "row 6"),
    ],
)
def test_rows_that_do_not_exist_are_refused(grid, trait, value, words):
    with pytest.raises(traitlets.TraitError, match=words):
        setattr(grid, trait, value)


def test_an_unknown_argument_is_refused(dataset):
    with pytest.raises(TypeError, match="no 'thumbnailsize'; its docstring"):
        ImageGrid(dataset, thumbnailsize=100)


def test_captions_and_badges_of_ones_own(dataset):
    page = Page(
        ImageGrid(
            dataset,
            caption=lambda row: f"score {row / 10:.1f}",
            badge=lambda row: None if row else ("wrong", "#d55e00"),
            selected=[3],
        )
    )

    content, _buffers = page.ask(kind="captions", rows=[0, 1])

    assert content["photos"] == [
        {"caption": "score 0.0", "badge": "wrong", "color": "#d55e00"},
        {"caption": "score 0.1", "badge": None, "color": None},
    ]
    assert page.grid.selected.tolist() == [3]


def test_the_page_is_told_when_labels_and_photos_have_changed(dataset, grid, page):
    dataset.change_label_for_image(dataset.images[0], [])
    dataset.add_image(dataset.paths[0], ["plate", "cup"])
    grid.refresh()

    assert page.next()[0] == {"kind": "changed", "what": "captions", "total": 7, "ordered": False}
    content, _buffers = page.ask(kind="captions", rows=[0, 6])
    assert [photo["badge"] for photo in content["photos"]] == [None, "plate, cup"]


def test_a_few_changed_photos_are_told_with_their_captions_and_badges(dataset, grid, page):
    dataset.change_label_for_image(dataset.images[1], "plate")
    grid.refresh(np.array([1]))

    badge = {"caption": "cup2.png", "badge": "plate", "color": PALETTE[1]}
    assert page.next()[0] == {"kind": "changed", "what": "photos", "rows": [1], "photos": [badge]}


def test_of_many_changed_photos_the_page_asks_for_those_in_sight(grid, page):
    grid.refresh(range(513))

    assert page.next()[0]["what"] == "captions"


def test_an_empty_dataset_is_no_error():
    content, buffers = Page(ImageGrid(ClassificationDataset("empty"))).ask(kind="state")

    assert content == {"total": 0, "ordered": False}
    assert [rows(buffer) for buffer in buffers] == [[]]


def test_a_million_rows_can_be_ordered_and_selected(dataset):
    folder = str(Path(dataset.paths[0]).parent)
    large = ClassificationDataset("large")
    large.add_folder(folder, [f"{i}.jpg" for i in range(1_000_000)], "cup")
    grid = ImageGrid(large)

    grid.order = np.arange(1_000_000)[::-1]
    grid.selected = np.arange(0, 1_000_000, 2)

    assert len(grid.selected) == 500_000


def test_a_missing_front_end_says_how_to_build_it():
    from jupyter_imgcls.errors import StorageError
    from jupyter_imgcls.widgets.base.assets import asset

    with pytest.raises(StorageError, match="npm run build"):
        asset("nothing.js")


def test_the_types_of_the_page_are_those_of_the_traits():
    from runpy import run_path

    generator = run_path(str(ROOT / "js" / "generate_types.py"))

    for file, widget in generator["FILES"].items():
        assert file.read_text(encoding="utf-8") == generator["state_type"](widget)


def test_a_viewer_that_runs_no_widgets_gets_a_picture_of_the_first_photos(dataset, tmp_path):
    Path(dataset.paths[1]).unlink()
    noisy = Image.effect_noise((600, 600), 100)
    noisy.convert("RGB").save(tmp_path / "noisy.png")
    for _ in range(20):
        dataset.add_image(tmp_path / "noisy.png", "cup")

    data, _metadata = ImageGrid(dataset)._repr_mimebundle_()

    assert "application/vnd.jupyter.widget-view+json" in data
    assert len(data["image/jpeg"]) < 100_000
    assert Image.open(io.BytesIO(data["image/jpeg"])).size == (728, 248)


def test_an_empty_grid_has_a_picture_too(grid):
    grid.order = []

    data, _metadata = grid._repr_mimebundle_()

    assert Image.open(io.BytesIO(data["image/jpeg"])).size == (728, 128)
