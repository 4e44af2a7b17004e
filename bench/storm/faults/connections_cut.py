"""PostgreSQL ends every connection to the database, in the middle of whatever it is doing."""

import sqlalchemy as sa

from bench.storm.storm import Storm

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def strike(storm: Storm) -> bool:
    engine = sa.create_engine(storm.site.settings.database_url)
    if engine.dialect.name == "sqlite":
        return False
    with engine.connect() as line:
        line.exec_driver_sql(CUT)
    engine.dispose()
    return True
