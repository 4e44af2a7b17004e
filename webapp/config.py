"""Every setting, one line each: attribute, type, environment name, default, what it is for.

`load()` reads them and touches nothing else. Names without the MUSTER_ prefix (DATABASE_URL, PORT …)
are conventions that hosting platforms set; with the prefix they work too and then win. A secret may
also stand in a file that `<NAME>_FILE` names.
"""

import base64
import hashlib
import os
import re
import secrets
import tempfile
import typing
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

VERSION = "0.1.0"
CORES = os.cpu_count() or 1
LOOPBACK = ("127.0.0.1", "localhost", "::1")
DEFAULT = "default"


class ConfigError(ValueError):
    """A setting that cannot be used; the message is one line for the person who set it."""


def setting(env: str, default: Any, help: str, *, secret: bool = False, low: int = 1, high: int | None = None) -> Any:
    """`default` is a value, or a function of the settings read before it."""
    meta = {"env": env, "default": default, "help": help, "secret": secret, "low": low, "high": high}
    return field(metadata=meta, repr=not secret)


class Size(int):
    """A number of bytes; reads 512, 64K, 20M, 2G."""

    UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}

    @classmethod
    def read(cls, text: str) -> Self:
        unit = cls.UNITS.get(text[-1:].upper(), 1)
        return cls(int(text[:-1] if unit > 1 else text) * unit)


