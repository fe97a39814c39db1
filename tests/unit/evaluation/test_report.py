"""The HTML report: whole, safe, self-contained."""

from __future__ import annotations

import base64
import io
import os
import re
from html.parser import HTMLParser

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from jupyter_imgcls.errors import StorageError
from jupyter_imgcls.evaluation import ClassificationEvaluation, report
from jupyter_imgcls.evaluation.report import render_report

ATTACK = "<img src=x onerror=alert(1)>"
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Elements and text of a page; checks that elements are closed in order."""

    def __init__(self, source):
        super().__init__()
        self.elements, self.open, self.text = [], [], ""
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Six photos, one with a hostile name, one gone, one damaged."""
    names = ["a.jpg", "b.png", f"{ATTACK}&'\".jpg", "gone.jpg", "damaged.jpg", "wide.jpg"]
    folder = tmp_path_factory.mktemp("photos") / "bowl"
    folder.mkdir()
    for name in names:
        Image.new("RGB", (900, 300) if name == "wide.jpg" else (60, 80), "teal").save(folder / name)
    (folder / "gone.jpg").unlink()
    (folder / "damaged.jpg").write_bytes(b"not a photo")
    return [str(folder / name) for name in names]


def mistaken(photos, classes=("bowl", "cup"), name="tableware"):
    """An evaluation in which the first of the classes is always predicted, wrongly."""
    scores = np.linspace(0.6, 0.9, len(photos))
    return ClassificationEvaluation.from_scores(
        np.stack([scores, 1 - scores], axis=1),
        [1] * len(photos),
        list(classes),
        paths=photos,
        name=name,
    )


def svgs(source):
    return re.findall(r"<svg.*?</svg>", source, re.DOTALL)


def perfect():
    return ClassificationEvaluation.from_scores(np.eye(3), [0, 1, 2], ["bowl", "cup", "plate"])


@pytest.fixture(scope="module")
def source_with_mistakes(photos):
    return render_report(mistaken(photos))


@pytest.fixture(scope="module")
def source_without_mistakes():
    return render_report(perfect())


def test_the_mistakes_are_shown_with_small_pictures(source_with_mistakes):
    page = Page(source_with_mistakes)
    pictures = page.all("img")
    assert len(pictures) == 4
    for picture in pictures:
        head, data = picture["src"].split(",", 1)
        assert head == "data:image/jpeg;base64"
        image = Image.open(io.BytesIO(base64.b64decode(data)))
        assert image.width <= 320
        assert image.height <= 240
    assert page.text.count("No picture") == 2
    assert "bowl/wide.jpg" in page.text
    assert "90.0%" in page.text


def test_the_page_asks_nothing_of_any_other_place(source_with_mistakes):
    page = Page(source_with_mistakes)
    assert not page.all("script")
    assert not page.all("link")
    assert not page.all("iframe")
    policy = page.all("meta")[2]
    assert policy["content"].startswith("default-src 'none'")
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/"))
    assert not re.search(r"url\((?!#)", source_with_mistakes)
    assert "@import" not in source_with_mistakes


def test_names_of_classes_files_and_the_dataset_are_text_never_markup(photos):
    ce = mistaken(photos, classes=(ATTACK, "under $5 </svg><script>"), name=f"set {ATTACK}")
    page = Page(render_report(ce))
    assert not page.all("script")
    assert {picture.get("onerror") for picture in page.all("img")} == {None}
    assert f"Evaluation of set {ATTACK}" in page.text
    assert f"{ATTACK}&'\".jpg" in page.text
    assert "under $5 </svg><script>" in page.text


def test_names_that_no_encoding_knows_do_not_break_the_file(photos, tmp_path):
    ce = mistaken([*photos, "/photos/\udcff.jpg"], classes=("\udcfe", "cup\x00\x1b"))
    page = ce.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "photos/\N{REPLACEMENT CHARACTER}.jpg" in page
    assert r"\xfe" in page
    assert r"cup\x00" in page
    assert "\x1b" not in page


