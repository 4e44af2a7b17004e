"""The library of signed tests: what there is, for which hosts, and since when a build is no longer to be run."""

from __future__ import annotations

from typing import Any, BinaryIO, cast
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, redirect, render_template, request

from webapp import clock, htmx, polling
from webapp.access.guards import choose_organization, get_or_404, requires
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.db import db
from webapp.language import N_, _
from webapp.library import lifecycle, queries
from webapp.library.forms import BuildForm, TestForm
from webapp.library.manifest import ManifestError
from webapp.library.models import Build, Test
from webapp.library.signing import Signing

bp = Blueprint("library", __name__, url_prefix="/library")

PER = 50
SWITCHES = {"enable": lifecycle.enable, "disable": lifecycle.disable}
SWITCHED = {"enable": N_("%(name)s is enabled"), "disable": N_("%(name)s is disabled")}
TURNED = {
    "promote": N_("Version %(version)s for %(runs_on)s is the newest now"),
    "revoke": N_("Version %(version)s for %(runs_on)s is revoked"),
    "enable": N_("Version %(version)s for %(runs_on)s is enabled"),
    "disable": N_("Version %(version)s for %(runs_on)s is disabled"),
}


@bp.get("/")
@requires(Permission.LIBRARY_READ)
@polling.cached
def index() -> Response:
    chosen = queries.Filter(q=request.args.get("q", "").strip()[:200], retired="retired" in request.args)
    tests, after = queries.page(chosen, PER, request.args.get("after", type=int))
    return htmx.page(
        "library/index.html",
        "library/_list.html",
        tests=tests,
        after=after,
        chosen=chosen,
        link=link,
        pills=pills(chosen),
    )


def pills(chosen: queries.Filter) -> list[dict[str, Any]]:
    views = ((_("In the library"), queries.Filter()), (_("Retired"), queries.Filter(retired=True)))
    return [
        {"href": link(view), "label": label, "count": None, "current": view.retired == chosen.retired}
        for label, view in views
    ]


def link(chosen: queries.Filter, **more: Any) -> str:
    asked = {"q": chosen.q, "retired": "1" if chosen.retired else "", **more}
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"/library?{query}" if query else "/library"


@bp.get("/new")
@requires(Permission.LIBRARY_WRITE, reading=True)
def new() -> str:
    return render_template("library/new.html", form=TestForm())


@bp.post("/")
@requires(Permission.LIBRARY_WRITE)
def create() -> Response | tuple[str, int]:
    form = TestForm()
    if not form.validate():
        return render_template("library/new.html", form=form), 422
    organization_id = choose_organization(request.form.get("organization"), Permission.LIBRARY_WRITE)
    try:
        test = lifecycle.add_test(
            organization_id,
            form.slug.data,
            form.name.data,
            principal.actor,
            clock.now(),
            description=form.description.data or "",
            technique=form.technique.data or "",
        )
    except ManifestError as error:
        form.slug.errors = [str(error)]
        return render_template("library/new.html", form=form), 422
    db.session.commit()
    return redirect(f"/library/{test.id}", 303)  # type: ignore[return-value]


@bp.get("/<int:test_id>")
@requires(Permission.LIBRARY_READ)
def show(test_id: int) -> str:
    return render_template("library/show.html", **_shown(get_or_404(Test, id=test_id), BuildForm()))


@bp.post("/<int:test_id>/builds")
@requires(Permission.LIBRARY_WRITE)
def upload(test_id: int) -> Response | tuple[str, int]:
    test, form = get_or_404(Test, id=test_id), BuildForm()
    given = request.files.get("file")
    if given is None or not given.filename:
        form.file.errors = [_("Choose a file")]
        return render_template("library/show.html", **_shown(test, form)), 422
    data = current_app.extensions["settings"].data
    try:
        build = lifecycle.upload(
            test,
            cast(BinaryIO, given.stream),
            data,
            principal.actor,
            clock.now(),
            platform=form.platform.data or "",
            arch=form.arch.data or "",
        )
    except ManifestError as error:
        form.file.errors = [str(error)]
        return render_template("library/show.html", **_shown(test, form)), 422
    db.session.commit()
    return htmx.changed(
        None,
        f"/library/{test.id}",
        _("Version %(version)s for %(runs_on)s was added", version=build.version, runs_on=build.runs_on),
    )


@bp.post("/<int:test_id>/<any(enable,disable):verb>")
@requires(Permission.LIBRARY_WRITE)
def switch(test_id: int, verb: str) -> Response:
    test = get_or_404(Test, id=test_id)
    SWITCHES[verb](test, principal.actor, clock.now())
    db.session.commit()
    return htmx.changed(None, f"/library/{test.id}", _(SWITCHED[verb], name=test.name), refresh="library")


@bp.post("/<int:test_id>/retire")
@requires(Permission.LIBRARY_WRITE)
def retire(test_id: int) -> Response:
    test = get_or_404(Test, id=test_id)
    lifecycle.retire(test, principal.actor, clock.now())
    db.session.commit()
    return htmx.moved("/library", _("%(name)s is retired", name=test.name), {"url": f"/library/{test.id}/restore"})


@bp.post("/<int:test_id>/restore")
@requires(Permission.LIBRARY_WRITE)
def restore(test_id: int) -> Response:
    test = get_or_404(Test, id=test_id)
    lifecycle.restore(test, principal.actor, clock.now())
    db.session.commit()
    return htmx.moved(f"/library/{test.id}", _("%(name)s is back in the library", name=test.name))


@bp.post("/builds/<build_id>/<any(promote,revoke,enable,disable):verb>")
@requires(Permission.LIBRARY_WRITE)
def change_build(build_id: str, verb: str) -> Response:
    build, now = get_or_404(Build, uuid=build_id), clock.now()
    if verb == "revoke":
        signing = Signing(current_app.extensions["settings"].signing_key_file)
        lifecycle.revoke(build, signing, request.form.get("why", "").strip(), principal.actor, now)
    elif verb == "promote":
        lifecycle.promote(build, principal.actor, now)
    else:
        SWITCHES[verb](build, principal.actor, now)
    db.session.commit()
    return htmx.changed(
        None,
        f"/library/{build.test_id}",
        _(TURNED[verb], version=build.version, runs_on=build.runs_on),
    )


def _shown(test: Test, form: BuildForm) -> dict[str, Any]:
    return {"test": test, "form": form, "builds": [build for build in test.builds if build.deleted_at is None]}
