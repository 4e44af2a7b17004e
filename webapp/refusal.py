"""A verb that cannot be done now, with its reason."""


class Refused(Exception):
    """`code` is for programs, `text` a sentence for people. Answered with 409."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text
