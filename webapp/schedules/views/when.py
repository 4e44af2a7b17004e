"""The When of a new task. The form belongs to the tasks, which know nothing of schedules: it asks for this by name, and
hands over what was to run when somebody chose another time than now."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response
from flask.blueprints import BlueprintSetupState
from werkzeug.datastructures import MultiDict

from webapp import clock, htmx
from webapp.access.guards import may
from webapp.access.permissions import Permission
from webapp.access.principal import principal
from webapp.calendars import queries as calendars
from webapp.calendars.zones import names as zone_names
from webapp.db import db, writing_to
from webapp.language import _
from webapp.objects.values import FieldErrors
from webapp.schedules import draft, lifecycle
from webapp.schedules.forms import KINDS, NOW, WhenForm
from webapp.schedules.rights import may_run
from webapp.schedules.views.edit import begin_zone, preview_form
from webapp.schedules.views.listing import PATH
from webapp.tasks.spec import SpecError

bp = Blueprint("schedules_when", __name__)

OFFERED = tuple(KINDS)


class When:
    """For `current_app.extensions["when"]`."""

    def context(self, given: MultiDict[str, str], form: WhenForm | None = None) -> dict[str, Any]:
        """What `schedules/_when.html` needs; nothing for who may make no schedules."""
        if not principal.can(Permission.SCHEDULES_WRITE):
            return {}
        form = form or self._form(given)
        return {"form": form, "preview": preview_form(form), "zones": zone_names()}

    def asked(self, given: MultiDict[str, str]) -> bool:
        return given.get("when", NOW) != NOW

    def take(self, body: dict[str, Any], given: MultiDict[str, str], organization_id: int) -> Response:
        """The spec becomes a schedule. SpecError names what is wrong with it, WhenErrors what is wrong with the time."""
        may(Permission.SCHEDULES_WRITE, org_id=organization_id)
        form = self._form(given)
        try:
            with writing_to(organization_id):
                wanted = draft.read(form.given() | {"spec": body, "name": given.get("name")}, clock.now())
                may_run(wanted.aim.type, organization_id)
                schedule = lifecycle.create(wanted, principal.actor, clock.now())
        except FieldErrors as wrong:
            raise self._sorted(form, wrong.errors) from wrong
        db.session.commit()
        return htmx.moved(f"{PATH}/{schedule.id}", _("%(name)s is scheduled", name=schedule.name))

    def _form(self, given: MultiDict[str, str]) -> WhenForm:
        form = WhenForm(formdata=given if "timezone" in given else None)
        form.offer(list(calendars.listed()), OFFERED)
        if "timezone" not in given:
            form.when.data = given.get("when") if given.get("when") in OFFERED else NOW
            form.timezone.data = begin_zone()
        return form

    def _sorted(self, form: WhenForm, errors: list[dict[str, str]]) -> SpecError:
        """What is wrong with the task goes back to its own fields, the rest to the fields of When."""
        mine = [error for error in errors if not error["field"].startswith("spec.")]
        form.told(mine)
        spec = [{**error, "field": error["field"].removeprefix("spec.")} for error in errors if error not in mine]
        return WhenErrors(form, [*spec, *({"field": "when", "message": error["message"]} for error in mine)])


class WhenErrors(SpecError):
    def __init__(self, form: WhenForm, errors: list[dict[str, str]]) -> None:
        super().__init__(errors)
        self.form = form


@bp.record_once
def offer(state: BlueprintSetupState) -> None:
    state.app.extensions["when"] = When()
