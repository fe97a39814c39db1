"""A network in ONNX Runtime, fed from photos."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from jupyter_imgcls.data import ClassificationDataset
from jupyter_imgcls.errors import ArtifactError, DatasetError
from jupyter_imgcls.scoring import OnnxScorer, Preprocessing

PREPROCESSING = Preprocessing(height=8, width=8, mean=(0, 0, 0), std=(255, 255, 255))
HEAD = np.array([[1, 2], [3, 4], [5, 6]], np.float32)


def tiny_network(side: int = 8, features_name: str = "features") -> bytes:
    """Features are the mean red, green and blue; logits are features times HEAD."""
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["images"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], [features_name]),
            helper.make_node("MatMul", [features_name, "head"], ["logits"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, side, side])],
        [
            helper.make_tensor_value_info(features_name, TensorProto.FLOAT, ["n", 3]),
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 2]),
        ],
        [numpy_helper.from_array(HEAD, "head")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def colour(number: int) -> tuple[int, int, int]:
    return (number, 2 * number, 255 - number)


def expected(numbers: list[int]) -> np.ndarray:
    return np.array([colour(number) for number in numbers], np.float32) / 255


@pytest.fixture(scope="module")
def scorer() -> OnnxScorer:
    return OnnxScorer(tiny_network(), PREPROCESSING)


@pytest.fixture
def dataset(tmp_path: Path) -> ClassificationDataset:
    """Seven photos, each of one colour."""
    folder = tmp_path / "photos" / "cup"
    folder.mkdir(parents=True)
    for number in range(7):
        Image.new("RGB", (20, 16), colour(number)).save(folder / f"{number}.png")
    return ClassificationDataset.create_from_dir("cups", tmp_path / "photos")


class TestValues:
    @pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 32])
    def test_in_the_order_of_the_photos_whatever_the_batch_size(
        self, scorer: OnnxScorer, dataset: ClassificationDataset, batch_size: int
    ) -> None:
        result = scorer.run(dataset, "features", batch_size=batch_size)
        assert result.values.dtype == np.float32
        np.testing.assert_allclose(result.values, expected(list(range(7))), rtol=1e-5)
        assert result.problems == {}

    def test_logits_by_default(self, scorer: OnnxScorer, dataset: ClassificationDataset) -> None:
        logits = scorer.run(dataset).values
        np.testing.assert_allclose(logits, expected(list(range(7))) @ HEAD, rtol=1e-5)

    def test_path_bytes_array_and_image_give_the_same(
        self, scorer: OnnxScorer, dataset: ClassificationDataset
    ) -> None:
        path = Path(dataset.paths[3])
        pixels = np.asarray(Image.open(path))
        values = scorer.run([path, path.read_bytes(), pixels, dataset.images[3]]).values
        np.testing.assert_array_equal(values, np.repeat(scorer.run(path).values, 4, axis=0))

    def test_the_same_twice(self, scorer: OnnxScorer, dataset: ClassificationDataset) -> None:
        np.testing.assert_array_equal(scorer.run(dataset).values, scorer.run(dataset).values)

    def test_ready_tensors(self, scorer: OnnxScorer) -> None:
        images = np.random.default_rng(0).random((4, 3, 8, 8), np.float32)
        features = scorer.run_arrays(images, "features")
        np.testing.assert_allclose(features, images.mean(axis=(2, 3)), rtol=1e-5)

    @pytest.mark.parametrize(("output", "width"), [("logits", 2), ("features", 3)])
    def test_no_photos(self, scorer: OnnxScorer, output: str, width: int) -> None:
        result = scorer.run([], output)  # type: ignore[arg-type]
        assert result.values.shape == (0, width)
        assert result.problems == {}

    def test_several_threads_share_a_scorer(
        self, scorer: OnnxScorer, dataset: ClassificationDataset
    ) -> None:
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda _: scorer.run(dataset, batch_size=2), range(8)))
        for result in results:
            np.testing.assert_array_equal(result.values, results[0].values)


class TestUnreadablePhotos:
    def test_they_are_rows_of_nan_and_do_not_stop_the_run(
        self, scorer: OnnxScorer, dataset: ClassificationDataset
    ) -> None:
        Path(dataset.paths[2]).write_bytes(b"")
        Path(dataset.paths[5]).unlink()
        result = scorer.run(dataset, "features", batch_size=2)
        assert result.problems == {2: "the file is empty", 5: "the file does not exist"}
        assert np.isnan(result.values[[2, 5]]).all()
        good = [0, 1, 3, 4, 6]
        np.testing.assert_allclose(result.values[good], expected(good), rtol=1e-5)

    def test_all_of_them(self, scorer: OnnxScorer) -> None:
        result = scorer.run([b"", b"no photo"])
        assert np.isnan(result.values).all()
        assert len(result.problems) == 2


class TestStopping:
    def test_an_interrupt_stops_at_once_and_leaves_no_thread(
        self,
        scorer: OnnxScorer,
        dataset: ClassificationDataset,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        batches = 0

        def interrupted(*_: object) -> np.ndarray:
            nonlocal batches
            batches += 1
            if batches == 2:
                raise KeyboardInterrupt
            return np.zeros((1, 2), np.float32)

        monkeypatch.setattr(scorer, "run_arrays", interrupted)
        with pytest.raises(KeyboardInterrupt):
            scorer.run(list(dataset.paths) * 50, batch_size=1)
        assert batches == 2
        assert not [t for t in threading.enumerate() if t.name.startswith("decode")]


class TestProgress:
    def test_counts_photos(
        self,
        scorer: OnnxScorer,
        dataset: ClassificationDataset,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        scorer.run(dataset, batch_size=2, progress=True)
        assert "7/7" in capsys.readouterr().err

    def test_silent_by_default(
        self,
        scorer: OnnxScorer,
        dataset: ClassificationDataset,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        scorer.run(dataset)
        assert capfd.readouterr() == ("", "")


class TestErrors:
    def test_no_network(self) -> None:
        with pytest.raises(ArtifactError, match="no network that ONNX Runtime can run"):
            OnnxScorer(b"not a network", PREPROCESSING)

    @pytest.mark.parametrize(
        "network", [tiny_network(side=16), tiny_network(features_name="something")]
    )
    def test_a_network_that_does_not_fit(self, network: bytes) -> None:
        with pytest.raises(ArtifactError, match="does not fit its preprocessing"):
            OnnxScorer(network, PREPROCESSING)

    def test_a_batch_size_of_nothing(self, scorer: OnnxScorer) -> None:
        with pytest.raises(ValueError, match="batch_size must be at least 1"):
            scorer.run([], batch_size=0)

    def test_no_photos_but_something_else(self, scorer: OnnxScorer) -> None:
        with pytest.raises(DatasetError, match="not int"):
            scorer.run(3)  # type: ignore[arg-type]


class TestProviders:
    def test_the_gpu_where_there_is_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []
        session = onnxruntime.InferenceSession

        def open_session(onnx: bytes, options: object, providers: list[str]) -> object:
            asked.append(providers)
            return session(onnx, options, providers=["CPUExecutionProvider"])

        available = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
        monkeypatch.setattr(onnxruntime, "InferenceSession", open_session)
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: available)
        OnnxScorer(tiny_network(), PREPROCESSING)
        OnnxScorer(tiny_network(), PREPROCESSING, providers=["CPUExecutionProvider"])
        assert asked == [
            ["CUDAExecutionProvider", "CPUExecutionProvider"],
            ["CPUExecutionProvider"],
        ]
