"""What every shipped plugin must have. A new one fails here until all of it is there."""

from pathlib import Path

import pytest

from tests.plugins.conftest import ROOT
from webapp.objects import types
from webapp.plugins import builtin, discovery
from webapp.plugins.parameters import clean
from webapp.plugins.schema import call_schema

PLUGINS = discovery.discover().plugins
GUIDE = (ROOT / "docs" / "plugins.md").read_text("utf-8")


@pytest.fixture(params=PLUGINS.values(), ids=PLUGINS.keys())
def plugin(request) -> discovery.Plugin:
    return request.param


def test_each_file_is_a_plugin_of_its_name(plugin):
    assert plugin.location == f"builtin:{plugin.id}"
    files = {path.stem for folder in builtin.__path__ for path in Path(folder).glob("*.py")} - {"__init__"}
    assert files == PLUGINS.keys()


def test_it_has_a_section_in_the_guide(plugin):
    section = GUIDE.partition(f"### `{plugin.id}`")[2].partition("\n### ")[0]
    assert section, f"docs/plugins.md has no section ### `{plugin.id}`"
    named = [each.name for each in (*plugin.manifest.parameters, *plugin.manifest.settings)]
    assert not [name for name in named if f"`{name}`" not in section]


def test_it_has_tests(plugin):
    assert (ROOT / "tests" / "plugins" / f"test_{plugin.id}.py").is_file()


def test_its_parameters_have_help(plugin):
    for each in (*plugin.manifest.parameters, *plugin.manifest.settings):
        assert each.help.endswith(".") and each.help[0].isupper(), each.name


def test_its_defaults_are_values_that_it_takes(plugin):
    for declared in (plugin.manifest.parameters, plugin.manifest.settings):
        given = {each.name: each.default for each in declared if each.default is not None}
        assert clean(declared, {name: list(v) if isinstance(v, tuple) else v for name, v in given.items()}) or not given


def test_it_says_what_it_produces(plugin):
    assert plugin.manifest.produces
    assert all(kind in types.OBJECT_TYPES or kind.startswith("file:") for kind in plugin.manifest.produces)


def test_its_call_has_a_schema(plugin):
    assert call_schema(plugin.manifest)["properties"]["kwargs"]["properties"].keys() == {
        each.name for each in plugin.manifest.parameters
    }


@pytest.mark.parametrize("type", types.OBJECT_TYPES)
def test_the_guide_names_each_object_type(type):
    assert f"`{type}`" in GUIDE
