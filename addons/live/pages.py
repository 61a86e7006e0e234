"""What the live report answers to an HTTP request, and to whom. No I/O but reading the page's three files.

Who may ask is decided by three things, none of which another site can bring about in a browser:

- Host is one of ours: a name of somebody else's that was made to point here (DNS rebinding) is refused.
- What the browser says of the asker: a request that another site made (Sec-Fetch-Site, Origin) is refused. Browsers
  leave Sec-Fetch-Site out towards plain-HTTP hosts that are not this machine, so that is not enough, and
- the report itself is given only to a request with a header of our own, which a script of another site cannot send
  without asking first (a CORS preflight), and nothing here says yes to that.

The page runs its own script, loads nothing else and cannot be framed. Its texts are set as texts.
References: Fetch standard (CORS, Sec-Fetch-Site), CSP level 3, https://xsleaks.dev
"""

import hashlib
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

OWN_HEADER = "x-phonehome"

_FOLDER = Path(__file__).parent
_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
REPORT = "/report.json"

_ALWAYS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class PageReply(NamedTuple):
    """A status, header fields and a body."""

    status: int
    headers: dict[str, str]
    body: bytes


def answer(
    method: str, target: str, headers: Mapping[str, str], hosts: Collection[str], report: bytes | None
) -> PageReply:
    """The answer to a request.

    `headers` has lower-case names; `hosts` are the values of Host that are ours; `report` is the view as JSON,
    None if there is none yet."""
    host = headers.get("host", "").lower()
    if host not in hosts:
        return _refused(421, "This is not a name of the live report.")
    path = target.partition("?")[0]
    site = headers.get("sec-fetch-site", "none")
    # Following a link here shows the asking site nothing; anything else from there is refused.
    followed = path == "/" and headers.get("sec-fetch-dest") == "document"
    origin = headers.get("origin")
    if (site not in ("none", "same-origin") and not followed) or origin not in (None, f"http://{host}"):
        return _refused(403, "The live report does not answer to other sites.")
    if method not in ("GET", "HEAD"):
        return _refused(405, "The live report can only be read.")
    if path == REPORT:
        if OWN_HEADER not in headers:
            return _refused(403, "The live report is given to its own page only.")
        if report is None:
            return PageReply(204, dict(_ALWAYS), b"")
        tag = f'"{hashlib.sha256(report).hexdigest()[:32]}"'
        if headers.get("if-none-match") == tag:
            return PageReply(304, {**_ALWAYS, "ETag": tag}, b"")
        return _given(method, report, "application/json", {"ETag": tag})
    if path not in _FILES:
        return _refused(404, "There is nothing here.")
    name, media_type = _FILES[path]
    return _given(method, _file(name), media_type, {})


def _given(method: str, body: bytes, media_type: str, more: Mapping[str, str]) -> PageReply:
    return PageReply(200, {**_ALWAYS, "Content-Type": media_type, **more}, body if method == "GET" else b"")


def _refused(status: int, why: str) -> PageReply:
    return PageReply(status, {**_ALWAYS, "Content-Type": "text/plain; charset=utf-8"}, f"{why}\n".encode())


@cache
def _file(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()
