"""Why something is not done: said by a verb to whoever called it, or by a view to the one who asked."""

from __future__ import annotations

from typing import Any

TITLES = {
    400: "This request cannot be read",
    401: "Sign in to continue",
    403: "You may not do this",
    404: "There is nothing here",
    405: "This page does not take that",
    409: "This has changed",
    413: "This is too big",
    415: "This kind of content is not taken here",
    422: "There is a problem",
    429: "Too many requests",
    500: "Something failed on our side",
    503: "Muster is not ready",
}


class Refused(Exception):
    """A verb that cannot be done now. `code` is for programs, `text` a sentence for people. Answered with 409."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


class Problem(Exception):
    """Raised anywhere below a view; `detail` says what happened and what to do, `errors` name fields."""

    def __init__(
        self, status: int, detail: str = "", title: str = "", errors: list[dict[str, str]] | None = None,
        headers: dict[str, str] | None = None, **facts: Any,
    ) -> None:  # fmt: skip
        super().__init__(detail or title)
        self.status, self.errors = status, errors or []
        self.detail = detail or ". ".join(error["message"] for error in self.errors)
        self.title = title or TITLES.get(status, "This did not work")
        self.headers = headers or {}
        self.facts = facts

    @property
    def text(self) -> str:
        return self.detail or self.title


class SignInNeeded(Problem):
    def __init__(self) -> None:
        super().__init__(401, "Sign in to continue", headers={"WWW-Authenticate": 'Bearer realm="Muster"'})
