"""How agents are told no: problem+json that is also a `Refusal`, so its code decides what the agent does next."""

from __future__ import annotations

from typing import Any, NoReturn

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from webapp.errors import Problem, answer
from webapp.refusal import Refused
from workers.agent.protocol import Code

CODES = {404: Code.NOT_FOUND, 413: Code.TOO_LARGE, 416: Code.BAD_RANGE, 429: Code.SLOW_DOWN, 503: Code.SLOW_DOWN}


def refuse(status: int, code: str, detail: str = "", headers: dict[str, str] | None = None, **more: Any) -> NoReturn:
    raise Problem(status, detail, headers=headers, code=code, **more)


def init(bp: Blueprint) -> None:
    bp.register_error_handler(Refused, _refused)
    bp.register_error_handler(HTTPException, _of_werkzeug)


def _refused(reason: Refused) -> Response:
    """A verb said no: the row is not what the agent believes."""
    code = reason.code if reason.code in (Code.DIFFERENT, Code.CANCELLED, Code.FROZEN) else Code.STALE
    return answer(Problem(409, reason.text, code=code))


def _of_werkzeug(error: HTTPException) -> Response:
    """An answer without a code would count as an outage, and the same request would come again and again."""
    status = error.code or 500
    code = CODES.get(status, Code.BAD_MESSAGE)
    text = "The body did not arrive as announced" if status == 400 else f"{request.method} {request.path}: {error.name}"
    return answer(Problem(status, text, code=code))