# fmt: off
@dataclass(frozen=True, kw_only=True)
class Settings:
    data: Path = setting("MUSTER_DATA", "./var", "Folder for everything that the embedded mode writes: database, broker, artifacts, keys, agent.")
    database_url: str = setting("DATABASE_URL", lambda s: f"sqlite:///{s['data'] / 'muster.db'}", "Database; postgresql://… for fleets.", secret=True)
    redis_url: str = setting("REDIS_URL", lambda s: f"unix://{broker_socket(s['data'])}", "Broker; the default is the embedded one.", secret=True)
    host: str = setting("MUSTER_HOST", "127.0.0.1", "Address to listen on.")
    port: int = setting("PORT", 8080, "Port of the pages and the API.", high=65535)
    wake_port: int = setting("MUSTER_WAKE_PORT", lambda s: s["port"] % 65535 + 1, "Port of the wake channel, which tells agents at once that there is work.", high=65535)
    url: str = setting("MUSTER_URL", lambda s: web_url(s["host"], s["port"]), "Address at which browsers, agents and the command line reach the server.")
    wake_url: str = setting("MUSTER_WAKE_URL", lambda s: wake_url(s["url"], s["wake_port"]), "Address at which agents reach the wake channel; empty: they only ask every few seconds.")
    token: str = setting("MUSTER_TOKEN", "", "API token of the command line as a client.", secret=True)
    trusted_hosts: tuple[str, ...] = setting("MUSTER_TRUSTED_HOSTS", (), "Host names to answer to, with commas; empty answers to any.")
    proxies: int = setting("MUSTER_PROXIES", 0, "Number of reverse proxies in front whose X-Forwarded headers are believed.", low=0)
    admin_password: str = setting("MUSTER_ADMIN_PASSWORD", "", "First admin's password; read only when the database is new. Empty makes a random one, printed once.", secret=True)
    demo: bool = setting("MUSTER_DEMO", False, "Fill a new database with the demo workspace.")
    workers: int = setting("MUSTER_WORKERS", max(1, CORES // 4), "Worker processes.", low=0)
    worker_slots: int = setting("MUSTER_WORKER_SLOTS", max(4, CORES * 2), "Tasks that one worker process runs at a time.")
    web_workers: int = setting("MUSTER_WEB_WORKERS", max(1, CORES // 2), "Web processes.")
    web_threads: int = setting("MUSTER_WEB_THREADS", 8, "Threads of one web process.")
    server: Literal["granian", "gunicorn"] = setting("MUSTER_SERVER", "granian", "Web server; gunicorn comes with the extra of that name.")
    embedded_agent: Literal["auto", "yes", "no"] = setting("MUSTER_EMBEDDED_AGENT", "auto", "Run an agent beside the server; auto does so only on a loopback address, since it runs commands as the local user.")
    secret_key_given: str = setting("SECRET_KEY", "", "Signs session cookies and links; empty uses a key file in MUSTER_DATA.", secret=True)
    secrets_key_file: Path = setting("MUSTER_SECRETS_KEY_FILE", lambda s: s["data"] / "keys" / "secrets.key", "Key that encrypts stored credentials; made on first start.")
    signing_key_file: Path = setting("MUSTER_SIGNING_KEY_FILE", lambda s: s["data"] / "keys" / "signing.key", "Ed25519 key that signs tests for agents; made on first start.")
    plugins_folder: Path = setting("MUSTER_PLUGINS_FOLDER", lambda s: s["data"] / "plugins", "Folder with your own plugins.")
    keep_tasks: int = setting("MUSTER_KEEP_TASKS", 90, "Days for which a task stays after its end, with its output and files; 0 keeps all.", low=0)
    max_upload: Size = setting("MUSTER_MAX_UPLOAD", Size.read("100M"), "Largest request body; takes K, M, G.")
    sqlite_synchronous: Literal["FULL", "NORMAL"] = setting("MUSTER_SQLITE_SYNCHRONOUS", "FULL", "NORMAL is faster and may lose the last second of accepted work when the power fails.")
    pseudo: bool = setting("MUSTER_PSEUDO", False, "Offer the pages in the pseudo-language en-XA, which shows what a translation would miss.")
    log_format: Literal["text", "json"] = setting("MUSTER_LOG_FORMAT", "text", "json writes one object a line.")
    log_level: Literal["debug", "info", "warning", "error"] = setting("MUSTER_LOG_LEVEL", "info", "Least serious message that is written.")
    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
# fmt: on

    @property
    def secret_key(self) -> str:
        return self.secret_key_given or read_key(self.data / "keys" / "secret.key").hex()

    @property
    def loopback(self) -> bool:
        return self.host in LOOPBACK

    @property
    def sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def embedded_broker(self) -> bool:
        return self.origin("redis_url") == DEFAULT

    @property
    def runs_agent(self) -> bool:
        return self.embedded_agent == "yes" or (self.embedded_agent == "auto" and self.loopback)

    def origin(self, name: str) -> str:
        """Where a value came from: `default`, or the environment name that held it."""
        return self.origins.get(name, DEFAULT)


def load(env: Mapping[str, str] = os.environ) -> Settings:
    kinds = typing.get_type_hints(Settings)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for each in settings_fields():
        origin, text = _given(env, each.metadata)
        if text is None:
            values[each.name] = _default(each.metadata["default"], kinds[each.name], values)
            continue
        origins[each.name] = origin
        try:
            values[each.name] = _parse(text, kinds[each.name], each.metadata)
        except ValueError as e:
            shown = "the value" if each.metadata["secret"] else repr(text)
            raise ConfigError(f"{origin}: {shown} {e}") from None
    return Settings(**values, origins=origins)


def settings_fields() -> list[Field[Any]]:
    return [each for each in fields(Settings) if each.metadata]


def shown(settings: Settings, name: str) -> str:
    """A value as `muster config` and logs may print it."""
    value = getattr(settings, name)
    if name in ("database_url", "redis_url"):
        return re.sub(r"(//[^:@/]*):[^@/]*@", r"\1:•••@", value)
    if next(each for each in settings_fields() if each.name == name).metadata["secret"]:
        return "•••" if value else ""
    return ",".join(value) if isinstance(value, tuple) else str(value)


def read_key(path: Path) -> bytes:
    """32 random bytes kept in a file of mode 0600, made by whoever asks first."""
    if not path.exists():
        _make_key(path)
    key = base64.b64decode(path.read_bytes())
    if len(key) != 32:
        raise ConfigError(f"{path}: holds no key; 32 bytes in base64 are expected")
    return key


def broker_socket(data: Path) -> Path:
    """A unix socket's path has at most 107 bytes (103 on macOS), so a deep data folder gets a short one elsewhere."""
    near = data / "broker" / "v.sock"
    if len(os.fsencode(near)) <= 103:
        return near
    mark = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return Path("/tmp") / f"muster-{os.getuid()}-{mark}" / "v.sock"


def web_url(host: str, port: int) -> str:
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


def wake_url(url: str, port: int) -> str:
    """Beside the pages, on its own port. Behind a proxy with TLS only its owner knows the address."""
    parts = urlsplit(url)
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"http://{name}:{port}/wake" if parts.scheme == "http" else ""


def _given(env: Mapping[str, str], meta: Mapping[str, Any]) -> tuple[str, str | None]:
    """The origin and text of a setting; an empty variable counts as not set, as in compose files."""
    convention = meta["env"]
    names = [convention] if convention.startswith("MUSTER_") else [f"MUSTER_{convention}", convention]
    for name in names:
        if env.get(name):
            return name, env[name]
        if meta["secret"] and env.get(f"{name}_FILE"):
            return f"{name}_FILE", _content(f"{name}_FILE", env[f"{name}_FILE"])
    return DEFAULT, None


def _content(name: str, path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"{name}: cannot read {path}: {getattr(e, 'strerror', None) or 'not text'}") from None


def _default(default: Any, kind: Any, values: dict[str, Any]) -> Any:
    if callable(default):
        return default(values)
    return _path(default) if kind is Path else default


def _parse(text: str, kind: Any, meta: Mapping[str, Any]) -> Any:
    if typing.get_origin(kind) is Literal:
        return _choice(text, typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if kind in (int, Size):
        return _number(text, Size.read if kind is Size else int, meta["low"], meta["high"])
    readers: dict[Any, Callable[[str], Any]] = {bool: _yes, Path: _path, str: str}
    return readers[kind](text)


def _choice(text: str, choices: tuple[str, ...]) -> str:
    for choice in choices:
        if text.lower() == choice.lower():
            return choice
    raise ValueError("is none of " + ", ".join(choices))


def _number(text: str, read: Callable[[str], int], low: int, high: int | None) -> int:
    expected = f"between {low} and {high}" if high else f"of at least {low}"
    try:
        number = read(text)
    except ValueError:
        raise ValueError(f"is not a whole number {expected}") from None
    if number < low or (high and number > high):
        raise ValueError(f"is not a whole number {expected}")
    return number


def _yes(text: str) -> bool:
    return _choice(text, ("1", "yes", "true", "on", "0", "no", "false", "off")) in ("1", "yes", "true", "on")


def _path(text: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(text)))


def _make_key(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent) as new:  # mode 0600 from the start
        new.write(base64.b64encode(secrets.token_bytes(32)) + b"\n")
        new.flush()
        os.fsync(new.fileno())
        try:
            os.link(new.name, path)  # fails when another process was first; its key then counts
        except FileExistsError:
            pass
