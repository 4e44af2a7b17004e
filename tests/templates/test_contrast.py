"""Contrast of every pair of colours that meet, in both themes, computed from the tokens (WCAG 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re

import pytest

from tests.templates.sources import STATIC

CSS = (STATIC / "app.css").read_text()
TOKENS = {
    name: (light, dark) for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);", CSS)
}
TONES = ("neutral", "info", "active", "success", "warning", "danger", "violet")
SURFACES = ("bg", "sub", "raised", "hover", "selected", "log")
ANSI = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")

TEXT = [(fg, bg, 4.5) for fg in ("text", "muted", "link") for bg in SURFACES]
BUTTONS = [("on-accent", "accent", 4.5), ("on-accent", "accent-hover", 4.5), ("on-stop", "stop", 4.5)]
BADGES = [(f"{tone}-fg", f"{tone}-bg", 6.9) for tone in TONES]
TONED = [(f"{tone}-fg", bg, 4.5) for tone in TONES for bg in ("bg", "sub", "raised", "hover", "selected")]
SHAPES = [(f"{tone}-solid", "bg", 3) for tone in TONES] + [
    (line, bg, 3) for line in ("control", "focus") for bg in ("bg", "sub", "raised")
]
OUTPUT = [(f"ansi-{colour}", bg, 4.5) for colour in ANSI for bg in ("log", "hover")] + [("text", "mark", 4.5)]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("theme", "index"), [("light", 0), ("dark", 1)])
@pytest.mark.parametrize(("fg", "bg", "least"), TEXT + BUTTONS + BADGES + TONED + SHAPES + OUTPUT)
def test_tokens(fg: str, bg: str, least: float, theme: str, index: int) -> None:
    measured = contrast(TOKENS[fg][index], TOKENS[bg][index])
    assert measured >= least, f"--{fg} on --{bg} in {theme}: {measured:.2f}"


def test_backgrounds_that_a_program_sets() -> None:
    pairs = re.findall(r"\.a-10[0-7]\) \{ background: (#\w{6}); color: (#\w{6}); \}", CSS)
    assert len(pairs) == 8
    assert all(contrast(bg, fg) >= 4.5 for bg, fg in pairs)


def test_every_colour_is_a_token() -> None:
    """Anything else would not change with the theme; the pairs of ANSI backgrounds are the same in both."""
    rules = CSS.split("@layer base {", 1)[1]
    rules = re.sub(r"light-dark\([^)]*\)|url\([^)]*\)|\.a-10[0-7]\) \{[^}]*\}|:is\(\.a-4[^}]*\}", "", rules)
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b(?!\w)", rules)