def test_names_in_any_script_are_written_as_text():
    ce = ClassificationEvaluation.from_scores(np.eye(2), [0, 1], ["餐盘", "чашка"])
    svg = render_report(ce).split("<svg", 2)[1]
    assert "餐盘" in svg
    assert "чашка" in svg


def test_the_plots_follow_the_pages_light_or_dark_theme(source_without_mistakes):
    assert "prefers-color-scheme: dark" in source_without_mistakes
    svg = "".join(svgs(source_without_mistakes))
    assert svg.count("<svg") == 4
    assert "fill: var(--ink)" in svg
    assert "#1b2127" not in svg
    assert "#000000" not in svg


def test_the_users_matplotlib_style_neither_shows_nor_changes(source_without_mistakes):
    with mpl.rc_context({"text.color": "red", "font.size": 30, "axes.facecolor": "yellow"}):
        styled = svgs(render_report(perfect()))
        assert mpl.rcParams["font.size"] == 30
    assert styled == svgs(source_without_mistakes)


def test_the_headline_says_how_sure_it_is():
    rng = np.random.default_rng(0)
    true = np.arange(40) % 2
    scores = np.eye(2)[np.where(rng.random(40) < 0.8, true, 1 - true)] * 0.8 + 0.1
    ce = ClassificationEvaluation.from_scores(scores, true, ["bowl", "cup"])
    text = Page(render_report(ce)).text
    low, high = ce.compute_confidence_interval("accuracy")
    assert f"{ce.compute_accuracy():.1%}" in text
    assert f"95% interval {low:.1%} \N{EN DASH} {high:.1%}" in text
    correct = round(40 * ce.compute_accuracy("micro"))
    assert f"Correct: {correct} of 40" in text


def test_without_mistakes_it_says_so(source_without_mistakes):
    text = Page(source_without_mistakes).text
    assert "No mistakes on the 3 test photos." in text
    assert "No class was taken for another." in text
    assert "No interval without mistakes" in text
    assert "95% interval 43.9% \N{EN DASH} 100.0%" in text  # Wilson's, 3 of 3


def test_left_out_photos_and_untested_classes_are_named():
    scores = [[0.9, 0.1, 0.0], [np.nan] * 3, [0.2, 0.8, 0.0]]
    ce = ClassificationEvaluation.from_scores(scores, [0, 1, -1], ["bowl", "cup", "plate"])
    text = Page(render_report(ce)).text
    assert "Left out: 1 photo that cannot be read, 1 photo without a label." in text
    assert "No test photos of: cup, plate." in text
    assert "\N{EN DASH}" in text


def test_its_size_has_a_bound_and_missing_folders_are_made(photos, tmp_path):
    rng = np.random.default_rng(0)
    classes, many = 12, 1000
    scores = rng.dirichlet(np.ones(classes), many)
    ce = ClassificationEvaluation.from_scores(
        scores,
        rng.integers(0, classes, many),
        [f"class {i}" for i in range(classes)],
        paths=[photos[0]] * many,
    )
    path = ce.to_html(tmp_path / "missing" / "folder" / "report.html")
    page = Page(path.read_text(encoding="utf-8"))
    assert len(page.all("img")) == 24
    assert re.search(r"24 of 9\d\d mistakes", page.text)
    assert path.stat().st_size < 1_000_000


def test_an_old_report_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "reports" / "first" / "report.html"
    path.parent.mkdir(parents=True)
    path.write_text("old")
    assert perfect().to_html(str(path)) == path
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert os.listdir(path.parent) == ["report.html"]


def test_a_file_that_cannot_be_written_is_named_and_nothing_stays_behind(tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(StorageError, match=r"Cannot write the report .*report\.html"):
        perfect().to_html(tmp_path / "report.html")
    assert os.listdir(tmp_path) == ["report.html"]


def test_a_source_folder_that_was_never_installed_has_no_version(monkeypatch):
    def missing(name):
        raise report.metadata.PackageNotFoundError(name)

    assert re.fullmatch(r"|\d+\.\d+.*", report._version())
    monkeypatch.setattr(report.metadata, "version", missing)
    assert report._version() == ""
