"""A plugin's settings as a page asks for them. Their fields come from its manifest, each called `p_<name>`."""

from __future__ import annotations

from typing import Any

from werkzeug.datastructures import MultiDict

from webapp.objects.values import FieldErrors
from webapp.plugins import parameters
from webapp.plugins.contract import Manifest, Parameter
from webapp.plugins.models import PluginSetting
from workers.agent.mask import SHORTEST

FORGET = "forget"  # names of the secrets that are to be forgotten


def split(manifest: Manifest) -> tuple[list[Parameter], list[Parameter]]:
    """Settings to read and change, and secrets, which are only set."""
    plain = [each for each in manifest.settings if each.type != "secret"]
    return plain, [each for each in manifest.settings if each.type == "secret"]


def shown(row: PluginSetting | None) -> dict[str, Any]:
    """What the fields hold at first."""
    return {f"p_{name}": value for name, value in row.settings.items()} if row else {}


def typed(form: MultiDict[str, str]) -> dict[str, str]:
    """A box that can be unticked sends two values, of which the last counts."""
    return {name: values[-1] for name, values in form.lists() if name.startswith("p_")}


def read(manifest: Manifest, form: MultiDict[str, str]) -> dict[str, Any]:
    """For `lifecycle.configure`. What is as the plugin has it by itself is left out, so that it follows the plugin."""
    plain, secrets = split(manifest)
    texts = {name.removeprefix("p_"): value for name, value in typed(form).items()}
    values = parameters.from_form(plain, texts)
    given = {each.name: values[each.name] for each in plain if _differs(each, values)}
    given |= {each.name: texts[each.name] for each in secrets if texts.get(each.name)}
    return given | {each.name: None for each in secrets if each.name in form.getlist(FORGET)}


def told(wrong: FieldErrors) -> list[dict[str, str]]:
    """Each fault with the id of its field."""
    return [
        {"id": "p_" + each["field"].removeprefix("settings."), "message": each["message"]} for each in wrong.errors
    ]  # fmt: skip


def warning(manifest: Manifest, given: dict[str, Any]) -> str:
    """What a secret that is too short means."""
    _, secrets = split(manifest)
    short = [each.label for each in secrets if given.get(each.name) and len(given[each.name]) < SHORTEST]
    return f"{' and '.join(short)}: shorter than {SHORTEST} characters, so it is not masked in output" if short else ""


def _differs(parameter: Parameter, values: dict[str, Any]) -> bool:
    default = list(parameter.default) if parameter.type == "list" and parameter.default else parameter.default
    return parameter.name in values and values[parameter.name] != default
