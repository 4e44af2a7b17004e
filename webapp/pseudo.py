"""The pseudo-language en-XA: ⟦Ţåšķš one two⟧. Whoever reads it sees which texts go through a catalogue, and whether there
would be room for a longer language. It needs no catalogue: every text is made from the English one."""

from __future__ import annotations

import math
import re
from functools import lru_cache

CODE = "en-XA"
OPEN, CLOSE = "⟦", "⟧"
LONGER = 0.4
# What a value or an entity will stand in for, and what is no text.
KEPT = re.compile(r"%\(\w+\)[sd]|%%|\{\w+\}|&\w+;|<[^>]*>")
ACCENTED = str.maketrans(
    "ABCDEGHIJKLNOPRSTUWYZabcdeghijklnoprstuwyz",
    "ÅƁÇĐÉĜĤÎĴĶĻÑÖÞŔŠŢÛŴÝŽåƀçđéĝĥîĵķļñöþŕšţûŵýž",
)
FILLING = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class Words:
    code = CODE

    def gettext(self, text: str) -> str:
        return longer(text)

    def ngettext(self, one: str, many: str, num: int) -> str:
        return longer(one if num == 1 else many)


@lru_cache(maxsize=4096)
def longer(text: str) -> str:
    if not text.strip() or text.startswith(OPEN):
        return text
    words, place = [], 0
    for kept in KEPT.finditer(text):
        words += [text[place : kept.start()].translate(ACCENTED), kept[0]]
        place = kept.end()
    return f"{OPEN}{''.join(words)}{text[place:].translate(ACCENTED)}{_filling(len(KEPT.sub('', text)))}{CLOSE}"


def _filling(length: int) -> str:
    """A word gets more letters, a sentence more words."""
    missing = math.ceil(length * LONGER) - 2
    if length < 16:
        return "ö" * missing
    words = " " + " ".join(FILLING[number % 10] for number in range(missing // 4 + 1))
    return words[:missing].rstrip()
