"""Ed25519 verification (RFC 8032, 5.1.7) for hosts that may or may not have `cryptography`.

Both paths answer alike: beyond the standard they refuse keys and nonces of small order and every encoding that is not
the canonical one, because with those one signature fits several messages or keys. Only public data is handled here,
so nothing needs constant time.
"""

from __future__ import annotations

import hashlib

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None  # type: ignore[assignment,misc]

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)
Point = tuple[int, int, int, int]
_IDENTITY: Point = (0, 1, 1, 0)


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """True when `signature` is the holder of `public`'s over `message`; malformed input is simply not a signature."""
    if not _well_formed(public, signature):
        return False
    if Ed25519PublicKey is None:
        return _equation_holds(public, message, signature)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def verify_pure(public: bytes, message: bytes, signature: bytes) -> bool:
    """The same answer by arithmetic alone."""
    return _well_formed(public, signature) and _equation_holds(public, message, signature)


def _well_formed(public: bytes, signature: bytes) -> bool:
    if len(public) != 32 or len(signature) != 64:
        return False
    if int.from_bytes(signature[32:], "little") >= _ORDER:
        return False
    return all(point is not None and not _small_order(point) for point in (_decode(public), _decode(signature[:32])))


def _equation_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """[S]B - [k]A, written out, must be R byte for byte."""
    nonce, scalar = signature[:32], int.from_bytes(signature[32:], "little")
    challenge = int.from_bytes(hashlib.sha512(nonce + public + message).digest(), "little") % _ORDER
    x, y, z, t = _decode(public)  # type: ignore[misc]
    minus_key = (_P - x, y, z, _P - t)
    return _encode(_add(_times(scalar, _BASE), _times(challenge, minus_key))) == nonce


# Points are (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z: additions need no division (RFC 8032, 5.1.4).


def _decode(data: bytes) -> Point | None:
    """The point that 32 bytes name, or None; -0 and y >= p are second names of a point and refused."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= _P:
        return None
    x = _x_of(y)
    if x is None or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return (x, y, 1, x * y % _P)


def _x_of(y: int) -> int | None:
    """The square root of (y² - 1) / (d·y² + 1), or None where there is none."""
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    x = u * pow(v, 3, _P) * pow(u * pow(v, 7, _P), (_P - 5) // 8, _P) % _P
    if v * x * x % _P == u:
        return x
    x = x * _ROOT_OF_MINUS_ONE % _P
    return x if v * x * x % _P == u else None


def _encode(point: Point) -> bytes:
    x, y, z, _ = point
    inverse = pow(z, _P - 2, _P)
    x, y = x * inverse % _P, y * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _add(one: Point, other: Point) -> Point:
    x1, y1, z1, t1 = one
    x2, y2, z2, t2 = other
    a, b = (y1 - x1) * (y2 - x2) % _P, (y1 + x1) * (y2 + x2) % _P
    c, d = 2 * t1 * t2 * _D % _P, 2 * z1 * z2 % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(scalar: int, point: Point) -> Point:
    total = _IDENTITY
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point = _add(point, point)
        scalar >>= 1
    return total


def _small_order(point: Point) -> bool:
    """Eight times a point of the small subgroup is the identity."""
    x, y, z, _ = _times(8, point)
    return x == 0 and y == z


_BASE: Point = _decode((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))  # type: ignore[assignment]
