"""What a single answer of the API is worth to a run, by the reference."""

import json
from typing import Any

UNAVAILABLE, UNUSABLE = "api_unavailable", "unexpected_response"


def failure(answer: Any) -> str | None:
    """What an answer that is no use fails with; None = it can be used."""
    if answer.truncate_at is not None or answer.status == 429 or answer.status >= 500:
        return UNAVAILABLE
    if answer.status in (401, 403):
        return "authentication"
    if answer.status != 200:
        return "configuration"
    content = body(answer)
    if content is None:
        return UNAVAILABLE
    return None if isinstance(content, dict) else UNUSABLE


def body(answer: Any) -> Any:
    try:
        return json.loads(answer.body[: answer.truncate_at])
    except ValueError:
        return None


def code_of(answer: Any) -> str | None:
    content = body(answer)
    return content.get("code") if isinstance(content, dict) else None
