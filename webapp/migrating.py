"""The migrations themselves. Only what runs or checks them imports this: it takes ten megabytes and a third of a second."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from webapp import db
from webapp.schema import MIGRATIONS, load_models


def upgrade(connection: sa.Connection) -> None:
    command.upgrade(config_for(connection), "head")


def config_for(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def drift(connection: sa.Connection) -> list[object]:
    """What the models say and the migrated database does not have."""
    load_models()
    options = {"compare_type": True, "include_object": _in_the_models}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), db.Base.metadata))


def _in_the_models(_object: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
    """Search tables are described by the database's own words alone: see `Extra` of the schema."""
    return not (kind == "table" and (name or "").startswith("search_"))
