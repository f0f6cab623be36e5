"""The HTTP part against its own description: whatever the description allows, and what not."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from tests.fakes_server import Stage

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
from schemathesis.specs.openapi.checks import positive_data_acceptance  # noqa: E402

EXAMPLES = 25
"""Requests to each address, those that the description allows and those that it does not."""


@pytest.mark.slow
def test_answers_are_as_described(stage: Stage) -> None:
    """No 5xx; status, type and body of each answer are the description's."""
    schema = schemathesis.openapi.from_url(stage.http + "/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 5
    for operation in operations:
        _ask(operation, schemathesis.GenerationMode.POSITIVE)
        with contextlib.suppress(Unsatisfiable):  # nothing can be wrong where nothing is asked for
            _ask(operation, schemathesis.GenerationMode.NEGATIVE)


def _ask(operation: Any, mode: Any) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        # Which bytes are a recording no description can say.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    ask()
