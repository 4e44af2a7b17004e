"""A person's API tokens."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template

from webapp import clock, htmx
from webapp.access import queries, tokens
from webapp.access.forms import TokenForm
from webapp.access.guards import forbidden, requires
from webapp.access.models import Token, User
from webapp.access.permissions import Permission, read
from webapp.access.principal import principal
from webapp.db import db, system_scope, writing_to
from webapp.errors import Problem
from webapp.language import _

bp = Blueprint("tokens", __name__, url_prefix="/me/tokens")


@bp.get("/")
@requires(person=True)
def index() -> Response:
    return htmx.page("access/tokens.html", "access/_tokens.html", **_context())


@bp.post("/")
@requires(person=True)
def create() -> Response | tuple[str, int]:
    form = _form()
    if not form.validate():
        return render_template("access/tokens.html", **_context() | {"form": form}), 422
    organization_id, wanted = form.organization.data, read(form.permissions.data)
    if not principal.may_grant(wanted, organization_id):
        raise forbidden(next(iter(wanted - principal.rights[organization_id])), organization_id)
    now, owner = clock.now(), db.session.get_one(User, principal.id)
    with writing_to(organization_id):
        text = tokens.issue(owner, organization_id, form.name.data, wanted, now + form.life, principal.actor, now)
    db.session.commit()
    return render_template("access/tokens.html", **_context() | {"created": text, "form": _form(fresh=True)}), 201


@bp.post("/<int:token_id>/revoke")
@requires(person=True)
def revoke(token_id: int) -> Response:
    with system_scope("a person's own tokens"):
        token = db.session.get(Token, token_id)
        if token is None or token.user_id != principal.id:
            raise Problem(404, _("There is no such token"))
        tokens.revoke(token, principal.actor, clock.now())
        db.session.commit()
    return htmx.changed(None, "/me/tokens", _("Token revoked. Programs that use it are refused now"), refresh="tokens")


def _context() -> dict[str, Any]:
    with system_scope("a person's own tokens"):
        return {"tokens": queries.own_tokens(principal.id or 0), "form": _form(), "created": "", "now": clock.now()}


def _form(fresh: bool = False) -> TokenForm:
    form = TokenForm(formdata=None) if fresh else TokenForm()
    form.offer_all({org.id: org.name for org in principal.orgs}, _mine())
    return form


def _mine() -> list[Permission]:
    return [p for p in Permission if principal.everywhere_with(p)]
