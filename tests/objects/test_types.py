from datetime import UTC, datetime

import pytest

from webapp.objects import types
from webapp.objects.values import FieldErrors

FINGERPRINT = "ab" * 32
EXAMPLES = {
    "hostname": ({"name": "Example.com"}, "internet|example.com"),
    "ipaddress": ({"address": "2001:DB8::1", "network": "office"}, "office|2001:db8::1"),
    "ipport": ({"address": "192.0.2.1", "port": 443}, "internet|192.0.2.1|tcp|443"),
    "url": ({"url": "http://example.com"}, "internet|http://example.com/"),
    "http_header": ({"name": "Server", "url": "http://a.example/"}, "internet|server|http://a.example/"),
    "certificate": ({"fingerprint": FINGERPRINT.upper()}, FINGERPRINT),
    "dns_a_record": ({"hostname": "a.example", "address": "192.0.2.1"}, "internet|a.example|192.0.2.1"),
    "dns_aaaa_record": ({"hostname": "a.example", "address": "2001:db8::1"}, "internet|a.example|2001:db8::1"),
    "dns_ns_record": ({"hostname": "a.example", "nameserver": "ns.a.example."}, "internet|a.example|ns.a.example"),
    "dns_mx_record": ({"hostname": "a.example", "preference": 0, "mail_server": "."}, "internet|a.example|0|."),
    "dns_soa_record": ({"hostname": "a.example", "primary": "ns.a.example"}, "internet|a.example|ns.a.example"),
    "dns_txt_record": ({"hostname": "a.example", "value": "v=1|x"}, "internet|a.example|v=1|x"),
    "dns_cname_record": ({"hostname": "*.a.example", "target": "b.example"}, "internet|*.a.example|b.example"),
    "dns_ptr_record": ({"hostname": "a.example", "address": "192.0.2.1"}, "internet|192.0.2.1|a.example"),
    "software": ({"name": "nginx", "version": "1.27"}, "nginx|1.27"),
    "finding": (
        {"finding_type": "port-open", "object_type": "ipport", "object_key": "internet|192.0.2.1|tcp|23"},
        "port-open|ipport|internet|192.0.2.1|tcp|23",
    ),
}


def test_each_type_has_an_example_here():
    assert EXAMPLES.keys() == types.OBJECT_TYPES.keys()


@pytest.mark.parametrize("type", types.OBJECT_TYPES)
def test_an_object_has_a_natural_key(type):
    fields, key = EXAMPLES[type]
    assert types.natural_key(type, types.clean(type, fields)) == key


@pytest.mark.parametrize("type", types.OBJECT_TYPES)
def test_a_key_can_be_read_back(type):
    key = EXAMPLES[type][1]
    assert types.natural_key(type, types.parse_key(type, key)) == key


@pytest.mark.parametrize("type", types.OBJECT_TYPES)
def test_cleaning_twice_changes_nothing(type):
    once = types.clean(type, EXAMPLES[type][0])
    assert types.clean(type, once) == once


@pytest.mark.parametrize("type", types.OBJECT_TYPES)
def test_free_text_stands_last_in_a_key(type):
    kind = types.type_of(type)
    assert "text" not in [kind.field(name).kind for name in kind.key[:-1]]


def test_every_fault_is_named_at_its_field():
    with pytest.raises(FieldErrors) as refused:
        types.clean("ipport", {"address": "nowhere", "prt": 22, "protocol": "icmp"})
    assert refused.value.errors == [
        {"field": "prt", "message": 'Unknown field "prt". Did you mean port?'},
        {"field": "address", "message": "Enter an IP address, like 192.0.2.1 or 2001:db8::1"},
        {"field": "protocol", "message": "Choose tcp or udp"},
        {"field": "port", "message": "Enter the port"},
    ]


def test_an_unknown_type_names_the_nearest():
    with pytest.raises(FieldErrors, match=r'Unknown object type "hostnme". Did you mean hostname?'):
        types.clean("hostnme", {})


@pytest.mark.parametrize(
    ("type", "fields"),
    [
        ("dns_mx_record", {"hostname": "a.example", "preference": "10", "mail_server": "b.example"}),
        ("certificate", {"fingerprint": "ab"}),
        ("certificate", {"fingerprint": FINGERPRINT, "names": "a.example"}),
        ("certificate", {"fingerprint": FINGERPRINT, "not_after": "2026-01-01T00:00:00"}),
        ("certificate", {"fingerprint": FINGERPRINT, "not_after": 5}),
        ("certificate", {"fingerprint": FINGERPRINT, "ca": 1}),
        ("software", {"name": "a|b"}),
        ("software", {"name": "a", "vendor": "nul\0"}),
        ("finding", {"finding_type": "x", "object_type": "nothing", "object_key": "y"}),
        ("dns_txt_record", {"hostname": "a.example", "value": "x" * 65_537}),
    ],
)
def test_a_wrong_value_is_refused(type, fields):
    with pytest.raises(FieldErrors):
        types.clean(type, fields)


def test_a_time_is_kept_in_utc():
    moment = datetime(2026, 12, 1, 9, tzinfo=UTC)
    fields = types.clean(
        "certificate", {"fingerprint": FINGERPRINT, "not_before": moment, "not_after": "2026-12-01T10:00:00+01:00"}
    )
    assert fields["not_before"] == fields["not_after"] == "2026-12-01T09:00:00Z"


def test_a_long_value_stands_in_the_key_as_its_hash():
    fields = types.clean("dns_txt_record", {"hostname": "a.example", "value": "x" * 5000})
    key = types.natural_key("dns_txt_record", fields)
    assert key.startswith("internet|a.example|sha256:") and len(key) < 120


@pytest.mark.parametrize("key", ["", "internet", "internet|", "internet|not a name", "in ternet|example.com"])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(FieldErrors):
        types.parse_key("hostname", key)


def test_an_object_names_others():
    record = types.clean("dns_a_record", {"hostname": "a.example", "address": "192.0.2.1", "network": "office"})
    assert types.references("dns_a_record", record) == [
        ("hostname", "office|a.example"),
        ("ipaddress", "office|192.0.2.1"),
    ]


def test_a_name_that_is_no_hostname_refers_to_nothing():
    record = types.clean("dns_mx_record", {"hostname": "*.a.example", "preference": 0, "mail_server": "."})
    assert types.references("dns_mx_record", record) == []


def test_a_finding_refers_to_its_object():
    fields = types.clean("finding", EXAMPLES["finding"][0])
    assert types.references("finding", fields) == [("ipport", "internet|192.0.2.1|tcp|23")]


def test_a_port_refers_to_its_certificate():
    fields = types.clean("ipport", {"address": "192.0.2.1", "port": 443, "certificate": FINGERPRINT})
    assert ("certificate", FINGERPRINT) in types.references("ipport", fields)
