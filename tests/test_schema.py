"""The schema's own account of itself agrees with that of the migration tool, which a running product does not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from webapp import schema

ROOT = Path(__file__).parents[1]


def test_the_newest_migration_is_known_by_its_file() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.head()]


def test_a_database_says_which_it_has() -> None:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        assert schema.current(connection) is None
        schema.upgrade_connection(connection)
        assert (
            schema.current(connection) == MigrationContext.configure(connection).get_current_revision() == schema.head()
        )
    engine.dispose()


def test_nothing_to_do_loads_no_migration_tool(tmp_path: Path) -> None:
    code = (
        "import sys, sqlalchemy as sa; from webapp import schema; from workers import main, migrate; main.preload()\n"
        "with sa.create_engine('sqlite:///new.db').connect() as connection: schema.upgrade_connection(connection)\n"
        "print('alembic' in sys.modules)"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]  # fmt: skip
    assert told == ["True\n", "False\n"]
