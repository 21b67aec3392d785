"""Pages of the preview: a session's page, its images, and the answers that would have been sent."""

from __future__ import annotations

import secrets
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from eval.study.design.leaks import IMAGE_NAME
from eval.study.sheets.public_sheets import allowed, policy, read_sheets
from eval.study.sheets.sheets import IMAGES, substitute

MOST_SENT = 1_000_000
"""Largest size of a form in bytes."""


class Pages:
    """The pages of a study's public folder.

    Args:
        public: the folder.

    Raises:
        UserError: it has no template, or no batch that fits it.
    """

    def __init__(self, public: Path) -> None:
        self.images, self._template, self._rows = read_sheets(public)
        environment = Environment(loader=PackageLoader("eval.study"), autoescape=True, undefined=StrictUndefined)
        self._page = environment.get_template("preview.html.j2")

    def session(self, number: str, nonce: str, sent: list[tuple[str, str]] | None = None) -> str:
        """Return a session's page, or the answers that were sent from it.

        Args:
            number: from 1; anything else is the first.
            nonce: allows styles and scripts of this page to run.
            sent: fields and values.
        """
        n = int(number) if number.isascii() and number.isdigit() and 0 < int(number) <= len(self._rows) else 1
        page = substitute(self._template, self._rows[n - 1]) if sent is None else ""
        return self._page.render(
            page=Markup(allowed(page, nonce)), sent=sent, session=n, sessions=len(self._rows), nonce=nonce
        )


def handler(pages: Pages) -> type[BaseHTTPRequestHandler]:
    """Return a request handler for the pages' folder, which answers only requests to this machine's own address."""

    class Handler(BaseHTTPRequestHandler):
        server_version = "preview"
        sys_version = ""

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if not self._is_ours():
                return
            name = url.path.removeprefix(f"/{IMAGES}/")
            if url.path == "/":
                self._page(None)
            elif name != url.path and IMAGE_NAME.fullmatch(name) and (pages.images / name).is_file():
                kind = "image/png" if name.endswith("png") else "image/jpeg"
                self._send((pages.images / name).read_bytes(), kind)
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            if not self._is_ours():
                return
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > MOST_SENT:
                self.send_error(413)
                return
            self._page(parse_qsl(self.rfile.read(int(length)).decode(errors="replace"), keep_blank_values=True))

        def _is_ours(self) -> bool:
            port = self.server.server_port  # type: ignore[attr-defined]
            if self.headers.get("Host") in (f"127.0.0.1:{port}", f"localhost:{port}"):
                return True
            self.send_error(403)
            return False

        def _page(self, sent: list[tuple[str, str]] | None) -> None:
            nonce = secrets.token_urlsafe(16)
            number = parse_qs(urlsplit(self.path).query).get("session", ["1"])[0]
            self._send(pages.session(number, nonce, sent).encode(), "text/html; charset=utf-8", policy(nonce))

        def _send(self, content: bytes, kind: str, security: str = "default-src 'none'") -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Security-Policy", security)
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing: a preview is not recorded."""

    return Handler
