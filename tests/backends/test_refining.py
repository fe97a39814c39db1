"""Refining with real networks, in processes that are really interrupted and really killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from jupyter_imgcls.classifiers import ScikitClassifier, TransferLearningModel
from jupyter_imgcls.data import ClassificationDataset

SETTINGS = {"learning_rate": [0.01, 0.005], "num_epochs": 4, "batch_size": 4, "progress": False}

# What a process does that trains on `photos`: it says when an epoch is done.
SCRIPT = """
    import json, sys
    import numpy as np
    from jupyter_imgcls.classifiers import TrainingListener, TransferLearningModel
    from jupyter_imgcls.context import Context
    from jupyter_imgcls.data import ClassificationDataset

    class Teller(TrainingListener):
        def on_epoch(self, run, record):
            print("epoch", record.epoch, flush=True)
            if record.epoch == options.get("pause_after"):
                run.pause()

    options = json.loads(sys.argv[1])
    Context.create(*[options["outputs"]] * 3)
    photos = ClassificationDataset.create_from_dir("photos", options["photos"])
    model = TransferLearningModel(
        photos.labels, "squeezenet1.1", (3, 64, 64), weights=options["weights"]
    )
    run = model.train(photos, callbacks=[Teller()], eval_dataset=photos, **options["settings"])
    np.save(options["outputs"] + "/scores.npy", model.score(photos))
    print(json.dumps({"state": run.state, "best": run.best.epoch, "epochs": len(run.history)}))
