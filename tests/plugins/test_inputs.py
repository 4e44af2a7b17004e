import pytest

from webapp.objects.values import FieldErrors
from webapp.plugins import inputs
from webapp.plugins.contract import Manifest

ALL = ("hostname", "ipaddress", "ipport", "url")


def manifest(*consumes: str, **more) -> Manifest:
    return Manifest("probe", "Probe", "Looks.", consumes=consumes, **more)


@pytest.mark.parametrize(
    ("given", "kept", "value", "type", "key"),
    [
        ("Example.COM", "example.com", "example.com", "hostname", "internet|example.com"),
        ("internet|Example.com", "internet|example.com", "example.com", "hostname", "internet|example.com"),
        ("office|db1", "office|db1", "db1", "hostname", "office|db1"),
        ("2001:DB8::1", "2001:db8::1", "2001:db8::1", "ipaddress", "internet|2001:db8::1"),
        ("192.0.2.1:80", "192.0.2.1:80", "192.0.2.1:80", "ipport", "internet|192.0.2.1|tcp|80"),
        ("office|192.0.2.1|tcp|80", "office|192.0.2.1|tcp|80", "192.0.2.1:80", "ipport", "office|192.0.2.1|tcp|80"),
        ("example.com:8443", "example.com:8443", "example.com:8443", "hostname", "internet|example.com"),
        ("HTTP://Example.com", "http://example.com/", "http://example.com/", "url", "internet|http://example.com/"),
        ("office|http://db1/", "office|http://db1/", "http://db1/", "url", "office|http://db1/"),
    ],
)
def test_an_input_is_read_as_what_it_looks_like(given, kept, value, type, key):
    read = inputs.read_inputs(manifest(*ALL), given)[0]
    assert (read.given, read.value, read.type, read.key) == (kept, value, type, key)
    assert inputs.read_inputs(manifest(*ALL), read.given) == [read]


@pytest.mark.parametrize(
    ("consumes", "given", "says"),
    [
        (("hostname",), "192.0.2.1", "Enter a hostname, like example.com"),
        (("hostname",), 5, "Enter a hostname, like example.com"),
        (("hostname",), {"name": "example.com"}, "Enter a hostname, like example.com"),
        (("hostname",), "", "Enter a hostname, like example.com"),
        (("hostname",), [], "Enter a hostname, like example.com"),
        (("ipaddress", "hostname"), "a b", "Enter an IP address, like 192.0.2.1, or a hostname, like example.com"),
        (("file",), None, "Choose a file"),
        (("file",), True, "Choose a file"),
        (("file:nmap", "hostname"), {"fle": 3}, "Choose a file"),
        (("file:nmap", "hostname"), "a b", "Enter a hostname, like example.com, or choose a file"),
        ((), "x", "Leave the input empty: this plugin takes none"),
    ],
)
def test_what_a_plugin_does_not_consume_is_refused(consumes, given, says):
    with pytest.raises(FieldErrors) as refused:
        inputs.clean_inputs(manifest(*consumes), given)
    assert refused.value.errors == [{"field": "input_data", "message": says}]


def test_of_several_inputs_each_wrong_one_is_named():
    with pytest.raises(FieldErrors) as refused:
        inputs.clean_inputs(manifest("hostname"), ["a.example", "b c", "d.example", "5"])
    assert [error["field"] for error in refused.value.errors] == ["input_data.1", "input_data.3"]


@pytest.mark.parametrize("given", ["7", 7, {"file": "7"}, {"file": 7}])
def test_a_file_is_chosen_by_its_id(given):
    assert inputs.clean_inputs(manifest("file"), given) == [{"file": "7"}]


@pytest.mark.parametrize(("given", "kept"), [(None, []), ({"a": 1}, [{"a": 1}]), (5, [5]), (["x", None], ["x", None])])
def test_a_plugin_may_take_anything(given, kept):
    assert inputs.clean_inputs(manifest(any_input=True), given) == kept


def test_a_plugin_may_take_nothing():
    assert inputs.clean_inputs(manifest(), None) == []


def test_a_text_area_holds_one_input_a_line():
    assert inputs.from_text(" a.example \n\nb.example\r\na.example") == ["a.example", "b.example"]
