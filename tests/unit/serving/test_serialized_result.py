"""Reading what a service answers."""

import numpy as np
import pytest

from jupyter_imgcls import ScikitClassifier, TransferLearningModel
from jupyter_imgcls.cvtk import CNTKTLModel
from jupyter_imgcls.errors import ServiceError


@pytest.mark.parametrize("model", [TransferLearningModel, ScikitClassifier, CNTKTLModel])
def test_a_row_of_scores_comes_out_for_each_photo(model):
    assert model.parse_serialized_result('["[0.25, 0.75]", "[1, -2.5]"]') == [
        [0.25, 0.75],
        [1, -2.5],
    ]


def test_the_scores_of_one_photo_give_the_class_as_the_article_finds_it():
    parsed = CNTKTLModel.parse_serialized_result('["[0.25, 0.75]"]')
    assert np.argmax(np.array(parsed)) == 1


def test_a_photo_that_could_not_be_scored_is_named_with_the_reason():
    answer = '["[0.25, 0.75]", "{\\"error\\": \\"The photo is empty.\\"}"]'
    with pytest.raises(ServiceError, match="Photo 2 of 2 could not be scored: The photo is empty"):
        TransferLearningModel.parse_serialized_result(answer)


@pytest.mark.parametrize(
    "text", ["", "<html>", "{}", "[[0.1, 0.9]]", "[1]", '["x"]', "[" * 100_000]
)
def test_what_is_no_answer_is_called_so(text):
    with pytest.raises(ServiceError, match="not an answer of a scoring service"):
        TransferLearningModel.parse_serialized_result(text)
