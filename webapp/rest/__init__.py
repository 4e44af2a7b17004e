"""The JSON API `/api/v1`: one module a noun, each with a `section` (webapp/rest/section.py) that knows its calls.

To add a noun: write `webapp/rest/<noun>.py` with `section = Section("<noun>", "Title", "What it is.")` and its calls,
and add its name here. Routes, rights, checks, the OpenAPI document and the reference page follow from the section.
"""

SECTIONS = (
    "me",
    "tasks",
    "verbs",
    "bulk",
    "traces",
    "output",
    "notes",
    "batches",
    "agents",
    "agent_verbs",
    "enrolment_tokens",
    "tests",
    "builds",
    "signing_keys",
    "plugins",
    "objects",
    "files",
    "schedules",
    "upcoming",
    "calendars",
    "object_sets",
    "limits",
    "users",
    "roles",
    "organizations",
    "tokens",
    "audit",
)
