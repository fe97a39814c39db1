"""A network in ONNX Runtime, kept fed from photos."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ..errors import ArtifactError
from ..progress import Progress, counting
from .pipeline import available_cores, decode_ahead
from .preprocessing import Preprocessing
from .sources import Photos, as_sources

__all__ = ["OnnxScorer", "Output", "ScoringResult"]

Output = Literal["logits", "features"]

_ORT_ERRORS = 3  # log severity: no warnings
_PROBE_S = 60


@dataclass(frozen=True)
class ScoringResult:
    """What a network says of photos.

    Parameters
    ----------
    values : ndarray of float32, shape (n, d)
        A row a photo, in the order given; NaN for a photo that cannot be read.
    problems : dict of int to str
        Why a photo cannot be read, by its row.
    """

    values: NDArray[np.float32]
    problems: dict[int, str] = field(default_factory=dict)


class OnnxScorer:
    """Photos in, logits or features out; several threads may use one scorer.

    Photos are decoded in threads beside the network, which runs on the GPU where the installed
    ONNX Runtime has one (``onnxruntime-gpu``), else on the CPU. The same photos give the same
    values from run to run.

    Parameters
    ----------
    onnx : bytes
        A network with the input ``images``, float32 (n, 3, H, W), and the outputs ``features`` and
        ``logits``, float32 (n, d).
    preprocessing : Preprocessing
        Of the network's input size.
    threads : int, optional
        For the network and, again, for decoding: one a core by default.
    providers : sequence of str, optional
        ONNX Runtime's execution providers; CUDA (if there) and CPU by default.

    Raises
    ------
    ArtifactError
        If the bytes are no such network, or it does not fit the preprocessing.
    """

    def __init__(
        self,
        onnx: bytes,
        preprocessing: Preprocessing,
        *,
        threads: int | None = None,
        providers: Sequence[str] | None = None,
    ) -> None:
        self.preprocessing = preprocessing
        self._threads = threads or available_cores()
        self._session = _open_session(onnx, self._threads, providers)
        expected = [3, preprocessing.height, preprocessing.width]
        inputs = {put.name: put.shape[1:] for put in self._session.get_inputs()}
        outputs = {put.name: put.shape[-1] for put in self._session.get_outputs() if put.shape}
        if inputs != {"images": expected} or not {"features", "logits"} <= set(outputs):
            raise ArtifactError(
                f"The network does not fit its preprocessing: it takes {inputs} and gives "
                f"{', '.join(outputs)}; needed are images of {expected}, features and logits. "
                "Save the model again."
            )
        self._widths: dict[str, int] = outputs

    def probe(self) -> int:
        """Score one grey photo, as a network from a file must be able to.

        Returns
        -------
        int
            The number of logits.

        Raises
        ------
        ArtifactError
            If the network fails, takes longer than a minute, or does not give a row of finite
            numbers for each output.
        """
        _, *size = self._session.get_inputs()[0].shape[1:]
        options = ort.RunOptions()
        timer = threading.Timer(_PROBE_S, setattr, (options, "terminate", True))
        timer.start()
        try:
            outputs: list[NDArray[np.float32]] = self._session.run(
                ["features", "logits"], {"images": np.zeros((1, 3, *size), np.float32)}, options
            )
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            raise ArtifactError(f"The network cannot score a photo: {error}") from error
        finally:
            timer.cancel()
        for name, values in zip(("features", "logits"), outputs, strict=True):
            if values.shape != (1, self._widths[name]) or not np.isfinite(values).all():
                raise ArtifactError(f"The network gives {name} that are no row of finite numbers.")
        return outputs[1].shape[1]

    def run(
        self,
        photos: Photos,
        output: Output = "logits",
        batch_size: int = 32,
        progress: Progress = False,
    ) -> ScoringResult:
        """Run the network on photos.

        A photo that cannot be read does not stop the run. Besides the result, the memory needed
        does not depend on the number of photos.

        Parameters
        ----------
        photos : ClassificationDataset, Image, str, Path, bytes, ndarray, or an iterable of those
            See `as_sources`.
        output : {"logits", "features"}
        batch_size : int
            Photos that go through the network at once, at least 1.
        progress : Progress
            Whether to show a progress bar, or what to tell how many photos are done.

        Returns
        -------
        ScoringResult

        Raises
        ------
        DatasetError
            If something that is no photo was given.
        ValueError
            If `batch_size` is smaller than 1.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}.")
        sources = as_sources(photos)
        values = np.empty((len(sources), self._widths[output]), np.float32)
        problems: dict[int, str] = {}
        starts = range(0, len(sources), batch_size)
        decoded = decode_ahead(
            (sources[start : start + batch_size] for start in starts),
            self.preprocessing,
            threads=self._threads,
        )
        with (
            closing(decoded),
            counting(progress, len(sources), " photos") as count,
        ):
            for start, batch in zip(starts, decoded, strict=True):
                rows = values[start : start + len(batch.images)]
                rows[:] = self.run_arrays(batch.images, output)
                rows[list(batch.problems)] = np.nan
                problems |= {start + place: why for place, why in batch.problems.items()}
                count(len(rows))
        return ScoringResult(values, problems)

    def run_arrays(
        self, images: NDArray[np.float32], output: Output = "logits"
    ) -> NDArray[np.float32]:
        """Run the network on prepared photos.

        Parameters
        ----------
        images : ndarray of float32, shape (n, 3, H, W)
            As `Preprocessing` gives them.
        output : {"logits", "features"}

        Returns
        -------
        ndarray of float32, shape (n, d)
        """
        values: NDArray[np.float32] = self._session.run([output], {"images": images})[0]
        return values


def _open_session(
    onnx: bytes, threads: int, providers: Sequence[str] | None
) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.use_deterministic_compute = True
    options.log_severity_level = _ORT_ERRORS
    # A thread that waits for the others by spinning takes the core that decodes the next photos.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # A network may name files to take weights from; a saved one must not read the user's files.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", os.devnull
    )
    if providers is None:
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [name for name in wanted if name in ort.get_available_providers()]
    try:
        return ort.InferenceSession(onnx, options, providers=list(providers))
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        raise ArtifactError(f"This is no network that ONNX Runtime can run: {error}") from error
