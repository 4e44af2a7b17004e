"""The tables of the first release

Revision: 0001
Follows: nothing
"""

import sqlalchemy as sa
from alembic import op

from webapp.db import BigKey, Json, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_seal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_seal")),
    )
    with op.batch_alter_table("audit_seal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_seal_organization_id"), ["organization_id"], unique=False)

    op.create_table(
        "organization",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("settings", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organization")),
        sa.UniqueConstraint("slug", name=op.f("uq_organization_slug")),
    )
    op.create_table(
        "package",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_package")),
        sa.UniqueConstraint("kind", "name", "number", name=op.f("uq_package_kind_name_number")),
    )
    with op.batch_alter_table("package", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_package_sha256"), ["sha256"], unique=False)

    op.create_table(
        "process",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_process")),
    )
    with op.batch_alter_table("process", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_process_kind"), ["kind"], unique=False)

    op.create_table(
        "rest_answer",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("asker", sa.String(length=80), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("headers", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rest_answer")),
        sa.UniqueConstraint("asker", "key", name=op.f("uq_rest_answer_asker_key")),
    )
    with op.batch_alter_table("rest_answer", schema=None) as batch_op:
        batch_op.create_index("ix_rest_answer_age", ["created_at"], unique=False)

    op.create_table(
        "user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("password_changed_at", UtcDateTime(), nullable=False),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("is_superadmin", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("failed_logins", sa.Integer(), nullable=False),
        sa.Column("last_login_at", UtcDateTime(), nullable=True),
        sa.Column("prefs", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.UniqueConstraint("username", name=op.f("uq_user_username")),
    )
    op.create_table(
        "agent",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("hostname", sa.String(length=255), nullable=False),
        sa.Column("os", sa.String(length=32), nullable=False),
        sa.Column("arch", sa.String(length=32), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("user", sa.String(length=120), nullable=False),
        sa.Column("instance", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.Column("tags", Json, nullable=False),
        sa.Column("capabilities", Json, nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("admin_state", sa.String(length=16), nullable=False),
        sa.Column("state_reason", sa.String(length=300), nullable=False),
        sa.Column("update_to", sa.String(length=32), nullable=False),
        sa.Column("install_id", sa.String(length=64), nullable=False),
        sa.Column("instance_id", sa.String(length=64), nullable=False),
        sa.Column("superseded", Json, nullable=False),
        sa.Column("beat_seq", sa.BigInteger(), nullable=False),
        sa.Column("credential_hash", sa.String(length=64), nullable=True),
        sa.Column("credential_at", UtcDateTime(), nullable=True),
        sa.Column("issued", Json, nullable=False),
        sa.Column("rotate_asked_at", UtcDateTime(), nullable=True),
        sa.Column("enrolled_at", UtcDateTime(), nullable=False),
        sa.Column("enrolled_with_id", sa.Integer(), nullable=True),
        sa.Column("last_seen_at", UtcDateTime(), nullable=True),
        sa.Column("offline_since", UtcDateTime(), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("spooled", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("free_disk", sa.BigInteger(), nullable=True),
        sa.Column("load", sa.Double(), nullable=True),
        sa.Column("skew_ms", sa.BigInteger(), nullable=True),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_agent_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_agent_organization_id_id")),
        sa.UniqueConstraint("uuid", name=op.f("uq_agent_uuid")),
    )
    with op.batch_alter_table("agent", schema=None) as batch_op:
        batch_op.create_index("ix_agent_hostname", ["organization_id", "hostname", "id"], unique=False)
        batch_op.create_index("ix_agent_install", ["organization_id", "install_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_agent_last_seen_at"), ["last_seen_at"], unique=False)

    op.create_table(
        "audit",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor_kind", sa.String(length=16), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("ip", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("object", sa.String(length=300), nullable=False),
        sa.Column("before", Json, nullable=True),
        sa.Column("after", Json, nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("prev_hash", sa.String(length=64), nullable=True),
        sa.Column("hash", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_audit_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sa.UniqueConstraint("organization_id", "seq", name=op.f("uq_audit_organization_id_seq")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index("ix_audit_newest", ["organization_id", "id"], unique=False)
        batch_op.create_index(
            "ix_audit_unchained",
            ["id"],
            unique=False,
            sqlite_where=sa.text("hash IS NULL"),
            postgresql_where=sa.text("hash IS NULL"),
        )

    op.create_table(
        "batch",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("type", sa.String(length=24), nullable=False),
        sa.Column("what", sa.String(length=200), nullable=False),
        sa.Column("trigger", sa.String(length=16), nullable=False),
        sa.Column("spec", Json, nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_batch_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_batch_organization_id_id")),
        sa.UniqueConstraint("organization_id", "key", name=op.f("uq_batch_organization_id_key")),
        sa.UniqueConstraint("uuid", name=op.f("uq_batch_uuid")),
    )
    with op.batch_alter_table("batch", schema=None) as batch_op:
        batch_op.create_index("ix_batch_by_trigger", ["organization_id", "trigger", "id"], unique=False)
        batch_op.create_index("ix_batch_created", ["organization_id", "created_at"], unique=False)

    op.create_table(
        "calendar",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("policy", sa.String(length=20), nullable=False),
        sa.Column("weekend", Json, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_calendar_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_calendar_organization_id_id")),
    )
    with op.batch_alter_table("calendar", schema=None) as batch_op:
        batch_op.create_index(
            "ix_calendar_changed",
            ["changed_at"],
            unique=False,
            sqlite_where=sa.text("changed_at IS NOT NULL"),
            postgresql_where=sa.text("changed_at IS NOT NULL"),
        )
        batch_op.create_index(
            "uq_calendar_name",
            ["organization_id", "name"],
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.create_table(
        "enrolment_token",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=8), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.Column("tags", Json, nullable=False),
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("approval", sa.Boolean(), nullable=False),
        sa.Column("max_uses", sa.Integer(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_enrolment_token_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_token")),
        sa.UniqueConstraint("key", name=op.f("uq_enrolment_token_key")),
    )
    op.create_table(
        "event",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(length=48), nullable=False),
        sa.Column("subject", sa.String(length=24), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("before", sa.String(length=24), nullable=True),
        sa.Column("after", sa.String(length=24), nullable=True),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("actor_kind", sa.String(length=16), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("data", Json, nullable=True),
        sa.Column("handled_at", UtcDateTime(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_event_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index("ix_event_organization", ["organization_id", "id"], unique=False)
        batch_op.create_index("ix_event_subject", ["subject", "subject_id", "id"], unique=False)
        batch_op.create_index(
            "ix_event_unhandled",
            ["id"],
            unique=False,
            sqlite_where=sa.text("handled_at IS NULL"),
            postgresql_where=sa.text("handled_at IS NULL"),
        )
        batch_op.create_index(
            "uq_event_seq",
            ["subject", "subject_id", "seq"],
            unique=True,
            sqlite_where=sa.text("seq IS NOT NULL"),
            postgresql_where=sa.text("seq IS NOT NULL"),
        )

    op.create_table(
        "news",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("href", sa.String(length=200), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_news_organization_id_organization")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_news_user_id_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_news")),
        sa.UniqueConstraint("user_id", "kind", "subject_id", name=op.f("uq_news_user_id_kind_subject_id")),
    )
    with op.batch_alter_table("news", schema=None) as batch_op:
        batch_op.create_index("ix_news_newest", ["user_id", "at", "id"], unique=False)
        batch_op.create_index("ix_news_old", ["at"], unique=False)
        batch_op.create_index(
            "ix_news_unread",
            ["user_id", "id"],
            unique=False,
            sqlite_where=sa.text("read_at IS NULL"),
            postgresql_where=sa.text("read_at IS NULL"),
        )

    op.create_table(
        "object",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=500), nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_object_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_object")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_object_organization_id_id")),
        sa.UniqueConstraint("organization_id", "type", "key", name=op.f("uq_object_organization_id_type_key")),
    )
    op.create_table(
        "object_set",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("query", sa.String(length=500), nullable=False),
        sa.Column("picked", Json, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_object_set_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_object_set")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_object_set_organization_id_id")),
    )
    with op.batch_alter_table("object_set", schema=None) as batch_op:
        batch_op.create_index(
            "uq_object_set_name",
            ["organization_id", "name"],
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.create_table(
        "operation",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("do", sa.String(length=16), nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.Column("query", sa.String(length=2000), nullable=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("by_kind", sa.String(length=16), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("by_name", sa.String(length=120), nullable=False),
        sa.Column("undoes_id", BigKey, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_operation_organization_id_organization")
        ),
        sa.ForeignKeyConstraint(["undoes_id"], ["operation.id"], name=op.f("fk_operation_undoes_id_operation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operation")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_operation_organization_id_id")),
        sa.UniqueConstraint("uuid", name=op.f("uq_operation_uuid")),
    )
    op.create_table(
        "plugin_setting",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("plugin_id", sa.String(length=64), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("settings", Json, nullable=False),
        sa.Column("secrets", Json, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_plugin_setting_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plugin_setting")),
        sa.UniqueConstraint("organization_id", "plugin_id", name=op.f("uq_plugin_setting_organization_id_plugin_id")),
    )
    op.create_table(
        "role",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("builtin", sa.String(length=16), nullable=True),
        sa.Column("permissions", Json, nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_role_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_role_organization_id_id")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_role_organization_id_name")),
    )
    op.create_table(
        "saved_view",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("query", sa.String(length=2000), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_saved_view_organization_id_organization")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_saved_view_user_id_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
        sa.UniqueConstraint(
            "organization_id", "user_id", "name", name=op.f("uq_saved_view_organization_id_user_id_name")
        ),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("ip", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=300), nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_session_user_id_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
    )
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_session_seen_at"), ["seen_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_session_user_id"), ["user_id"], unique=False)

    op.create_table(
        "task_count",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("delta", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_task_count_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_count")),
    )
    with op.batch_alter_table("task_count", schema=None) as batch_op:
        batch_op.create_index("ix_task_count_sum", ["organization_id", "status", "delta"], unique=False)

    op.create_table(
        "task_ended",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("hour", UtcDateTime(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("delta", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_task_ended_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_ended")),
    )
    with op.batch_alter_table("task_ended", schema=None) as batch_op:
        batch_op.create_index("ix_task_ended_sum", ["organization_id", "hour", "status", "delta"], unique=False)

    op.create_table(
        "task_limit",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("max", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_task_limit_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_limit")),
        sa.UniqueConstraint("organization_id", "name", name=op.f("uq_task_limit_organization_id_name")),
    )
    op.create_table(
        "test",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("slug", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("technique", sa.String(length=64), nullable=False),
        sa.Column("requires", Json, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_test_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_test_organization_id_id")),
    )
    with op.batch_alter_table("test", schema=None) as batch_op:
        batch_op.create_index(
            "uq_test_slug",
            ["organization_id", "slug"],
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.create_table(
        "token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("permissions", Json, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_token_organization_id_organization")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_token_user_id_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
    )
    with op.batch_alter_table("token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_token_user_id"), ["user_id"], unique=False)

    op.create_table(
        "agent_tag",
        sa.Column("agent_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "agent_id"],
            ["agent.organization_id", "agent.id"],
            name=op.f("fk_agent_tag_organization_id_agent_id_agent"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_agent_tag_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("agent_id", "tag", name=op.f("pk_agent_tag")),
    )
    with op.batch_alter_table("agent_tag", schema=None) as batch_op:
        batch_op.create_index("ix_agent_tag", ["organization_id", "tag", "agent_id"], unique=False)

    op.create_table(
        "batch_count",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("batch_id", BigKey, nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("delta", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["batch.id"], name=op.f("fk_batch_count_batch_id_batch"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_batch_count_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch_count")),
    )
    with op.batch_alter_table("batch_count", schema=None) as batch_op:
        batch_op.create_index("ix_batch_count_sum", ["batch_id", "status", "delta"], unique=False)

    op.create_table(
        "build",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("test_id", sa.BigInteger(), nullable=False),
        sa.Column("platform", sa.String(length=16), nullable=False),
        sa.Column("arch", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("stored_as", sa.String(length=36), nullable=False),
        sa.Column("min_agent", sa.String(length=32), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_why", sa.String(length=300), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "test_id"],
            ["test.organization_id", "test.id"],
            name=op.f("fk_build_organization_id_test_id_test"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_build_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_build")),
        sa.UniqueConstraint(
            "test_id", "platform", "arch", "version", name=op.f("uq_build_test_id_platform_arch_version")
        ),
        sa.UniqueConstraint("uuid", name=op.f("uq_build_uuid")),
    )
    with op.batch_alter_table("build", schema=None) as batch_op:
        batch_op.create_index("ix_build_test", ["test_id", "version"], unique=False)

    op.create_table(
        "calendar_day",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("calendar_id", sa.Integer(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=120), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "calendar_id"],
            ["calendar.organization_id", "calendar.id"],
            name=op.f("fk_calendar_day_organization_id_calendar_id_calendar"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_calendar_day_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_day")),
        sa.UniqueConstraint("calendar_id", "date", name=op.f("uq_calendar_day_calendar_id_date")),
    )
    op.create_table(
        "heartbeat",
        sa.Column("agent_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("load", sa.Double(), nullable=True),
        sa.Column("free_disk", sa.BigInteger(), nullable=True),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.Column("spooled", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agent.id"], name=op.f("fk_heartbeat_agent_id_agent"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_heartbeat_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("agent_id", "at", name=op.f("pk_heartbeat")),
    )
    op.create_table(
        "membership",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("role_id", sa.Integer(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "role_id"],
            ["role.organization_id", "role.id"],
            name=op.f("fk_membership_organization_id_role_id_role"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_membership_organization_id_organization")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_membership_user_id_user"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
        sa.UniqueConstraint("user_id", "organization_id", name=op.f("uq_membership_user_id_organization_id")),
    )
    op.create_table(
        "operation_bite",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("operation_id", sa.BigInteger(), nullable=False),
        sa.Column("tasks", Json, nullable=False),
        sa.Column("refused", Json, nullable=False),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "operation_id"],
            ["operation.organization_id", "operation.id"],
            name=op.f("fk_operation_bite_organization_id_operation_id_operation"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_operation_bite_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operation_bite")),
    )
    with op.batch_alter_table("operation_bite", schema=None) as batch_op:
        batch_op.create_index("ix_operation_bite", ["operation_id", "id"], unique=False)
        batch_op.create_index(
            "ix_operation_bite_left",
            ["id"],
            unique=False,
            sqlite_where=sa.text("done_at IS NULL"),
            postgresql_where=sa.text("done_at IS NULL"),
        )

    op.create_table(
        "schedule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("spec", Json, nullable=True),
        sa.Column("definition_id", sa.Integer(), nullable=True),
        sa.Column("group_id", sa.Integer(), nullable=True),
        sa.Column("type", sa.String(length=24), nullable=False),
        sa.Column("what", sa.String(length=200), nullable=False),
        sa.Column("scope", sa.String(length=200), nullable=False),
        sa.Column("plugin_id", sa.String(length=64), nullable=True),
        sa.Column("object_set_id", sa.Integer(), nullable=True),
        sa.Column("rule", Json, nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("calendar_id", sa.Integer(), nullable=True),
        sa.Column("calendar_version", sa.Integer(), nullable=True),
        sa.Column("misfire", sa.String(length=8), nullable=False),
        sa.Column("overlap", sa.String(length=8), nullable=False),
        sa.Column("starts_at", UtcDateTime(), nullable=True),
        sa.Column("ends_at", UtcDateTime(), nullable=True),
        sa.Column("seed", sa.String(length=32), nullable=False),
        sa.Column("text", sa.String(length=500), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("paused_at", UtcDateTime(), nullable=True),
        sa.Column("paused_by", sa.String(length=120), nullable=False),
        sa.Column("resume_at", UtcDateTime(), nullable=True),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("next_run_at", UtcDateTime(), nullable=True),
        sa.Column("last_slot_at", UtcDateTime(), nullable=False),
        sa.Column("last_run_at", UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("updated_by", sa.String(length=120), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "calendar_id"],
            ["calendar.organization_id", "calendar.id"],
            name=op.f("fk_schedule_organization_id_calendar_id_calendar"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "object_set_id"],
            ["object_set.organization_id", "object_set.id"],
            name=op.f("fk_schedule_organization_id_object_set_id_object_set"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_schedule_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_schedule_organization_id_id")),
    )
    with op.batch_alter_table("schedule", schema=None) as batch_op:
        batch_op.create_index(
            "ix_schedule_calendar",
            ["calendar_id"],
            unique=False,
            sqlite_where=sa.text("calendar_id IS NOT NULL"),
            postgresql_where=sa.text("calendar_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_schedule_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.create_index("ix_schedule_list", ["organization_id", "deleted_at", "name", "id"], unique=False)
        batch_op.create_index("ix_schedule_next", ["organization_id", "next_run_at"], unique=False)
        batch_op.create_index(
            "ix_schedule_object_set",
            ["object_set_id"],
            unique=False,
            sqlite_where=sa.text("object_set_id IS NOT NULL"),
            postgresql_where=sa.text("object_set_id IS NOT NULL"),
        )
        batch_op.create_index("ix_schedule_owner", ["organization_id", "deleted_at", "created_by"], unique=False)
        batch_op.create_index(
            "ix_schedule_plugin",
            ["plugin_id"],
            unique=False,
            sqlite_where=sa.text("plugin_id IS NOT NULL"),
            postgresql_where=sa.text("plugin_id IS NOT NULL"),
        )
        batch_op.create_index("ix_schedule_status", ["organization_id", "deleted_at", "status"], unique=False)

    op.create_table(
        "task",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=24), nullable=False),
        sa.Column("what", sa.String(length=200), nullable=False),
        sa.Column("input", sa.String(length=300), nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.Column("options", Json, nullable=False),
        sa.Column("plugin_id", sa.String(length=64), nullable=True),
        sa.Column("test_id", sa.Integer(), nullable=True),
        sa.Column("tags", Json, nullable=False),
        sa.Column("crowd", sa.Boolean(), nullable=False),
        sa.Column("executor", sa.String(length=8), nullable=False),
        sa.Column("owner", sa.String(length=8), nullable=False),
        sa.Column("target", Json, nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=True),
        sa.Column("agent_name", sa.String(length=255), nullable=False),
        sa.Column("trigger", sa.String(length=16), nullable=False),
        sa.Column("created_by_id", sa.Integer(), nullable=True),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("definition_id", sa.Integer(), nullable=True),
        sa.Column("group_run_id", sa.Integer(), nullable=True),
        sa.Column("schedule_id", sa.Integer(), nullable=True),
        sa.Column("slot_id", sa.BigInteger(), nullable=True),
        sa.Column("original_task_id", BigKey, nullable=True),
        sa.Column("rescheduled_from_id", BigKey, nullable=True),
        sa.Column("retry_number", sa.Integer(), nullable=False),
        sa.Column("max_retries", sa.Integer(), nullable=False),
        sa.Column("latest", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("moves", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), sa.Computed("10 - priority", persisted=True), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=True),
        sa.Column("queued_at", UtcDateTime(), nullable=True),
        sa.Column("assigned_at", UtcDateTime(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("reported_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("deadline", UtcDateTime(), nullable=True),
        sa.Column("execution_timeout", sa.Integer(), nullable=False),
        sa.Column("pending_parents", sa.Integer(), nullable=False),
        sa.Column("limit_name", sa.String(length=64), nullable=True),
        sa.Column("lease_seq", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("claimed_by", sa.String(length=120), nullable=True),
        sa.Column("claim_id", sa.String(length=64), nullable=True),
        sa.Column("delivery_count", sa.Integer(), nullable=False),
        sa.Column("rung_at", UtcDateTime(), nullable=True),
        sa.Column("unreachable_at", UtcDateTime(), nullable=True),
        sa.Column("cancel_requested_at", UtcDateTime(), nullable=True),
        sa.Column("cancel_requested_by", sa.String(length=120), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("signal", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(length=12), nullable=True),
        sa.Column("reason", sa.String(length=24), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("traceback", sa.Text(), nullable=True),
        sa.Column("result", Json, nullable=True),
        sa.Column("report_sha256", sa.String(length=64), nullable=True),
        sa.Column("outcome_known", sa.Boolean(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("progress", sa.Integer(), nullable=True),
        sa.Column("progress_text", sa.String(length=200), nullable=True),
        sa.Column("stdout_size", sa.BigInteger(), nullable=False),
        sa.Column("stderr_size", sa.BigInteger(), nullable=False),
        sa.Column("dropped_bytes", sa.BigInteger(), nullable=False),
        sa.Column("note_count", sa.Integer(), nullable=False),
        sa.Column("file_count", sa.Integer(), nullable=False),
        sa.Column("object_count", sa.Integer(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "agent_id"],
            ["agent.organization_id", "agent.id"],
            name=op.f("fk_task_organization_id_agent_id_agent"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id", "batch_id"],
            ["batch.organization_id", "batch.id"],
            name=op.f("fk_task_organization_id_batch_id_batch"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_task_organization_id_organization")
        ),
        sa.ForeignKeyConstraint(["original_task_id"], ["task.id"], name=op.f("fk_task_original_task_id_task")),
        sa.ForeignKeyConstraint(["rescheduled_from_id"], ["task.id"], name=op.f("fk_task_rescheduled_from_id_task")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_task_organization_id_id")),
        sa.UniqueConstraint("original_task_id", "retry_number", name="uq_task_chain"),
        sa.UniqueConstraint("uuid", name=op.f("uq_task_uuid")),
    )
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.create_index("ix_task_batch", ["batch_id", "deleted_at", "latest", "status"], unique=False)
        batch_op.create_index("ix_task_by_agent", ["agent_id", "batch_id"], unique=False)
        batch_op.create_index("ix_task_by_creator", ["organization_id", "created_by", "batch_id"], unique=False)
        batch_op.create_index(
            "ix_task_by_definition",
            ["definition_id", "batch_id"],
            unique=False,
            sqlite_where=sa.text("definition_id IS NOT NULL"),
            postgresql_where=sa.text("definition_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_task_by_group_run",
            ["group_run_id", "batch_id"],
            unique=False,
            sqlite_where=sa.text("group_run_id IS NOT NULL"),
            postgresql_where=sa.text("group_run_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_task_by_limit",
            ["limit_name", "batch_id"],
            unique=False,
            sqlite_where=sa.text("limit_name IS NOT NULL"),
            postgresql_where=sa.text("limit_name IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_task_by_outcome",
            ["organization_id", "outcome", "batch_id"],
            unique=False,
            sqlite_where=sa.text("outcome IS NOT NULL"),
            postgresql_where=sa.text("outcome IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_task_by_owner",
            ["organization_id", "owner", "batch_id"],
            unique=False,
            sqlite_where=sa.text("owner <> ''"),
            postgresql_where=sa.text("owner <> ''"),
        )
        batch_op.create_index("ix_task_by_plugin", ["plugin_id", "batch_id"], unique=False)
        batch_op.create_index(
            "ix_task_by_reason",
            ["organization_id", "reason", "batch_id"],
            unique=False,
            sqlite_where=sa.text("reason IS NOT NULL"),
            postgresql_where=sa.text("reason IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_task_by_schedule",
            ["schedule_id", "batch_id"],
            unique=False,
            sqlite_where=sa.text("schedule_id IS NOT NULL"),
            postgresql_where=sa.text("schedule_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_task_by_status",
            ["organization_id", "status", "batch_id", "type", "plugin_id", "agent_id"],
            unique=False,
        )
        batch_op.create_index("ix_task_by_trigger", ["organization_id", "trigger", "batch_id"], unique=False)
        batch_op.create_index("ix_task_by_type", ["organization_id", "type", "batch_id"], unique=False)
        batch_op.create_index(
            "ix_task_claim",
            ["executor", "agent_id", "rank", "queued_at", "id"],
            unique=False,
            sqlite_where=sa.text("status = 'pending'"),
            postgresql_where=sa.text("status = 'pending'"),
        )
        batch_op.create_index(
            "ix_task_claim_id",
            ["claim_id"],
            unique=False,
            sqlite_where=sa.text("claim_id IS NOT NULL"),
            postgresql_where=sa.text("claim_id IS NOT NULL"),
        )
        batch_op.create_index("ix_task_created", ["organization_id", "created_at"], unique=False)
        batch_op.create_index(
            "ix_task_deleted",
            ["organization_id", "deleted_at", "batch_id"],
            unique=False,
            sqlite_where=sa.text("deleted_at IS NOT NULL"),
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_task_due",
            ["not_before"],
            unique=False,
            sqlite_where=sa.text("status = 'scheduled'"),
            postgresql_where=sa.text("status = 'scheduled'"),
        )
        batch_op.create_index(
            "ix_task_input",
            ["plugin_id", "input"],
            unique=False,
            sqlite_where=sa.text("plugin_id IS NOT NULL"),
            postgresql_where=sa.text("plugin_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_task_leased",
            ["lease_until"],
            unique=False,
            sqlite_where=sa.text("status IN ('assigned', 'downloading', 'executing', 'reporting')"),
            postgresql_where=sa.text("status IN ('assigned', 'downloading', 'executing', 'reporting')"),
        )
        batch_op.create_index("ix_task_newest", ["organization_id", "batch_id"], unique=False)
        batch_op.create_index(
            "ix_task_open_of_schedule",
            ["schedule_id", "status"],
            unique=False,
            sqlite_where=sa.text("schedule_id IS NOT NULL"),
            postgresql_where=sa.text("schedule_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_task_rescheduled",
            ["rescheduled_from_id", "batch_id"],
            unique=False,
            sqlite_where=sa.text("rescheduled_from_id IS NOT NULL"),
            postgresql_where=sa.text("rescheduled_from_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_task_waiting",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("status IN ('blocked', 'scheduled', 'pending')"),
            postgresql_where=sa.text("status IN ('blocked', 'scheduled', 'pending')"),
        )
        batch_op.create_index(
            "ix_task_with_notes",
            ["organization_id", "batch_id"],
            unique=False,
            sqlite_where=sa.text("note_count > 0"),
            postgresql_where=sa.text("note_count > 0"),
        )
        batch_op.create_index(
            "ix_task_with_tags",
            ["organization_id", "batch_id"],
            unique=False,
            sqlite_where=sa.text("tags <> '[]'"),
            postgresql_where=sa.text("tags <> '[]'"),
        )

    op.create_table(
        "file",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("task_id", BigKey, nullable=True),
        sa.Column("plugin_id", sa.String(length=64), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_file_organization_id_organization")
        ),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_file_task_id_task"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file")),
        sa.UniqueConstraint("organization_id", "id", name=op.f("uq_file_organization_id_id")),
        sa.UniqueConstraint("task_id", "name", name=op.f("uq_file_task_id_name")),
        sa.UniqueConstraint("uuid", name=op.f("uq_file_uuid")),
    )
    with op.batch_alter_table("file", schema=None) as batch_op:
        batch_op.create_index("ix_file_newest", ["organization_id", "id"], unique=False)
        batch_op.create_index("ix_file_task", ["task_id", "id"], unique=False)

    op.create_table(
        "late_result",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("task_id", BigKey, nullable=False),
        sa.Column("lease_seq", sa.Integer(), nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("body_sha256", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("resolved", sa.Boolean(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_late_result_organization_id_organization")
        ),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_late_result_task_id_task"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_late_result")),
        sa.UniqueConstraint(
            "task_id", "lease_seq", "body_sha256", name=op.f("uq_late_result_task_id_lease_seq_body_sha256")
        ),
    )
    op.create_table(
        "note",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column("author", sa.String(length=120), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("edited_at", UtcDateTime(), nullable=True),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "task_id"],
            ["task.organization_id", "task.id"],
            name=op.f("fk_note_organization_id_task_id_task"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_note_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
    )
    with op.batch_alter_table("note", schema=None) as batch_op:
        batch_op.create_index("ix_note_task", ["task_id", "id"], unique=False)

    op.create_table(
        "object_task",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("task_id", BigKey, nullable=False),
        sa.Column("object_id", sa.BigInteger(), nullable=False),
        sa.Column("plugin_id", sa.String(length=64), nullable=True),
        sa.Column("input_key", sa.String(length=500), nullable=False),
        sa.Column("created", sa.Boolean(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "object_id"],
            ["object.organization_id", "object.id"],
            name=op.f("fk_object_task_organization_id_object_id_object"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_object_task_organization_id_organization")
        ),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_object_task_task_id_task"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_object_task")),
        sa.UniqueConstraint("task_id", "object_id", name=op.f("uq_object_task_task_id_object_id")),
    )
    with op.batch_alter_table("object_task", schema=None) as batch_op:
        batch_op.create_index("ix_object_task_object", ["object_id", "id"], unique=False)

    op.create_table(
        "schedule_slot",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("schedule_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("agent", sa.String(length=36), nullable=False),
        sa.Column("ended", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=True),
        sa.Column("text", sa.String(length=500), nullable=False),
        sa.Column("note", sa.String(length=8), nullable=True),
        sa.Column("moved_from", sa.Date(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.Column("waiting", Json, nullable=True),
        sa.Column("look_at", UtcDateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("calendar_version", sa.Integer(), nullable=True),
        sa.Column("settled_at", UtcDateTime(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "schedule_id"],
            ["schedule.organization_id", "schedule.id"],
            name=op.f("fk_schedule_slot_organization_id_schedule_id_schedule"),
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_schedule_slot_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule_slot")),
        sa.UniqueConstraint("schedule_id", "at", "agent", name=op.f("uq_schedule_slot_schedule_id_at_agent")),
    )
    with op.batch_alter_table("schedule_slot", schema=None) as batch_op:
        batch_op.create_index(
            "ix_schedule_slot_look",
            ["look_at"],
            unique=False,
            sqlite_where=sa.text("look_at IS NOT NULL"),
            postgresql_where=sa.text("look_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_schedule_slot_missed",
            ["organization_id", "at"],
            unique=False,
            sqlite_where=sa.text("ended = 'missed'"),
            postgresql_where=sa.text("ended = 'missed'"),
        )

    op.create_table(
        "task_edge",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("parent_id", BigKey, nullable=False),
        sa.Column("child_id", BigKey, nullable=False),
        sa.Column("condition", sa.String(length=12), nullable=False),
        sa.Column("consumed_at", UtcDateTime(), nullable=True),
        sa.Column("met", sa.Boolean(), nullable=True),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["child_id"], ["task.id"], name=op.f("fk_task_edge_child_id_task"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_task_edge_organization_id_organization")
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["task.id"], name=op.f("fk_task_edge_parent_id_task"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_edge")),
        sa.UniqueConstraint("parent_id", "child_id", name=op.f("uq_task_edge_parent_id_child_id")),
    )
    with op.batch_alter_table("task_edge", schema=None) as batch_op:
        batch_op.create_index("ix_task_edge_child", ["child_id"], unique=False)

    op.create_table(
        "note_mention",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("note_id", BigKey, nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["note_id"], ["note.id"], name=op.f("fk_note_mention_note_id_note"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_note_mention_organization_id_organization")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user.id"], name=op.f("fk_note_mention_user_id_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note_mention")),
        sa.UniqueConstraint("note_id", "user_id", name=op.f("uq_note_mention_note_id_user_id")),
    )
    with op.batch_alter_table("note_mention", schema=None) as batch_op:
        batch_op.create_index("ix_note_mention_user", ["user_id", "task_id"], unique=False)

    op.create_table(
        "note_revision",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("note_id", BigKey, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=120), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("organization_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["note_id"], ["note.id"], name=op.f("fk_note_revision_note_id_note"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_note_revision_organization_id_organization")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note_revision")),
    )
    with op.batch_alter_table("note_revision", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_note_revision_note_id"), ["note_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("note_revision", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_note_revision_note_id"))

    op.drop_table("note_revision")
    with op.batch_alter_table("note_mention", schema=None) as batch_op:
        batch_op.drop_index("ix_note_mention_user")

    op.drop_table("note_mention")
    with op.batch_alter_table("task_edge", schema=None) as batch_op:
        batch_op.drop_index("ix_task_edge_child")

    op.drop_table("task_edge")
    with op.batch_alter_table("schedule_slot", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_schedule_slot_missed",
            sqlite_where=sa.text("ended = 'missed'"),
            postgresql_where=sa.text("ended = 'missed'"),
        )
        batch_op.drop_index(
            "ix_schedule_slot_look",
            sqlite_where=sa.text("look_at IS NOT NULL"),
            postgresql_where=sa.text("look_at IS NOT NULL"),
        )

    op.drop_table("schedule_slot")
    with op.batch_alter_table("object_task", schema=None) as batch_op:
        batch_op.drop_index("ix_object_task_object")

    op.drop_table("object_task")
    with op.batch_alter_table("note", schema=None) as batch_op:
        batch_op.drop_index("ix_note_task")

    op.drop_table("note")
    op.drop_table("late_result")
    with op.batch_alter_table("file", schema=None) as batch_op:
        batch_op.drop_index("ix_file_task")
        batch_op.drop_index("ix_file_newest")

    op.drop_table("file")
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_task_with_tags", sqlite_where=sa.text("tags <> '[]'"), postgresql_where=sa.text("tags <> '[]'")
        )
        batch_op.drop_index(
            "ix_task_with_notes", sqlite_where=sa.text("note_count > 0"), postgresql_where=sa.text("note_count > 0")
        )
        batch_op.drop_index(
            "ix_task_waiting",
            sqlite_where=sa.text("status IN ('blocked', 'scheduled', 'pending')"),
            postgresql_where=sa.text("status IN ('blocked', 'scheduled', 'pending')"),
        )
        batch_op.drop_index(
            "ix_task_rescheduled",
            sqlite_where=sa.text("rescheduled_from_id IS NOT NULL"),
            postgresql_where=sa.text("rescheduled_from_id IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_task_open_of_schedule",
            sqlite_where=sa.text("schedule_id IS NOT NULL"),
            postgresql_where=sa.text("schedule_id IS NOT NULL"),
        )
        batch_op.drop_index("ix_task_newest")
        batch_op.drop_index(
            "ix_task_leased",
            sqlite_where=sa.text("status IN ('assigned', 'downloading', 'executing', 'reporting')"),
            postgresql_where=sa.text("status IN ('assigned', 'downloading', 'executing', 'reporting')"),
        )
        batch_op.drop_index(
            "ix_task_input",
            sqlite_where=sa.text("plugin_id IS NOT NULL"),
            postgresql_where=sa.text("plugin_id IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_task_due",
            sqlite_where=sa.text("status = 'scheduled'"),
            postgresql_where=sa.text("status = 'scheduled'"),
        )
        batch_op.drop_index(
            "ix_task_deleted",
            sqlite_where=sa.text("deleted_at IS NOT NULL"),
            postgresql_where=sa.text("deleted_at IS NOT NULL"),
        )
        batch_op.drop_index("ix_task_created")
        batch_op.drop_index(
            "ix_task_claim_id",
            sqlite_where=sa.text("claim_id IS NOT NULL"),
            postgresql_where=sa.text("claim_id IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_task_claim", sqlite_where=sa.text("status = 'pending'"), postgresql_where=sa.text("status = 'pending'")
        )
        batch_op.drop_index("ix_task_by_type")
        batch_op.drop_index("ix_task_by_trigger")
        batch_op.drop_index("ix_task_by_status")
        batch_op.drop_index(
            "ix_task_by_schedule",
            sqlite_where=sa.text("schedule_id IS NOT NULL"),
            postgresql_where=sa.text("schedule_id IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_task_by_reason",
            sqlite_where=sa.text("reason IS NOT NULL"),
            postgresql_where=sa.text("reason IS NOT NULL"),
        )
        batch_op.drop_index("ix_task_by_plugin")
        batch_op.drop_index(
            "ix_task_by_owner", sqlite_where=sa.text("owner <> ''"), postgresql_where=sa.text("owner <> ''")
        )
        batch_op.drop_index(
            "ix_task_by_outcome",
            sqlite_where=sa.text("outcome IS NOT NULL"),
            postgresql_where=sa.text("outcome IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_task_by_limit",
            sqlite_where=sa.text("limit_name IS NOT NULL"),
            postgresql_where=sa.text("limit_name IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_task_by_group_run",
            sqlite_where=sa.text("group_run_id IS NOT NULL"),
            postgresql_where=sa.text("group_run_id IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_task_by_definition",
            sqlite_where=sa.text("definition_id IS NOT NULL"),
            postgresql_where=sa.text("definition_id IS NOT NULL"),
        )
        batch_op.drop_index("ix_task_by_creator")
        batch_op.drop_index("ix_task_by_agent")
        batch_op.drop_index("ix_task_batch")

    op.drop_table("task")
    with op.batch_alter_table("schedule", schema=None) as batch_op:
        batch_op.drop_index("ix_schedule_status")
        batch_op.drop_index(
            "ix_schedule_plugin",
            sqlite_where=sa.text("plugin_id IS NOT NULL"),
            postgresql_where=sa.text("plugin_id IS NOT NULL"),
        )
        batch_op.drop_index("ix_schedule_owner")
        batch_op.drop_index(
            "ix_schedule_object_set",
            sqlite_where=sa.text("object_set_id IS NOT NULL"),
            postgresql_where=sa.text("object_set_id IS NOT NULL"),
        )
        batch_op.drop_index("ix_schedule_next")
        batch_op.drop_index("ix_schedule_list")
        batch_op.drop_index(
            "ix_schedule_due",
            sqlite_where=sa.text("due_at IS NOT NULL"),
            postgresql_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_schedule_calendar",
            sqlite_where=sa.text("calendar_id IS NOT NULL"),
            postgresql_where=sa.text("calendar_id IS NOT NULL"),
        )

    op.drop_table("schedule")
    with op.batch_alter_table("operation_bite", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_operation_bite_left",
            sqlite_where=sa.text("done_at IS NULL"),
            postgresql_where=sa.text("done_at IS NULL"),
        )
        batch_op.drop_index("ix_operation_bite")

    op.drop_table("operation_bite")
    op.drop_table("membership")
    op.drop_table("heartbeat")
    op.drop_table("calendar_day")
    with op.batch_alter_table("build", schema=None) as batch_op:
        batch_op.drop_index("ix_build_test")

    op.drop_table("build")
    with op.batch_alter_table("batch_count", schema=None) as batch_op:
        batch_op.drop_index("ix_batch_count_sum")

    op.drop_table("batch_count")
    with op.batch_alter_table("agent_tag", schema=None) as batch_op:
        batch_op.drop_index("ix_agent_tag")

    op.drop_table("agent_tag")
    with op.batch_alter_table("token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_token_user_id"))

    op.drop_table("token")
    with op.batch_alter_table("test", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_test_slug", sqlite_where=sa.text("deleted_at IS NULL"), postgresql_where=sa.text("deleted_at IS NULL")
        )

    op.drop_table("test")
    op.drop_table("task_limit")
    with op.batch_alter_table("task_ended", schema=None) as batch_op:
        batch_op.drop_index("ix_task_ended_sum")

    op.drop_table("task_ended")
    with op.batch_alter_table("task_count", schema=None) as batch_op:
        batch_op.drop_index("ix_task_count_sum")

    op.drop_table("task_count")
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_session_user_id"))
        batch_op.drop_index(batch_op.f("ix_session_seen_at"))

    op.drop_table("session")
    op.drop_table("saved_view")
    op.drop_table("role")
    op.drop_table("plugin_setting")
    op.drop_table("operation")
    with op.batch_alter_table("object_set", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_object_set_name",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.drop_table("object_set")
    op.drop_table("object")
    with op.batch_alter_table("news", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_news_unread", sqlite_where=sa.text("read_at IS NULL"), postgresql_where=sa.text("read_at IS NULL")
        )
        batch_op.drop_index("ix_news_old")
        batch_op.drop_index("ix_news_newest")

    op.drop_table("news")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_event_seq", sqlite_where=sa.text("seq IS NOT NULL"), postgresql_where=sa.text("seq IS NOT NULL")
        )
        batch_op.drop_index(
            "ix_event_unhandled",
            sqlite_where=sa.text("handled_at IS NULL"),
            postgresql_where=sa.text("handled_at IS NULL"),
        )
        batch_op.drop_index("ix_event_subject")
        batch_op.drop_index("ix_event_organization")

    op.drop_table("event")
    op.drop_table("enrolment_token")
    with op.batch_alter_table("calendar", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_calendar_name",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_calendar_changed",
            sqlite_where=sa.text("changed_at IS NOT NULL"),
            postgresql_where=sa.text("changed_at IS NOT NULL"),
        )

    op.drop_table("calendar")
    with op.batch_alter_table("batch", schema=None) as batch_op:
        batch_op.drop_index("ix_batch_created")
        batch_op.drop_index("ix_batch_by_trigger")

    op.drop_table("batch")
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_audit_unchained", sqlite_where=sa.text("hash IS NULL"), postgresql_where=sa.text("hash IS NULL")
        )
        batch_op.drop_index("ix_audit_newest")

    op.drop_table("audit")
    with op.batch_alter_table("agent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_agent_last_seen_at"))
        batch_op.drop_index("ix_agent_install")
        batch_op.drop_index("ix_agent_hostname")

    op.drop_table("agent")
    op.drop_table("user")
    with op.batch_alter_table("rest_answer", schema=None) as batch_op:
        batch_op.drop_index("ix_rest_answer_age")

    op.drop_table("rest_answer")
    with op.batch_alter_table("process", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_process_kind"))

    op.drop_table("process")
    with op.batch_alter_table("package", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_package_sha256"))

    op.drop_table("package")
    op.drop_table("organization")
    with op.batch_alter_table("audit_seal", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_seal_organization_id"))

    op.drop_table("audit_seal")
