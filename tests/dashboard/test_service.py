"""A service belongs to the person who started it: a real one, beside a second visitor."""

from __future__ import annotations

import numpy as np
import pytest

from jupyter_imgcls.context import Context
from jupyter_imgcls.dashboard.steps.service import Service
from jupyter_imgcls.dashboard.storage import STORAGE, personal_context
from jupyter_imgcls.dashboard.work import Work
from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.errors import DeploymentError
from jupyter_imgcls.serving.deployment import Deployment


class Visitor:
    """One person at the page, with a trained model; kernels have a global context each."""

    def __init__(self, number, root, classifier):
        self.context = personal_context(number)
        self.work = Work(self.context, root)
        dataset = ClassificationDataset.create_from_dir(root.name, root)
        self.work.open(dataset, root)
        scores = np.full((len(dataset), 2), 0.5, np.float32)
        self.work.keep_trained(classifier, dataset, scores, number, ("", 0), "quick")
        self.service = Service(self.work)

    def does(self, do):
        Context._global = self.context
        do()
        assert self.service.task.wait(120)
        return self.service.task.problem.value

    def looks(self):
        assert self.does(self.service._look) == ""
        shown = {
            name: getattr(self.service, f"_{name}").layout.display == ""
            for name in ("start", "stop", "renew")
        }
        return self.service.url, self.service._facts.value, shown


@pytest.fixture
def visitors(class_folders, small_model, tmp_path, monkeypatch):
    monkeypatch.setenv(STORAGE, str(tmp_path / "storage"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    root, classifier = class_folders(cup=2, plate=2), small_model()
    pair = [Visitor(letter * 32, root, classifier) for letter in "ab"]
    yield pair
    for visitor in pair:
        visitor.does(visitor.service.delete)
        visitor.work.journal.close()


def test_nobody_sees_replaces_or_deletes_the_service_of_another(visitors):
    mine, other = visitors
    assert mine.does(mine.service.start) == ""
    url, facts, shown = mine.looks()
    assert shown == {"start": False, "stop": True, "renew": False}
    (deployment,) = Deployment.list_deployment()

    nothing = ("", "", {"start": True, "stop": False, "renew": False})
    assert other.looks() == nothing
    # Neither the buttons nor what a crafted message may press reaches it.
    problem = other.does(other.service.renew)
    assert "There is none at all" in problem
    assert deployment.name not in problem
    other.does(other.service._stop_it)
    assert mine.looks() == (url, facts, shown)

    # The other starts one of his own, under another name.
    assert other.does(other.service.start) == ""
    theirs, their_facts, _ = other.looks()
    assert theirs.startswith("http://127.0.0.1:") and theirs != url
    assert mine.service.name != other.service.name
    assert deployment.service_key not in their_facts
    other.does(other.service._stop_it)
    assert other.looks() == nothing
    assert mine.looks() == (url, facts, shown)


def test_a_deployment_that_is_not_there_names_those_of_this_storage_alone(visitors):
    mine, other = visitors
    assert mine.does(mine.service.start) == ""
    Context._global = other.context
    with pytest.raises(DeploymentError, match="There is none at all"):
        Deployment(mine.service.name).delete()
