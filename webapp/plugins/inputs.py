"""What a plugin runs on: input_data, checked by what the plugin consumes.

An input is a plain value ("example.com"), a natural key ("office|db1.example"), which names its
network too, or {"file": id}.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from webapp.objects import types, values
from webapp.objects.values import FieldErrors
from webapp.plugins.contract import Manifest

INPUTS_LIMIT = 100_000
_PROMPTS = {
    "hostname": "a hostname, like example.com",
    "ipaddress": "an IP address, like 192.0.2.1",
    "ipport": "a host and port, like 192.0.2.1:443",
    "url": "a URL, like https://example.com/",
}


class Input(NamedTuple):
    """`given` is kept with the task, `value` goes to the plugin, (`type`, `key`) is the object that it is."""

    given: Any
    value: Any
    network: str = types.INTERNET
    type: str = ""
    key: str = ""


def clean_inputs(manifest: Manifest, data: Any) -> list[Any]:
    """The inputs in the form that a task keeps; FieldErrors names each one that cannot be used."""
    return [each.given for each in read_inputs(manifest, data)]


def read_inputs(manifest: Manifest, data: Any) -> list[Input]:
    listed = [] if data in (None, "") else data if isinstance(data, list) else [data]
    if len(listed) > INPUTS_LIMIT:
        raise FieldErrors([{"field": "input_data", "message": f"Enter at most {INPUTS_LIMIT} inputs"}])
    if manifest.any_input:
        return [Input(each, each) for each in listed]
    if manifest.consumes and not listed:
        raise FieldErrors([{"field": "input_data", "message": prompt(manifest)}])
    read, errors = [], []
    for index, each in enumerate(listed):
        try:
            read.append(_read(manifest, each))
        except ValueError as error:
            errors.append({"field": f"input_data.{index}" if len(listed) > 1 else "input_data", "message": str(error)})
    if errors:
        raise FieldErrors(errors)
    return read


def prompt(manifest: Manifest) -> str:
    """What a form asks for, and says when it got something else."""
    typed = ", or ".join(_PROMPTS[kind] for kind in manifest.consumes if kind in _PROMPTS)
    asked = [f"enter {typed}"] * bool(typed) + ["choose a file"] * manifest.takes_files
    text = ", or ".join(asked) or "leave the input empty: this plugin takes none"
    return text[0].upper() + text[1:]


def from_text(text: str) -> list[str]:
    """One input a line, each once, as a form's text area has them."""
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def _read(manifest: Manifest, given: Any) -> Input:
    if manifest.takes_files and (isinstance(given, dict) or _PROMPTS.keys().isdisjoint(manifest.consumes)):
        return _file(given)
    if isinstance(given, str):
        network, value = _split_network(given.strip())
        for kind, read in _READERS.items():
            if kind in manifest.consumes:
                try:
                    return read(network, value)
                except ValueError:
                    continue
    raise ValueError(prompt(manifest))


def _file(given: Any) -> Input:
    file_id = given.get("file") if isinstance(given, dict) and len(given) == 1 else given
    if isinstance(file_id, bool) or not isinstance(file_id, (str, int)) or not str(file_id).strip():
        raise ValueError("Choose a file")
    named = {"file": str(file_id).strip()}
    return Input(named, named)


def _split_network(text: str) -> tuple[str, str]:
    network, bar, value = text.partition("|")
    try:
        return (values.network(network), value) if bar else ("", text)
    except ValueError:
        return "", text


def _url(network: str, value: str) -> Input:
    url = values.url(value)
    return _input("url", network, url, url=url)


def _address(network: str, value: str) -> Input:
    address = values.ip_address(value)
    return _input("ipaddress", network, address, address=address)


def _hostname(network: str, value: str) -> Input:
    name = values.hostname(value)
    return _input("hostname", network, name, name=name)


def _ip_port(network: str, value: str) -> Input:
    """host:port, where the host may be a name (its object is then the hostname), or a port's key."""
    if "|" in value:
        port = types.parse_key("ipport", f"{network}|{value}")
        key = types.natural_key("ipport", port)
        return Input(key, values.join_host_port(port["address"], port["port"]), port["network"], "ipport", key)
    host, number = values.host_port(value)
    joined = values.join_host_port(host, number)
    if values.is_address(host):
        return _input("ipport", network, joined, address=host, protocol="tcp", port=number)
    return _input("hostname", network, joined, name=host)


def _input(type: str, network: str, value: str, **fields: Any) -> Input:
    where = network or types.INTERNET
    key = types.natural_key(type, {"network": where, **fields})
    return Input(f"{network}|{value}" if network else value, value, where, type, key)


# In this order: what one reader takes, no later one means.
_READERS: dict[str, Callable[[str, str], Input]] = {
    "url": _url,
    "ipaddress": _address,
    "ipport": _ip_port,
    "hostname": _hostname,
}
