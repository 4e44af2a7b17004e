"""Every right there is, and the three roles that each organisation starts with."""

from __future__ import annotations

from enum import StrEnum

from webapp.language import N_


class Permission(StrEnum):
    TASKS_READ = "endpoints:tasks:read"
    TASKS_CREATE = "endpoints:tasks:create"
    TASKS_COMMAND = "endpoints:tasks:command"
    TASKS_CANCEL = "endpoints:tasks:cancel"
    TASKS_DELETE = "endpoints:tasks:delete"
    TASKS_NOTES = "endpoints:tasks:notes"
    SCHEDULES_READ = "endpoints:schedules:read"
    SCHEDULES_WRITE = "endpoints:schedules:write"
    SCHEDULES_DELETE = "endpoints:schedules:delete"
    DEFINITIONS_READ = "endpoints:definitions:read"
    DEFINITIONS_WRITE = "endpoints:definitions:write"
    DEFINITIONS_DELETE = "endpoints:definitions:delete"
    DEFINITIONS_OPERATE = "endpoints:definitions:operate"
    AGENTS_READ = "endpoints:agents:read"
    AGENTS_WRITE = "endpoints:agents:write"
    AGENTS_DELETE = "endpoints:agents:delete"
    TOKENS_READ = "endpoints:tokens:read"
    TOKENS_CREATE = "endpoints:tokens:create"
    TOKENS_DELETE = "endpoints:tokens:delete"
    PLUGINS_READ = "endpoints:plugins:read"
    PLUGINS_WRITE = "endpoints:plugins:write"
    LIBRARY_READ = "endpoints:library:read"
    LIBRARY_WRITE = "endpoints:library:write"
    OBJECTS_READ = "endpoints:objects:read"
    OBJECTS_WRITE = "endpoints:objects:write"
    OBJECTS_DELETE = "endpoints:objects:delete"
    FILES_READ = "endpoints:files:read"
    FILES_WRITE = "endpoints:files:write"
    RULES_READ = "endpoints:rules:read"
    RULES_WRITE = "endpoints:rules:write"
    REPORTS_READ = "endpoints:reports:read"
    REPORTS_CREATE = "endpoints:reports:create"
    CALENDARS_READ = "endpoints:calendars:read"
    CALENDARS_WRITE = "endpoints:calendars:write"
    ALERTS_READ = "endpoints:alerts:read"
    ALERTS_WRITE = "endpoints:alerts:write"
    INTEGRATIONS_READ = "endpoints:integrations:read"
    INTEGRATIONS_WRITE = "endpoints:integrations:write"
    SETTINGS_READ = "endpoints:settings:read"
    SETTINGS_WRITE = "endpoints:settings:write"
    AUDIT_READ = "endpoints:audit:read"
    AUDIT_WRITE = "endpoints:audit:write"
    USERS_READ = "endpoints:users:read"
    USERS_WRITE = "endpoints:users:write"

    @property
    def noun(self) -> str:
        return self.split(":")[1]

    @property
    def verb(self) -> str:
        return self.split(":")[2]

    @property
    def words(self) -> str:
        return WORDS[self]

    @property
    def seeing(self) -> Permission:
        """The right to see what this one changes."""
        return Permission(f"endpoints:{self.noun}:read")


# As a sentence about a person needs it: `You cannot delete tasks`.
WORDS = {
    Permission.TASKS_READ: N_("see tasks"),
    Permission.TASKS_CREATE: N_("create tasks"),
    Permission.TASKS_COMMAND: N_("run shell commands"),
    Permission.TASKS_CANCEL: N_("cancel tasks"),
    Permission.TASKS_DELETE: N_("delete tasks"),
    Permission.TASKS_NOTES: N_("write notes"),
    Permission.SCHEDULES_READ: N_("see schedules"),
    Permission.SCHEDULES_WRITE: N_("change schedules"),
    Permission.SCHEDULES_DELETE: N_("delete schedules"),
    Permission.DEFINITIONS_READ: N_("see definitions"),
    Permission.DEFINITIONS_WRITE: N_("change definitions"),
    Permission.DEFINITIONS_DELETE: N_("delete definitions"),
    Permission.DEFINITIONS_OPERATE: N_("operate definitions"),
    Permission.AGENTS_READ: N_("see agents"),
    Permission.AGENTS_WRITE: N_("change agents"),
    Permission.AGENTS_DELETE: N_("delete agents"),
    Permission.TOKENS_READ: N_("see tokens"),
    Permission.TOKENS_CREATE: N_("create tokens"),
    Permission.TOKENS_DELETE: N_("delete tokens"),
    Permission.PLUGINS_READ: N_("see plugins"),
    Permission.PLUGINS_WRITE: N_("change plugins"),
    Permission.LIBRARY_READ: N_("see the test library"),
    Permission.LIBRARY_WRITE: N_("change the test library"),
    Permission.OBJECTS_READ: N_("see objects"),
    Permission.OBJECTS_WRITE: N_("change objects"),
    Permission.OBJECTS_DELETE: N_("delete objects"),
    Permission.FILES_READ: N_("see files"),
    Permission.FILES_WRITE: N_("change files"),
    Permission.RULES_READ: N_("see rules"),
    Permission.RULES_WRITE: N_("change rules"),
    Permission.REPORTS_READ: N_("see reports"),
    Permission.REPORTS_CREATE: N_("create reports"),
    Permission.CALENDARS_READ: N_("see calendars"),
    Permission.CALENDARS_WRITE: N_("change calendars"),
    Permission.ALERTS_READ: N_("see alerts"),
    Permission.ALERTS_WRITE: N_("change alerts"),
    Permission.INTEGRATIONS_READ: N_("see integrations"),
    Permission.INTEGRATIONS_WRITE: N_("change integrations"),
    Permission.SETTINGS_READ: N_("see settings"),
    Permission.SETTINGS_WRITE: N_("change settings"),
    Permission.AUDIT_READ: N_("see the audit log"),
    Permission.AUDIT_WRITE: N_("change the audit log"),
    Permission.USERS_READ: N_("see users"),
    Permission.USERS_WRITE: N_("change users"),
}

VIEWER = frozenset(p for p in Permission if p.verb == "read" and p.noun not in ("audit", "users", "tokens"))
OPERATOR = VIEWER | {
    Permission.TASKS_CREATE,
    Permission.TASKS_COMMAND,
    Permission.TASKS_CANCEL,
    Permission.TASKS_NOTES,
    Permission.SCHEDULES_WRITE,
    Permission.DEFINITIONS_OPERATE,
    Permission.REPORTS_CREATE,
}
ADMIN = frozenset(Permission)

ROLES: dict[str, frozenset[Permission]] = {"viewer": VIEWER, "operator": OPERATOR, "admin": ADMIN}


def read(names: list[str]) -> frozenset[Permission]:
    """Stored names; one that a later release no longer knows gives no right."""
    known = {str(p) for p in Permission}
    return frozenset(Permission(name) for name in names if name in known)
