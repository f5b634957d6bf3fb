"""Everything that /openapi.json allows, and much that it does not, sent to a real server: never an unhandled error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from serving import running

pytest.importorskip("fastapi")
pytest.importorskip("schemathesis")
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from i2edit.chat import Chat, Editor
from i2edit.store import Store
from i2edit.web.api import make_app
from i2edit.web.guard import Guard
from i2edit.web.service import Limits, Service

torch.set_num_threads(1)
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
MANY = 10**6


@pytest.mark.parametrize("examples", [8, pytest.param(300, marks=pytest.mark.slow)])
def test_whatever_is_sent_is_answered(
    examples: int, tmp_path: Path, small_editor: Editor, new_chat: Callable[..., Chat]
) -> None:
    def open(photo: Any, face: int | None = None, *, progress: Callable[[float, str], None]) -> Chat:
        chat = new_chat(1)
        chat.photo = photo.image
        return chat

    small_editor.open = open  # type: ignore[assignment, method-assign]
    limits = Limits(sessions=MANY, turns_a_minute=MANY, openings_a_minute=MANY)
    service = Service(Store(tmp_path), lambda progress: small_editor, limits)
    app = make_app(service)
    schema = schemathesis.openapi.from_dict(app.openapi())
    ours = service.open(seed=5).result()["id"]
    said = service.say(ours, "+bangs").result()["version"]
    asked = 0
    with running(Guard(app)) as address:
        for found in schema.get_all_operations():
            operation = found.ok()
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

                @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans())
                @settings(
                    max_examples=examples, deadline=None, derandomize=True, database=None,
                    suppress_health_check=list(HealthCheck),
                )  # fmt: skip
                def send(case: Any, real: bool) -> None:
                    nonlocal asked
                    if real and "id" in case.path_parameters and case.method != "DELETE":
                        case.path_parameters["id"] = ours
                    asked += 1
                    case.call_and_validate(base_url=address, checks=CHECKS, timeout=120)

                try:
                    send()
                except Unsatisfiable:  # what takes nothing, or any id, cannot be asked wrongly
                    assert mode is GenerationMode.NEGATIVE
    assert asked >= 9 * examples and service.health["waiting"] == 0
    view = service.view(ours)
    assert view["version"] >= said and view["turns"][0]["user"] == "+bangs"
    service.line.close()
