"""A POST that carries an `Idempotency-Key` is done once, however often and however much at once it is sent.

The key's row is written in the transaction of the act itself: both are there, or neither. Two that come at once
meet at the row's unique key, and the second waits for the first one's commit. What was refused leaves no row: it can
be mended and sent again under the same key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa
from flask import Response, request
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from webapp import clock
from webapp.access.principal import principal
from webapp.db import db, dialect
from webapp.errors import Problem
from webapp.rest.models import Answered

KEPT = timedelta(days=1)
HEADER = "Idempotency-Key"
LONGEST = 200
REPEATED = ("Content-Type", "Location", "ETag")


def once(do: Callable[[], Response], secret: bool = False) -> Response:
    """`secret`: what it answers must not be kept, so a repetition is only told that it was done."""
    key = request.headers.get(HEADER)
    if key is None:
        return do()
    if not 1 <= len(key) <= LONGEST or not key.isascii() or not key.isprintable():
        raise Problem(400, f"{HEADER}: use 1 to {LONGEST} letters, digits and signs")
    row_id = _claim(key)
    return _repeated(key, secret) if row_id is None else _kept(row_id, do(), secret)


def forget_old(now: datetime) -> int:
    """For the caretaker."""
    gone = db.session.execute(sa.delete(Answered).where(Answered.created_at < now - KEPT))
    return int(gone.rowcount)  # type: ignore[attr-defined]


def _claim(key: str) -> int | None:
    insert = sqlite_insert if dialect() == "sqlite" else postgresql_insert
    mine = insert(Answered).on_conflict_do_nothing(index_elements=["asker", "key"]).returning(Answered.id)
    row = {
        "asker": _asker(),
        "key": key,
        "fingerprint": _fingerprint(),
        "created_at": clock.now(),
        "body": "",
        "headers": {},
    }
    return db.session.scalars(mine, [row]).one_or_none()


def _kept(row_id: int, response: Response, secret: bool) -> Response:
    told = {name: response.headers[name] for name in REPEATED if name in response.headers}
    body = "" if secret else response.get_data(as_text=True)
    kept = {"status": response.status_code, "body": body, "headers": told}
    db.session.execute(sa.update(Answered).where(Answered.id == row_id).values(**kept))
    return response


def _repeated(key: str, secret: bool) -> Response:
    row = db.session.scalars(sa.select(Answered).where(Answered.asker == _asker(), Answered.key == key)).one()
    db.session.rollback()  # nothing was done, so nothing is to be committed or audited
    if row.fingerprint != _fingerprint():
        raise Problem(409, f"This {HEADER} was used for another request. Use a new one for each thing that you do")
    if row.status is None:
        raise Problem(409, "The first request with this key is still at work", headers={"Retry-After": "2"})
    if secret:
        raise Problem(409, "This was done already. What it answered is shown only once")
    return Response(row.body, row.status, row.headers | {"Idempotency-Replayed": "true"})


def _asker() -> str:
    return f"{principal.kind}:{principal.credential}"


def _fingerprint() -> str:
    """Of everything that decides what is done: address and body. Of a form, its fields and the bytes of its files."""
    digest = hashlib.sha256(f"{request.method} {request.full_path}\n".encode())
    if request.mimetype == "multipart/form-data":
        for name, value in sorted(request.form.items(multi=True)):
            digest.update(f"{name}={value}\n".encode())
        for name, file in sorted(request.files.items(multi=True), key=lambda each: each[0]):
            digest.update(f"{name}={file.filename}\n".encode())
            while chunk := file.stream.read(2**20):
                digest.update(chunk)
            file.stream.seek(0)
    else:
        digest.update(request.get_data())
    return digest.hexdigest()
