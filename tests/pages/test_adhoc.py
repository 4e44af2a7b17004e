"""The ad hoc page with its script: the commands of before under ↑, and a button that follows the selection."""

from __future__ import annotations

from playwright.sync_api import Page, expect


def test_the_command_field_remembers_and_the_button_follows(page: Page) -> None:
    for line in ("uptime", "for i in 1 2; do\n  echo $i\ndone"):
        page.goto("/adhoc/")
        page.locator("#command").fill(line)
        page.get_by_label("web-1", exact=False).first.check()
        run = page.get_by_role("button", name="Run on 1 host", exact=True)
        run.click()
        expect(page.locator("#adhoc-run")).to_contain_text("web-1")
    page.goto("/adhoc/")
    field = page.locator("#command")
    field.fill("typed")
    for key, shown in (
        ("ArrowUp", line),
        ("ArrowUp", "uptime"),
        ("ArrowUp", "uptime"),
        ("ArrowDown", line),
        ("ArrowDown", "typed"),
        ("ArrowDown", "typed"),
    ):
        field.press(key)
        expect(field).to_have_value(shown)
    page.get_by_label("Anyone").check()
    expect(page.locator("#run")).to_have_text("Run on one host")
    page.get_by_role("button", name="Dry run").click()
    expect(page.locator("#targets")).to_contain_text("Nothing has run yet")
