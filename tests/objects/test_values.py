import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.objects import values

WORDS = {
    values.hostname: {
        "Example.COM.": "example.com",
        "localhost": "localhost",
        "_dmarc.example.com": "_dmarc.example.com",
        "münchen.example": "xn--mnchen-3ya.example",
        " example.com ": "example.com",
    },
    values.ip_address: {"192.0.2.1": "192.0.2.1", "2001:DB8:0::1": "2001:db8::1"},
    values.host_port: {"example.com:443": ("example.com", 443), "[2001:db8::1]:53": ("2001:db8::1", 53)},
    values.url: {
        "HTTPS://Example.com:443": "https://example.com/",
        "http://example.com:8080/a?b=c#d": "http://example.com:8080/a?b=c",
        "http://[2001:DB8::1]/x|y": "http://[2001:db8::1]/x%7Cy",
    },
    values.network: {"Internet": "internet", "office-2": "office-2"},
    values.dns_name: {"*.Example.com.": "*.example.com", ".": "."},
    values.port: {443: 443, "443": 443},
}
REFUSED = {
    values.hostname: [
        "",
        "-a.example",
        "a..b",
        "256.1.1.1",
        "0x7f",
        "a" * 64,
        "a b",
        "x" * 254,
        "a|b",
        "a\nb",
        None,
        5,
    ],
    values.ip_address: ["example.com", "192.0.2.256", "fe80::1%eth0", "1", "", 1],
    values.host_port: ["example.com", "example.com:0", "example.com:65536", "2001:db8::1:443", ":443", "a:b"],
    values.url: [
        "example.com",
        "ftp://example.com/",
        "http://",
        "http://u:p@example.com/",
        "http://a:0/",
        "http://a:x/",
        "http://a.example/a b",
    ],
    values.network: ["", "a b", "a|b", "-x"],
    values.dns_name: ["", "a b", "a|b"],
    values.port: [0, 65536, True, "x", "٣", None, 1.5],
}


@pytest.mark.parametrize(
    ("read", "text", "canonical"), [(read, text, to) for read, table in WORDS.items() for text, to in table.items()]
)
def test_a_value_has_one_form(read, text, canonical):
    assert read(text) == canonical


@pytest.mark.parametrize(("read", "text"), [(read, text) for read, texts in REFUSED.items() for text in texts])
def test_what_is_no_such_value_is_refused_with_what_to_enter(read, text):
    with pytest.raises(ValueError, match=r"^Enter "):
        read(text)


@given(st.text())
@pytest.mark.parametrize("read", list(WORDS))
def test_any_text_is_either_canonical_or_refused(read, text):
    try:
        first = read(text)
    except ValueError:
        return
    again = values.join_host_port(*first) if isinstance(first, tuple) else first
    assert read(again) == first
