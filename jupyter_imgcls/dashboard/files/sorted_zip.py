"""The photos in folders of their classes, as a zip."""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath

from ...data import ClassificationDataset
from ...data.problems import Problem
from ...errors import DatasetError, ImgclsError, StorageError
from ...files import is_folder_name, numbered, replacing
from ...progress import Progress, counting
from ...text import unicode_text
from .uploads import require_room, size

__all__ = ["zip_by_class"]


def zip_by_class(
    dataset: ClassificationDataset, file: Path, largest: int, progress: Progress = False
) -> list[Problem]:
    """Copy the photos into a zip, in ``<class>/``, as `create_from_dir` reads them.

    Those of a given split are in ``train/<class>/`` and so on. A photo of several classes is in
    each of them; one without a label is left out. The zip is written beside its place and is not
    compressed, for photos are.

    Parameters
    ----------
    dataset : ClassificationDataset
        Its name is that of the folder in the zip.
    file : Path
        Where the zip is written.
    largest : int
        Bytes of all photos together.
    progress : Progress
        Is told how many photos are done.

    Returns
    -------
    list of Problem
        Photos that cannot be read.

    Raises
    ------
    DatasetError
        If the name of a class cannot be that of a folder.
    ImgclsError
        If it would be too large, or not fit on the disk.
    StorageError
        If it cannot be written.
    """
    for label in dataset.labels:
        if not is_folder_name(label.name, windows=True):
            raise DatasetError(
                f"No folder can be called {label.name!r} on every computer: rename the class."
            )
    file.parent.mkdir(parents=True, exist_ok=True)
    _check_size(dataset, file.parent, largest)
    top = unicode_text(dataset.name)
    taken: set[str] = set()
    left_out: list[Problem] = []
    try:
        with (
            replacing(file) as temporary,
            zipfile.ZipFile(temporary, "w", strict_timestamps=False) as archive,
            counting(progress, len(dataset), " photos", "Packing") as add,
        ):
            for image, part in zip(dataset.images, dataset.parts, strict=True):
                for label in image.labels:
                    try:
                        content = Path(image.storage_path).read_bytes()
                    except OSError as error:
                        reason = error.strerror or str(error)
                        left_out.append(Problem(image.storage_path, reason))
                        break
                    folder = PurePosixPath(top, part or "", label.name)
                    # Some systems take 'a.jpg' and 'A.jpg' for one name.
                    place = numbered(
                        folder / unicode_text(image.name), lambda p: str(p).casefold() in taken
                    )
                    taken.add(str(place).casefold())
                    entry = zipfile.ZipInfo.from_file(
                        image.storage_path, str(place), strict_timestamps=False
                    )
                    archive.writestr(entry, content)
                add(1)
    except OSError as error:
        raise StorageError(f"Cannot write {file}: {error.strerror or error}.") from error
    return left_out


def _check_size(dataset: ClassificationDataset, folder: Path, largest: int) -> None:
    total = 0
    for image in dataset.images:
        try:
            total += len(image.labels) * Path(image.storage_path).stat().st_size
        except OSError:
            continue  # is said when it is read
    if total > largest:
        raise ImgclsError(
            f"The photos are {size(total)}, and {size(largest)} at most can be saved from this "
            "page. Take one of the tables: they say where each photo belongs."
        )
    require_room(folder, total)
