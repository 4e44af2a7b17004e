"""The JSON API as one blueprint: every section under `/api/v1`, and how what they raise is told."""

from __future__ import annotations

from flask import Blueprint, Response

from webapp.errors import Problem, answer
from webapp.files.store import TooLarge
from webapp.library.manifest import ManifestError
from webapp.objects.values import FieldErrors
from webapp.rest import documents
from webapp.rest.section import sections
from webapp.tasks.lists.filters import FilterError
from webapp.tasks.spec import SpecError

bp = Blueprint("api", __name__, url_prefix="/api/v1")


@bp.errorhandler(FieldErrors)
@bp.errorhandler(SpecError)
def fields_are_wrong(error: FieldErrors | SpecError) -> Response:
    return answer(Problem(422, errors=error.errors))


@bp.errorhandler(FilterError)
def filter_is_wrong(error: FilterError) -> Response:
    return answer(Problem(422, errors=[{"field": error.key, "message": error.text}]))


@bp.errorhandler(ManifestError)
def program_is_wrong(error: ManifestError) -> Response:
    return answer(Problem(422, errors=[{"field": error.field, "message": error.text}]))


@bp.errorhandler(TooLarge)
def file_is_too_large(error: TooLarge) -> Response:
    return answer(Problem(413, f"The file is too big. {error}"))


for _section in sections():
    bp.register_blueprint(_section.bp)
bp.register_blueprint(documents.bp)
