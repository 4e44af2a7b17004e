"""Letting hosts in: a token, one command, and a page that waits for the host to appear."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template

from webapp import clock, htmx
from webapp.access.guards import choose_organization, get_or_404, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.agents import address, enrolment, queries
from webapp.agents.forms import TokenForm
from webapp.agents.models import EnrolmentToken
from webapp.db import db
from webapp.language import _
from webapp.refusal import Refused

bp = Blueprint("enrolment", __name__, url_prefix="/agents/enrolment")


@bp.get("/")
@requires(Permission.TOKENS_READ)
def index() -> Response:
    return htmx.page("agents/enrolment.html", "agents/_tokens.html", **_context(_form()))


@bp.post("/")
@requires(Permission.TOKENS_CREATE)
def create() -> Response | tuple[str, int]:
    form = _form()
    if not form.validate():
        return render_template("agents/enrolment.html", **_context(form)), 422
    slug = next(org.slug for org in principal.orgs if str(org.id) == form.organization.data)
    organization_id = choose_organization(slug, Permission.TOKENS_CREATE)
    try:
        text, token = enrolment.create_token(
            organization_id, principal.actor, clock.now(), tags=form.tag_list, max_uses=form.uses.data,
            expires_in=form.life, note=form.note.data or "", approval=form.approval.data,
        )  # fmt: skip
    except Refused as refusal:
        form.form_errors.append(refusal.text)
        return render_template("agents/enrolment.html", **_context(form)), 422
    db.session.commit()
    return render_template("agents/waiting.html", text=text, **_arrivals(token)), 201


@bp.get("/<key>")
@requires(Permission.TOKENS_READ)
def waiting(key: str) -> Response:
    """Who has come in with this token so far; the page asks until all its uses are spent."""
    token = get_or_404(EnrolmentToken, key=key)
    return htmx.page("agents/waiting.html", "agents/_arrivals.html", text="", **_arrivals(token))


@bp.post("/<key>/revoke")
@requires(Permission.TOKENS_DELETE)
def revoke(key: str) -> Response:
    token = get_or_404(EnrolmentToken, key=key)
    enrolment.revoke_token(token, principal.actor, clock.now())
    db.session.commit()
    return htmx.changed(
        None, "/agents/enrolment", _("Token revoked. Hosts that came in with it stay"), refresh="tokens"
    )


def _form() -> TokenForm:
    form = TokenForm()
    allowed = principal.org_ids_with(Permission.TOKENS_CREATE)
    form.offer({org.id: org.name for org in principal.orgs if org.id in allowed})
    if not form.organization.data and principal.current_org:
        form.organization.data = str(principal.current_org.id)
    return form


def _context(form: TokenForm) -> dict[str, Any]:
    return {"tokens": queries.tokens(), "form": form, "now": clock.now()}


def _arrivals(token: EnrolmentToken) -> dict[str, Any]:
    url = address.server()
    agents = queries.enrolled_with(token)
    return {"token": token, "agents": agents, "now": clock.now(), "url": url, "only_here": address.only_here(url)}
