"""What the service answers, made without a server."""

import json

import numpy as np
import pytest

from jupyter_imgcls import TransferLearningModel
from jupyter_imgcls.serving.service.answers import answer_text, error_text, readable_answer
from jupyter_imgcls.serving.service.requests import Parameters

LABELS = ["cup", "fork", "plate"]
RAW = np.log(np.array([0.2, 0.7, 0.1], np.float32)) + 5


def answer(**parameters):
    return json.loads(answer_text(RAW, Parameters(**parameters), LABELS))


def test_without_parameters_it_is_the_raw_scores_in_the_order_of_the_classes_to_the_last_bit():
    assert np.array_equal(np.array(answer(), np.float32), RAW)


def test_softmax_makes_probabilities():
    assert answer(addSoftmax=True) == pytest.approx([0.2, 0.7, 0.1], abs=1e-6)


def test_top_k_names_the_best_classes_first():
    assert [label for label, _ in answer(topK=2)] == ["fork", "cup"]
    assert answer(topK=1) == [["fork", pytest.approx(RAW[1])]]
    assert answer(topK=99, addSoftmax=True) == [
        ["fork", pytest.approx(0.7)],
        ["cup", pytest.approx(0.2)],
        ["plate", pytest.approx(0.1)],
    ]


def test_a_threshold_is_a_probability_whatever_scores_are_shown():
    assert [label for label, _ in answer(threshold=0.15)] == ["fork", "cup"]
    assert answer(threshold=0.15)[1] == ["cup", pytest.approx(RAW[0])]
    assert answer(threshold=0.5, addSoftmax=True) == [["fork", pytest.approx(0.7)]]
    assert answer(threshold=0.8) == []
    assert answer(threshold=0.15, topK=1) == [["fork", pytest.approx(RAW[1])]]


def test_classifiers_read_each_of_the_answers():
    texts = [answer_text(RAW, Parameters(**asked), LABELS) for asked in ({}, {"topK": 1})]
    scores, best = TransferLearningModel.parse_serialized_result(json.dumps(texts))
    assert scores == pytest.approx(RAW.tolist())
    assert best == [["fork", pytest.approx(RAW[1])]]
    with pytest.raises(Exception, match="Photo 2 of 2 could not be scored: the file is cut off"):
        TransferLearningModel.parse_serialized_result(
            json.dumps([texts[0], error_text("the file is cut off")])
        )


def test_an_uploaded_photo_is_told_its_class_with_all_others_best_first():
    told = readable_answer(RAW, LABELS)
    assert told["label"] == "fork"
    assert told["probability"] == pytest.approx(0.7)
    assert list(told["classes"]) == ["fork", "cup", "plate"]
