"""What a web server answers: status, headers, redirects, and the security headers that it lacks."""

from __future__ import annotations

import http.client
import sys
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from webapp.objects import values
from webapp.plugins import connection
from webapp.plugins.contract import Context, Failed, Manifest, Parameter, overriding

SECURITY_HEADERS = (
    "content-security-policy",
    "permissions-policy",
    "referrer-policy",
    "strict-transport-security",
    "x-content-type-options",
    "x-frame-options",
)
REDIRECTS = (301, 302, 303, 307, 308)
PORTS = {"http": 80, "https": 443}

SETTINGS = (
    connection.TIMEOUT,
    Parameter("user_agent", default="Muster", help="How the plugin introduces itself.", pattern=r"[\x20-\x7e]+"),
)

PLUGIN = Manifest(
    id="http_headers",
    name="HTTP headers",
    description="Status, headers and redirects of a web server, and the security headers that are missing.",
    consumes=("url", "hostname", "ipaddress", "ipport"),
    produces=("url", "http_header", "file:http"),
    runs_on=("worker", "agent"),
    parameters=(
        Parameter(
            "schemes", "choice", "both", help="To try when the input is no URL.", choices=("both", "https", "http")
        ),
        Parameter("redirects", "integer", 5, help="Redirects to follow.", minimum=0, maximum=20, example="5"),
        Parameter("method", "choice", "GET", help="How to ask.", choices=("GET", "HEAD")),
        connection.CONNECT_TO,
        *overriding(SETTINGS),
    ),
    settings=SETTINGS,
)


@dataclass
class Answer:
    url: str
    status: int
    reason: str
    version: str
    headers: dict[str, str] = field(default_factory=dict)
    redirects_to: str = ""

    @property
    def missing(self) -> list[str]:
        absent = [name for name in SECURITY_HEADERS if name not in self.headers]
        if self.url.startswith("http:"):
            absent.remove("strict-transport-security")  # means nothing without TLS (RFC 6797, 7.2)
        if "frame-ancestors" in self.headers.get("content-security-policy", "") and "x-frame-options" in absent:
            absent.remove("x-frame-options")
        return absent


def run(context: Context) -> dict[str, object]:
    walks, failures = [], []
    for url in _urls(context):
        try:
            walks.append(_walk(context, url))
        except Failed as failure:
            failures.append(failure)
            print(f"{url}: {failure}", file=sys.stderr)
    if not walks:
        raise failures[0]
    for walk in walks:
        _keep(context, walk)
    context.save("answers.json", [[_plain(answer) for answer in walk] for walk in walks], "http")
    ends = [(walk[0].url, walk[-1]) for walk in walks]
    return {
        "answers": [{"url": url, "final": end.url, "status": end.status, "missing": end.missing} for url, end in ends]
    }


def _urls(context: Context) -> list[str]:
    if "://" in context.input:
        return [context.input]
    chosen = context.parameters["schemes"]
    targets = {scheme: connection.target(context.input, PORTS[scheme]) for scheme in ("https", "http")}
    return [
        values.url(f"{scheme}://{values.join_host_port(*target)}/")
        for scheme, target in targets.items()
        if chosen in (scheme, "both")
    ]


def _walk(context: Context, url: str) -> list[Answer]:
    """The answer, and those of the redirects that it leads to; only the first must be there."""
    walk = [_ask(context, url, url)]
    while walk[-1].redirects_to and len(walk) <= context.parameters["redirects"]:
        following = walk[-1].redirects_to
        if following in [answer.url for answer in walk]:
            print(f"{following} redirects in a circle", file=sys.stderr)
            break
        try:
            walk.append(_ask(context, following, url))
        except Failed as failure:
            print(f"{following}: {failure}", file=sys.stderr)
            break
    return walk


def _ask(context: Context, url: str, first: str) -> Answer:
    parts = urlsplit(url)
    asking = _connection(context, parts, same_host=parts.hostname == urlsplit(first).hostname)
    try:
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        asking.putrequest(context.parameters["method"], path, skip_host=True)
        asking.putheader("Host", parts.netloc)
        asking.putheader("User-Agent", context.option("user_agent"))
        asking.putheader("Accept", "*/*")
        asking.endheaders()
        return _read(url, asking.getresponse())
    except (http.client.HTTPException, OSError) as error:
        said = f"{type(error).__name__} {error}".rstrip()
        raise Failed(f"{url} does not answer with HTTP: {said}", "network_error") from None
    finally:
        asking.close()


def _connection(context: Context, parts: SplitResult, same_host: bool) -> http.client.HTTPConnection:
    """One whose socket we made: where to connect and which name to ask for are chosen apart."""
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    connected = connection.connect(context, host, port, instead=context.parameters["connect_to"] if same_host else None)
    if parts.scheme == "https":
        connected = connection.start_tls(connected, host, connection.unverified())
    asking = http.client.HTTPConnection(host, port)
    asking.sock = connected
    return asking


def _read(url: str, response: http.client.HTTPResponse) -> Answer:
    answer = Answer(url, response.status, response.reason, "HTTP/1.0" if response.version == 10 else "HTTP/1.1")
    for name, value in response.getheaders():
        name, value = name.lower(), value.replace("\0", "")
        joined = f"{answer.headers[name]}\n{value}" if name in answer.headers else value
        answer.headers[name] = joined
    if response.status in REDIRECTS and "location" in answer.headers:
        try:
            answer.redirects_to = values.url(urljoin(url, answer.headers["location"]))
        except ValueError:
            print(f"{url} redirects to what is no web address: {answer.headers['location'][:200]}", file=sys.stderr)
    return answer


def _keep(context: Context, walk: list[Answer]) -> None:
    for answer in walk:
        host = urlsplit(answer.url).hostname or ""
        context.emit(
            "url",
            url=answer.url,
            status=answer.status,
            server=answer.headers.get("server"),
            hostname=None if values.is_address(host) else host,
            content_type=answer.headers.get("content-type"),
            redirects_to=answer.redirects_to or None,
            missing_headers=None if answer.redirects_to else answer.missing,
        )
        print(f"::group::{answer.url} {answer.status} {answer.reason}")
        print("\n".join(f"{name}: {value}" for name, value in answer.headers.items()))
        print("::endgroup::")
    last = walk[-1]
    for name, value in last.headers.items():
        try:
            context.emit("http_header", name=name, url=last.url, value=value)
        except ValueError as error:
            print(f"The header {name[:80]!r} is not kept: {error}", file=sys.stderr)
    print(f"Security headers missing on {last.url}: {', '.join(last.missing) or 'none'}")


def _plain(answer: Answer) -> dict[str, Any]:
    return {
        "url": answer.url,
        "status": answer.status,
        "reason": answer.reason,
        "version": answer.version,
        "headers": answer.headers,
        "redirects_to": answer.redirects_to,
        "missing": answer.missing,
    }
