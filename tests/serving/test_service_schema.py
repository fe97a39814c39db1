"""The service does what its OpenAPI description says, whatever schemathesis sends."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from jupyter_imgcls.serving.service.model import ServedModel

from .running import served

pytestmark = pytest.mark.xdist_group("service")

KEY = "secret"


@pytest.fixture(scope="module")
def service(small_model):
    with served(ServedModel(small_model()), key=KEY) as running:
        yield running


@pytest.fixture
def described(service):
    return schemathesis.openapi.from_url(f"{service.base}/openapi.json")


schema = schemathesis.pytest.from_fixture("described")
thirty_examples = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@schema.parametrize()
@thirty_examples
def test_each_answer_is_one_that_is_described(case):
    # No schema can say which texts are photos.
    case.call_and_validate(
        headers={"Authorization": f"Bearer {KEY}"}, excluded_checks=[positive_data_acceptance]
    )


@schema.parametrize()
@thirty_examples
def test_each_answer_without_the_key_is_one_that_is_described(case):
    case.call_and_validate(excluded_checks=[positive_data_acceptance])
