"""A process that launches one task, as a web process does: `python -m tests.faults.launching KEY`."""

import sys

import sqlalchemy as sa

from bench.storm.marker import PLUGIN_ID
from webapp import clock, config, db, queue
from webapp.access.models import Organization
from webapp.events import Actor
from webapp.tasks import launch
from webapp.tasks.spec import parse
from webapp.tasks.states import Trigger


def main(key: str) -> None:
    settings = config.load()
    queue.connect(settings)
    app = db.core(settings)
    data = {"plugin_id": PLUGIN_ID, "input_data": [key], "kwargs": {"lines": 1}}
    with db.unit(app, "launching", reading=True) as session:
        home = session.scalar(sa.select(Organization.id))
    with app.app_context():
        db.scope_to([home], home)
        launch.launch(parse({"data": data}), Trigger.API, Actor("user", "ann", 1), clock.now())
        db.db.session.commit()


if __name__ == "__main__":
    main(sys.argv[1])
