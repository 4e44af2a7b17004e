"""What a template takes from another one is there: macros, fragments, icons."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from jinja2 import nodes

from tests.templates.sources import STATIC, TEMPLATES, environment, names

env = environment()
SYMBOLS = {symbol.get("id") for symbol in ET.parse(STATIC / "icons.svg").getroot()}


def parsed(name: str) -> nodes.Template:
    return env.parse((TEMPLATES / name).read_text(), name)


def macros(name: str) -> set[str]:
    return {macro.name for macro in parsed(name).find_all(nodes.Macro)}


@pytest.mark.parametrize("name", names())
def test_imported_macros_exist(name: str) -> None:
    for taken in parsed(name).find_all(nodes.FromImport):
        assert isinstance(taken.template, nodes.Const)
        wanted = {one if isinstance(one, str) else one[0] for one in taken.names}
        missing = wanted - macros(taken.template.value)
        assert not missing, f"{name} wants {sorted(missing)} from {taken.template.value}"


@pytest.mark.parametrize("name", names())
def test_included_and_extended_templates_exist(name: str) -> None:
    for other in (*parsed(name).find_all(nodes.Include), *parsed(name).find_all(nodes.Extends)):
        if isinstance(other.template, nodes.Const):
            assert (TEMPLATES / other.template.value).exists(), f"{name} wants {other.template.value}"


@pytest.mark.parametrize("name", names())
def test_icons_that_are_named_exist(name: str) -> None:
    for call in parsed(name).find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "icon" and isinstance(call.args[0], nodes.Const):
            assert call.args[0].value in SYMBOLS, f"{name}: no icon “{call.args[0].value}”"