"""


@pytest.fixture
def train_in_process(untrained_weights, photos, tmp_path):
    """Start a process that trains; its outputs are in `tmp_path`."""
    started = []

    def start(settings=SETTINGS, **options):
        options |= {
            "settings": settings,
            "outputs": str(tmp_path / "outputs"),
            "photos": str(Path(photos.paths[0]).parents[1]),
            "weights": str(untrained_weights),
        }
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SCRIPT), json.dumps(options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for(process, line):
    for said in process.stdout:
        if said.strip() == line:
            return
    pytest.fail(f"The process ended without {line!r}: {process.stderr.read()}")


def weights(model):
    return model.copy()._get_snapshot().weights


def same(left, right):
    assert left.keys() == right.keys()
    return all(np.array_equal(left[name], right[name]) for name in left)


@pytest.fixture
def train(photos):
    def run(model, **options):
        return model.train(photos, **SETTINGS | options)

    return run


def test_an_interrupted_process_keeps_the_best_epoch_and_goes_on(
    train_in_process, photos, tmp_path
):
    process = train_in_process(SETTINGS | {"num_epochs": 100_000, "learning_rate": 1e-5})
    wait_for(process, "epoch 3")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "Stopping the training; the best epoch so far is kept." in err
    assert "Traceback" not in err
    result = json.loads(out.splitlines()[-1])
    assert result["state"] == "stopped"
    assert 3 <= result["epochs"] < 100_000
    assert 1 <= result["best"] <= result["epochs"]
    scores = np.load(tmp_path / "outputs" / "scores.npy")
    assert np.isfinite(scores).all()
    (saved,) = (tmp_path / "outputs" / "model_trained").iterdir()
    assert np.array_equal(TransferLearningModel.deserialize(saved).score(photos), scores)


def test_a_killed_process_is_resumed_to_the_same_bits(
    train_in_process, small_model, photos, tmp_path
):
    """SqueezeNet has dropout, so that the state of random numbers matters."""
    whole = small_model()
    whole.train(photos, eval_dataset=photos, **SETTINGS)

    process = train_in_process(pause_after=2)
    wait_for(process, "epoch 2")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)
    outputs = tmp_path / "outputs"
    assert not (outputs / "model_trained").exists()
    assert len(list((outputs / "checkpoints").iterdir())) == 1

    process = train_in_process(SETTINGS | {"resume": True})
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.splitlines()[:-1] == ["epoch 3", "epoch 4"]
    assert np.array_equal(np.load(outputs / "scores.npy"), whole.score(photos))
    (saved,) = (outputs / "model_trained").iterdir()
    resumed = TransferLearningModel.deserialize(saved)
    assert same(weights(resumed), weights(whole))
    assert list((outputs / "checkpoints").iterdir()) == []


def test_the_same_seed_gives_the_same_network_and_another_seed_another(small_model, train):
    models = [small_model(seed=1) for _ in range(3)]
    for model, seed in zip(models, (0, 0, 1), strict=True):
        train(model, seed=seed, batch_size=4)
    first, second, third = map(weights, models)
    assert same(first, second)
    assert not same(first, third)


def test_training_the_head_leaves_the_body_as_it_was(small_model, train):
    model = small_model()
    before = weights(model)
    train(model, trainable="head")
    changed = {
        name for name, value in weights(model).items() if not same({0: value}, {0: before[name]})
    }
    assert changed == {"head.weight", "head.bias"}
    train(model)
    assert not np.array_equal(
        weights(model)["body.features.0.weight"], before["body.features.0.weight"]
    )


def test_batch_normalization_resumes_to_the_same_bits_too(photos):
    """EfficientNet-Lite0 has running statistics, and the embedded weights."""
    from jupyter_imgcls.classifiers import TrainingListener

    class Crash(BaseException):
        pass

    def crash():
        raise Crash

    class CrashAfterOneEpoch(TrainingListener):
        def on_epoch(self, run, record):
            run.check_stop = crash

    def make():
        return TransferLearningModel(photos.labels, image_dims=(3, 64, 64))

    settings = {"learning_rate": 0.01, "num_epochs": 2, "batch_size": 5, "progress": False}
    whole, cut_off, resumed = make(), make(), make()
    whole.train(photos, **settings)
    with pytest.raises(Crash):
        cut_off.train(photos, callbacks=[CrashAfterOneEpoch()], **settings)
    resumed.train(photos, resume=True, **settings)
    assert same(weights(resumed), weights(whole))
    assert len(resumed.history) == 2


def test_a_saved_model_scores_where_the_training_framework_is_not_installed(
    small_model, train, photos, tmp_path
):
    trained = small_model()
    train(trained, num_epochs=1)
    file = trained.serialize(tmp_path / "cups.model")
    code = """
        import sys
        class Missing:
            def find_spec(self, name, path=None, target=None):
                if name in ("mxnet", "gluoncv", "torch", "onnx"):
                    raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        sys.meta_path.insert(0, Missing())
        import numpy as np
        from jupyter_imgcls.classifiers import load_classifier
        from jupyter_imgcls.data import ClassificationDataset
        from jupyter_imgcls.errors import BackendUnavailableError
        model = load_classifier(sys.argv[1])
        photos = ClassificationDataset.create_from_dir("photos", sys.argv[2])
        np.save(sys.argv[3], model.score(photos))
        try:
            model.train(photos, trainable="all", progress=False)
        except BackendUnavailableError as error:
            assert "pip install" in str(error)
        else:
            raise AssertionError("trained without a framework")
    """
    scores = tmp_path / "scores.npy"
    root = tmp_path / "cups_and_plates"
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), file, root, scores], check=True, timeout=120
    )
    assert np.array_equal(np.load(scores), trained.score(photos))


def test_the_default_model_learns_the_articles_photos(real_photos):
    """Small photos and few epochs, so that it takes seconds; chance would be 1 in 4."""
    dataset = ClassificationDataset.create_from_dir("recycling", real_photos)
    train_set, test_set = dataset.split(0.66)
    model = TransferLearningModel(dataset.labels, image_dims=(3, 96, 96))
    run = model.train(
        train_set, 0.02, batch_size=8, num_epochs=4, eval_dataset=test_set, progress=False
    )
    assert run.history[-1].eval_samples == len(test_set)
    assert 1 - run.history[-1].eval_error > 0.6

    svm = ScikitClassifier(model).train(train_set, progress=False)
    assert (svm.score(test_set).argmax(axis=1) == test_set.label_indices).mean() > 0.6
