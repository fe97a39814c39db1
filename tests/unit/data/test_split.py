"""Dividing a dataset into training and test photos."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_imgcls.data import ClassificationDataset, Splitter
from jupyter_imgcls.errors import DatasetError

RECYCLING = {"bowl": 5, "cup": 19, "cutlery": 7, "plate": 32}


def dataset_of(counts, copies=0):
    """A dataset without files; each photo followed by its augmented copies at the end."""
    dataset = ClassificationDataset("photos")
    for name, count in counts.items():
        dataset.add_folder(f"/photos/{name}", [f"{i}.jpg" for i in range(count)], name)
    for image in dataset.images[:]:
        for copy in range(copies):
            dataset.add_image(
                f"/copies/{image.storage_id}-{copy}.jpg", image.labels, origin_id=image.storage_id
            )
    return dataset


def ids(dataset):
    return set(dataset.storage_ids.tolist())


def test_the_articles_63_photos_give_41_and_22_with_every_class_on_both_sides():
    train_set, test_set = dataset_of(RECYCLING).split(train_size=0.66, stratify="label")

    assert (train_set.size(), test_set.size()) == (41, 22)
    assert train_set.count_labels() == {"bowl": 3, "cup": 12, "cutlery": 5, "plate": 21}
    assert test_set.count_labels() == {"bowl": 2, "cup": 7, "cutlery": 2, "plate": 11}


def test_the_same_seed_gives_the_same_division_and_the_dataset_keeps_its_order():
    dataset = dataset_of(RECYCLING)
    train_set, _ = dataset.split(0.5)

    np.testing.assert_array_equal(train_set.storage_ids, dataset.split(0.5)[0].storage_ids)
    np.testing.assert_array_equal(train_set.storage_ids, sorted(train_set.storage_ids))
    assert ids(train_set) != ids(dataset.split(0.5, random_state=1)[0])


def test_splitter_is_the_articles_other_spelling():
    dataset = dataset_of(RECYCLING)

    train_set, _ = Splitter(dataset).split(train_size=0.66, stratify="label")

    assert ids(train_set) == ids(dataset.split(0.66)[0])


def test_train_size_may_be_a_number_of_photos():
    train_set, test_set = dataset_of(RECYCLING).split(train_size=40)

    assert (len(train_set), len(test_set)) == (40, 23)


def test_without_stratifying_the_classes_fall_as_they_do():
    train_set, test_set = dataset_of(RECYCLING).split(0.66, stratify=None)

    assert (len(train_set), len(test_set)) == (41, 22)
    assert ids(train_set).isdisjoint(ids(test_set))


def test_a_class_of_one_photo_is_trained_on_and_named():
    with pytest.warns(UserWarning, match="Only one photo in class vase"):
        train_set, test_set = dataset_of({"cup": 9, "vase": 1}).split(0.5)

    assert train_set.count_labels()["vase"] == 1
    assert test_set.count_labels()["vase"] == 0


def test_copies_go_where_their_original_goes():
    train_set, test_set = dataset_of({"cup": 10, "plate": 10}, copies=2).split(0.66)

    assert (len(train_set), len(test_set)) == (3 * 13, 3 * 7)
    assert set(train_set.origin_ids).isdisjoint(test_set.origin_ids)


@given(
    counts=st.lists(st.integers(2, 30), min_size=1, max_size=8),
    copies=st.integers(0, 2),
    train_size=st.floats(0.05, 0.95),
    seed=st.integers(0, 2**32),
)
def test_whatever_the_sizes_nothing_is_lost_or_on_both_sides(counts, copies, train_size, seed):
    dataset = dataset_of({f"class {i}": count for i, count in enumerate(counts)}, copies)
    originals = sum(counts)
    wanted = int(np.floor(train_size * originals))
    if not 0 < wanted < originals:
        with pytest.raises(DatasetError, match="both sides need at least one"):
            dataset.split(train_size, random_state=seed)
        return
    train_set, test_set = dataset.split(train_size, random_state=seed)

    assert ids(train_set) | ids(test_set) == ids(dataset)
    assert ids(train_set).isdisjoint(ids(test_set))
    assert set(train_set.origin_ids).isdisjoint(test_set.origin_ids)
    assert all(train_set.count_labels().values())
    assert all(test_set.count_labels().values())
    # As many as asked for, unless one photo of each class on either side forbids it.
    expected = np.clip(wanted, len(counts), originals - len(counts))
    assert len(train_set) == expected * (copies + 1)


@given(counts=st.lists(st.integers(2, 20), min_size=1, max_size=6), k=st.integers(2, 6))
def test_k_folds_test_each_photo_once_and_are_of_equal_size(counts, k):
    dataset = dataset_of({f"class {i}": count for i, count in enumerate(counts)}, copies=1)
    if k > sum(counts):
        with pytest.raises(DatasetError, match="choose from 2 to the number of photos"):
            next(Splitter(dataset).k_fold(k))
        return
    folds = list(Splitter(dataset).k_fold(k))

    tested = [i for _, test_set in folds for i in test_set.storage_ids.tolist()]
    assert sorted(tested) == sorted(ids(dataset))
    assert np.ptp([len(test_set) for _, test_set in folds]) <= 2
    for train_set, test_set in folds:
        assert len(train_set) + len(test_set) == len(dataset)
        assert set(train_set.origin_ids).isdisjoint(test_set.origin_ids)
        for name, count in dataset.count_labels().items():
            assert abs(test_set.count_labels()[name] - count / k) < 2 * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train_size": 1.5}, "share between 0 and 1"),
        ({"train_size": 0.001}, "gives 0 of 63 photos to train on"),
        ({"train_size": 63}, "and 0 to test"),
        ({"train_size": 0.5, "stratify": "colour"}, "choose 'label' or None"),
    ],
)
def test_a_division_that_is_not_possible_says_why(options, message):
    with pytest.raises(DatasetError, match=message):
        dataset_of(RECYCLING).split(**options)


def test_a_split_made_elsewhere_is_kept_unless_another_is_asked_for():
    dataset = ClassificationDataset("photos")
    dataset.add_folder("/train/cup", ["1.jpg", "2.jpg", "3.jpg"], "cup", "train")
    dataset.add_folder("/test/cup", ["4.jpg"], "cup", "test")

    assert [len(side) for side in dataset.split()] == [3, 1]
    assert [len(side) for side in dataset.split(train_size=0.5)] == [2, 2]
