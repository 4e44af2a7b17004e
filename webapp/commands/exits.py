"""Exit codes of `muster`; scripts rely on them."""

import click

OK, FAILED, USAGE, NOT_FOUND, NOT_ALLOWED, UNREACHABLE, CANCELLED, WAITED_TOO_LONG = 0, 1, 2, 3, 4, 5, 6, 124


class Exit(click.ClickException):
    """Ends the command with a line on stderr and its code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]  # click declares it on the class
