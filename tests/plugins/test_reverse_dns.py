import pytest


@pytest.fixture
def lookup(run, dns_server):
    def lookup(address: str, *names: str):
        import dns.reversename

        owner = dns.reversename.from_address(address).to_text(omit_final_dot=True)
        dns_server.zone = {(owner, "PTR"): list(names)} if names else {}
        return run("reverse_dns", address, settings={"resolver": dns_server.address})

    return lookup


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_an_address_has_its_names(lookup, address):
    ran = lookup(address, "www.Example.com.", "web.example.net.")
    assert ran.code == 0, ran.stderr
    assert set(ran.result["names"]) == {"www.example.com", "web.example.net"}
    assert f"internet|{address}|www.example.com" in ran.keys("dns_ptr_record")
    assert set(ran.keys("hostname")) == {"internet|www.example.com", "internet|web.example.net"}


def test_an_address_without_a_name_is_an_answer(lookup):
    ran = lookup("192.0.2.1")
    assert ran.code == 0 and ran.result == {"names": []} and "has no name" in ran.stdout


def test_an_alias_leads_to_the_record(run, dns_server):
    dns_server.zone = {
        ("1.2.0.192.in-addr.arpa", "CNAME"): ["1.0-31.2.0.192.in-addr.arpa."],
        ("1.0-31.2.0.192.in-addr.arpa", "PTR"): ["www.example.com."],
    }
    assert run("reverse_dns", "192.0.2.1", kwargs={"resolver": dns_server.address}).result == {
        "names": ["www.example.com"]
    }


def test_a_name_that_is_no_hostname_is_kept_as_a_record_only(lookup):
    ran = lookup("192.0.2.1", "-odd-.example.com.")
    assert ran.keys("dns_ptr_record") == ["internet|192.0.2.1|-odd-.example.com"] and ran.keys("hostname") == []


def test_a_hostname_is_no_address(run):
    assert run("reverse_dns", "example.com").error["reason"] == "invalid_input"
