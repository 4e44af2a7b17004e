"""Why something is not done: said by a verb to whoever called it, or by a view to the one who asked."""

from __future__ import annotations

from typing import Any

from webapp.language import N_, _

TITLES = {
    400: N_("This request cannot be read"),
    401: N_("Sign in to continue"),
    403: N_("You may not do this"),
    404: N_("There is nothing here"),
    405: N_("This page does not take that"),
    409: N_("This has changed"),
    413: N_("This is too big"),
    415: N_("This kind of content is not taken here"),
    422: N_("There is a problem"),
    429: N_("Too many requests"),
    500: N_("Something failed on our side"),
    503: N_("Muster is not ready"),
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
        self.title = title or _(TITLES.get(status, N_("This did not work")))
        self.headers = headers or {}
        self.facts = facts

    @property
    def text(self) -> str:
        return self.detail or self.title


class SignInNeeded(Problem):
    def __init__(self) -> None:
        super().__init__(401, _("Sign in to continue"), headers={"WWW-Authenticate": 'Bearer realm="Muster"'})
