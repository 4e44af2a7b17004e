"""`make migration NAME="agents have a colour"`: what the models have and the migrations have not, as the next one.

Read what it wrote: a renamed column looks like one that went and one that came, and rows are nobody's business here.
"""

from __future__ import annotations

import sys
from pathlib import Path

import sqlalchemy as sa
from alembic import command

from webapp import migrating


def main(subject: str) -> None:
    with sa.create_engine("sqlite://").connect() as connection:
        migrating.upgrade(connection)
        config = migrating.config_for(connection)
        number = len(list(migrating.MIGRATIONS.glob("versions/[0-9]*.py"))) + 1
        script = command.revision(config, subject, autogenerate=True, rev_id=f"{number:04}")
    path = Path(script.path)  # type: ignore[union-attr]
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if "# ###" not in line))


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
