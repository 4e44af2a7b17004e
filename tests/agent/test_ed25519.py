"""RFC 8032 signatures with and without the `cryptography` package."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.agent import ed25519

# RFC 8032, 7.1: TEST 1, 2, 3 and SHA(abc) as public key, message, signature.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
]
ORDER = 2**252 + 27742317777372353535851937790883648493
P = 2**255 - 19
BASE = bytes([0x58]) + bytes([0x66]) * 31
IDENTITY = (1).to_bytes(32, "little")
ONE = (1).to_bytes(32, "little")


@pytest.fixture(params=["cryptography", "pure"])
def verify(request):
    return ed25519.verify if request.param == "cryptography" else ed25519.verify_pure


@pytest.mark.parametrize("vector", VECTORS)
def test_vectors_of_the_standard(verify, vector):
    assert verify(*map(bytes.fromhex, vector))


@pytest.mark.parametrize("part", [0, 1, 2])
def test_one_changed_bit_spoils_it(verify, part):
    vector = [bytes.fromhex(text) for text in VECTORS[2]]
    for bit in range(0, 8 * len(vector[part]), 7):
        changed = list(vector)
        changed[part] = flip(vector[part], bit)
        assert not verify(*changed)


def test_a_second_spelling_of_the_same_signature_is_refused(verify):
    public, message, signature = map(bytes.fromhex, VECTORS[1])
    scalar = int.from_bytes(signature[32:], "little") + ORDER
    assert not verify(public, message, signature[:32] + scalar.to_bytes(32, "little"))


def test_a_key_of_small_order_would_fit_every_message(verify):
    """[1]B = B + [k]·identity holds whatever the message is."""
    assert not verify(IDENTITY, b"anything", BASE + ONE)


@pytest.mark.parametrize("y", [0, 1, P - 1])
@pytest.mark.parametrize("sign", [0, 1])
def test_points_of_small_order_are_refused(verify, y, sign):
    point = (y | sign << 255).to_bytes(32, "little")
    public, message, signature = map(bytes.fromhex, VECTORS[1])
    assert not verify(point, message, signature)
    assert not verify(public, message, point + signature[32:])


@pytest.mark.parametrize("number", [P, P + 1, 2**255 - 1, 2])
def test_bytes_that_name_no_point_are_refused(verify, number):
    """P and P + 1 are second names of 0 and 1; no point has y = 2."""
    _, message, signature = map(bytes.fromhex, VECTORS[1])
    assert not verify(number.to_bytes(32, "little"), message, signature)


@pytest.mark.parametrize(("public", "signature"), [(b"", b""), (bytes(31), bytes(64)), (bytes(32), bytes(63))])
def test_wrong_lengths_are_no_signature(verify, public, signature):
    assert not verify(public, b"", signature)


@settings(deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=200), bit=st.integers(0, 511))
def test_arithmetic_agrees_with_the_library(seed, message, bit):
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    assert ed25519.verify_pure(public, message, signature)
    changed = flip(signature, bit)
    assert not ed25519.verify_pure(public, message, changed)
    assert not ed25519.verify(public, message, changed)


def test_without_the_library_the_arithmetic_answers(monkeypatch):
    monkeypatch.setattr(ed25519, "Ed25519PublicKey", None)
    public, message, signature = map(bytes.fromhex, VECTORS[2])
    assert ed25519.verify(public, message, signature)
    assert not ed25519.verify(public, message + b"!", signature)


def flip(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
