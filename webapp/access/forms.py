"""The shape of what people type about people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from flask import current_app
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    DateTimeLocalField,
    Field,
    HiddenField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.fields.choices import SelectChoice as Choice
from wtforms.validators import InputRequired, Length, Optional, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from webapp import language
from webapp.access import passwords, prefs, queries
from webapp.access.permissions import Permission
from webapp.language import N_, _

NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")
PERIODS = {"10": N_("Every 10 seconds"), "30": N_("Every 30 seconds"), "0": N_("Paused")}
LIVES = {"30": N_("30 days"), "90": N_("90 days"), "365": N_("1 year")}

# What the library says itself.
OF_LIBRARY = (N_("Not a valid choice."), N_("Not a valid integer value."))


def choices(options: Mapping[Any, str]) -> list[Choice]:
    """What a select field offers: the label for each value, in the language of who is asked."""
    return [Choice(value, _(label) if isinstance(label, str) else label) for value, label in options.items()]


def stripped(text: str | None) -> str:
    return (text or "").strip()


def lowered(text: str | None) -> str:
    return stripped(text).lower()


class PermissionsForm(FlaskForm):
    """Any permissions of those that are offered, as boxes."""

    permissions = SelectMultipleField(N_("Permissions"), widget=ListWidget(), option_widget=CheckboxInput())

    def offer(self, permissions: Iterable[Permission]) -> None:
        self.permissions.choices = choices({str(p): p.verb for p in permissions})

    def grouped(self) -> dict[str, list[Any]]:
        """The boxes by what they are about."""
        groups: dict[str, list[Any]] = {}
        for box in self.permissions:
            groups.setdefault(Permission(box.data).noun, []).append(box)
        return groups


class Password(PasswordField):
    def __init__(self, label: str, complete: str, message: str, **kwargs: Any) -> None:
        super().__init__(label, [InputRequired(message)], render_kw={"autocomplete": complete}, **kwargs)


class LoginForm(FlaskForm):
    username = StringField(
        N_("User name"), [InputRequired(N_("Enter your user name"))], [stripped],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True},
    )  # fmt: skip
    password = Password(N_("Password"), "current-password", N_("Enter your password"))
    next = HiddenField()


class NewPasswordForm(FlaskForm):
    """`about`: what others know of the person, which their password must not be."""

    password = Password(N_("New password"), "new-password", N_("Enter the new password"))
    again = Password(N_("The same again"), "new-password", N_("Enter the new password twice"))
    about: Iterable[str] = ()

    def validate_password(self, field: Field) -> None:
        if weak := passwords.weakness(field.data, self.about):
            raise ValidationError(weak)

    def validate_again(self, field: Field) -> None:
        if field.data != self.password.data:
            raise ValidationError(_("This is not the same password"))


class ChangePasswordForm(NewPasswordForm):
    current = Password(N_("Current password"), "current-password", N_("Enter your current password"))


class ProfileForm(FlaskForm):
    name = StringField(N_("Name"), [Length(max=120, message=N_("Use 120 characters at most"))], [stripped])
    email = StringField(N_("E-mail"), [Optional(), Length(max=254)], [stripped], render_kw={"type": "email"})

    def validate_email(self, field: Field) -> None:
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", field.data):
            raise ValidationError(_("Enter an e-mail address, like ana@example.com"))


class AppearanceForm(FlaskForm):
    """`language` is there only where there is more than one."""

    language = SelectField(N_("Language"))
    theme = RadioField(
        N_("Theme"), choices=lambda: choices({"system": N_("As the system"), "light": N_("Light"), "dark": N_("Dark")})
    )
    density = RadioField(
        N_("Rows"), choices=lambda: choices({"comfortable": N_("Comfortable"), "compact": N_("Compact")})
    )
    live = RadioField(N_("Live updates"), choices=lambda: choices(PERIODS))
    times = RadioField(
        N_("Times"), choices=lambda: choices({"relative": N_("4 minutes ago"), "absolute": "21 Nov 2026, 07:31"})
    )
    tz = SelectField(N_("Time zone"))
    shortcuts = BooleanField(N_("Single-key shortcuts"))
    steps = BooleanField(N_("First steps on the dashboard"))

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.offer(current_app.extensions["languages"])
        self.tz.choices = choices({"browser": N_("As the browser")} | {zone: zone for zone in sorted(prefs.zones())})

    def offer(self, languages: Sequence[str]) -> None:
        if len(languages) == 1:
            del self.language
            return
        named = {code: language.own_name(code) for code in languages}
        self.language.choices = choices({"": N_("As the browser")} | named)


class TokenForm(PermissionsForm):
    name = StringField(
        N_("Name"), [InputRequired(N_("Name the program that will use it")), Length(max=120)], [stripped]
    )
    organization = SelectField(N_("Organization"), coerce=int)
    expires = SelectField(N_("Expires after"), choices=lambda: choices(LIVES), default="90")

    def offer_all(self, organizations: Mapping[int, str], permissions: Iterable[Permission]) -> None:
        self.organization.choices = choices(organizations)
        self.offer(permissions)

    def validate_permissions(self, field: Field) -> None:
        if not field.data:
            raise ValidationError(_("Choose at least one permission"))

    @property
    def life(self) -> timedelta:
        return timedelta(days=int(self.expires.data))


class UserForm(ProfileForm):
    username = StringField(
        N_("User name"), [InputRequired(N_("Enter a user name"))], [lowered], render_kw={"autocapitalize": "none"}
    )
    role = SelectField(N_("Role"), coerce=int)

    def validate_username(self, field: Field) -> None:
        if not NAME.fullmatch(field.data):
            raise ValidationError(_("Use small letters, digits, and . _ - @, like ana.silva"))
        if queries.user_by_name(field.data):
            raise ValidationError(_("The user name %(data)s is taken. Choose another one", data=field.data))


class MembershipForm(FlaskForm):
    role = SelectField(N_("Role"), coerce=int)


class RoleForm(PermissionsForm):
    name = StringField(N_("Name"), [InputRequired(N_("Enter a name")), Length(max=64)], [stripped])


class OrganizationForm(FlaskForm):
    name = StringField(N_("Name"), [InputRequired(N_("Enter a name")), Length(max=120)], [stripped])
    approve_agents = BooleanField(N_("New agents wait for approval"))


class NewOrganizationForm(OrganizationForm):
    slug = StringField(
        N_("Short name"), [InputRequired(N_("Enter a short name"))], [lowered], render_kw={"autocapitalize": "none"}
    )

    def validate_slug(self, field: Field) -> None:
        if not SLUG.fullmatch(field.data):
            raise ValidationError(_("Use small letters, digits and hyphens, like acme-labs"))
        if queries.organization_by_slug(field.data):
            raise ValidationError(_("The short name %(data)s is taken. Choose another one", data=field.data))


class AuditForm(FlaskForm):
    class Meta:
        csrf = False

    q = StringField(N_("Search"), [Optional()], [stripped])
    actor = StringField(N_("Who"), [Optional()], [stripped])
    action = StringField(N_("Action"), [Optional()], [stripped])
    since = DateTimeLocalField(N_("Since"), [Optional()], format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"])
    until = DateTimeLocalField(N_("Until"), [Optional()], format=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"])
