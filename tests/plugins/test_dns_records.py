import dns.rcode
import pytest

ZONE = {
    ("example.com", "A"): ["192.0.2.1", "192.0.2.2"],
    ("example.com", "AAAA"): ["2001:db8::1"],
    ("example.com", "NS"): ["ns1.example.com.", "ns2.example.net."],
    ("example.com", "MX"): ["10 mx.example.com.", "20 mx.example.net."],
    ("example.com", "SOA"): ["ns1.example.com. hostmaster.example.com. 7 3600 600 86400 300"],
    ("example.com", "TXT"): ['"v=spf1 -all"', '"two " "parts"'],
    ("_dmarc.example.com", "TXT"): ['"v=DMARC1; p=reject"'],
    ("www.example.com", "CNAME"): ["web.example.net."],
    ("web.example.net", "A"): ["192.0.2.9"],
}


@pytest.fixture
def lookup(run, dns_server):
    dns_server.zone = dict(ZONE)

    def lookup(name: str, **kwargs):
        return run("dns_records", name, kwargs={"resolver": dns_server.address, "timeout": 10, **kwargs})

    return lookup


def test_each_record_is_an_object(lookup):
    ran = lookup("example.com")
    assert ran.code == 0, ran.stderr
    assert ran.keys("dns_a_record") == ["internet|example.com|192.0.2.1", "internet|example.com|192.0.2.2"]
    assert ran.keys("dns_aaaa_record") == ["internet|example.com|2001:db8::1"]
    assert ran.keys("dns_ns_record") == ["internet|example.com|ns1.example.com", "internet|example.com|ns2.example.net"]
    assert ran.keys("dns_mx_record") == [
        "internet|example.com|10|mx.example.com",
        "internet|example.com|20|mx.example.net",
    ]
    assert ran.fields("dns_soa_record")[0]["serial"] == 7
    texts = {fields["value"] for fields in ran.fields("dns_txt_record")}
    assert texts == {"v=spf1 -all", "two parts", "v=DMARC1; p=reject"}


def test_names_and_addresses_in_records_are_objects_too(lookup):
    ran = lookup("example.com")
    assert {"internet|192.0.2.1", "internet|192.0.2.2", "internet|2001:db8::1"} == set(ran.keys("ipaddress"))
    assert {"internet|example.com", "internet|ns2.example.net", "internet|mx.example.net"} <= set(ran.keys("hostname"))
    assert "internet|_dmarc.example.com" not in ran.keys("hostname")


def test_an_alias_is_followed(lookup):
    ran = lookup("www.example.com", types=["A", "CNAME"])
    assert ran.keys("dns_cname_record") == ["internet|www.example.com|web.example.net"]
    assert ran.keys("dns_a_record") == ["internet|web.example.net|192.0.2.9"]


def test_the_raw_answer_is_a_file(lookup):
    ran = lookup("example.com", types=["A"], dmarc=False)
    assert ran.of("file")[0]["type"] == "dns" and '"address": "192.0.2.2"' in ran.file("dns.json")
    assert ran.result == {"exists": True, "records": {"A": 2}, "unanswered": 0}


def test_an_answer_too_large_for_udp_comes_over_tcp(lookup, dns_server):
    dns_server.zone["example.com", "TXT"] = [f'"{"x" * 250}{number}"' for number in range(20)]
    assert len(lookup("example.com", types=["TXT"], dmarc=False).fields("dns_txt_record")) == 20


def test_a_name_that_does_not_exist_is_an_answer(lookup):
    ran = lookup("nothing.example")
    assert ran.code == 0 and ran.result["exists"] is False and ran.of("object") == []
    assert "does not exist" in ran.stdout


def test_one_question_without_an_answer_does_not_lose_the_others(lookup, dns_server):
    dns_server.rcode["MX"] = dns.rcode.SERVFAIL
    ran = lookup("example.com")
    assert ran.code == 0 and ran.result["unanswered"] == 1 and len(ran.keys("dns_a_record")) == 2
    assert "MX of example.com" in ran.stderr


def test_a_resolver_that_refuses_all_is_a_network_error(lookup, dns_server):
    dns_server.rcode["A"] = dns.rcode.REFUSED
    ran = lookup("example.com", types=["A"])
    assert ran.code == 1 and ran.error["reason"] == "network_error"


def test_a_resolver_that_is_silent_is_a_network_error(run, silent):
    ran = run("dns_records", "example.com", kwargs={"resolver": silent, "timeout": 0.1, "types": ["A"]})
    assert ran.error["reason"] == "network_error"


@pytest.fixture
def silent():
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def test_the_resolver_may_be_a_setting(run, dns_server):
    dns_server.zone = dict(ZONE)
    ran = run("dns_records", "office|example.com", settings={"resolver": dns_server.address}, kwargs={"types": ["A"]})
    assert ran.keys("dns_a_record")[0] == "office|example.com|192.0.2.1"


@pytest.mark.parametrize("wrong", [{"resolver": "nowhere"}, {"types": ["ANY"]}, {"types": []}, {"timeout": 0}])
def test_wrong_parameters_are_refused(lookup, wrong):
    assert lookup("example.com", **wrong).error["reason"] == "invalid_input"
