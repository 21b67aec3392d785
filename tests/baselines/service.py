"""An image-editing service on loopback whose answers a test writes."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

from PIL import Image


def png(size: tuple[int, int] = (16, 16), colour: Any = (200, 30, 30), mode: str = "RGB") -> bytes:
    """A picture of one colour."""
    data = BytesIO()
    Image.new(mode, size, colour).save(data, format="PNG")
    return data.getvalue()


def edited(picture: bytes | None = None, **more: Any) -> tuple[int, dict[str, str], bytes]:
    """An answer with a picture."""
    encoded = base64.b64encode(png() if picture is None else picture).decode()
    return 200, {}, json.dumps({"data": [{"b64_json": encoded}], "model": "mine-2026-11", **more}).encode()


def refused(status: int, message: str = "", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """An answer with an error."""
    return status, headers, json.dumps({"error": {"message": message}}).encode()


@contextmanager
def serving(
    answer: Callable[[int, bytes, Any], tuple[int, dict[str, str], bytes] | str],
) -> Iterator[tuple[str, list[bytes]]]:
    """Serve on a free port; yield the address and the bodies of all requests.

    Args:
        answer: of number (from 0), body and headers of a request: status, headers and body; or "hang", "close" or "cut".
    """
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            bodies.append(body)
            self.reply(answer(len(bodies) - 1, body, self.headers))

        def do_GET(self) -> None:
            assert "authorization" not in self.headers
            self.reply((200, {}, png((8, 8))))

        def reply(self, found: Any) -> None:
            if found == "close":
                self.connection.close()
                return
            if found == "hang":
                time.sleep(3)
                return
            status, headers, content = edited() if found == "cut" else found
            self.send_response(status)
            for name, value in {"content-length": str(len(content)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(content[:40] if found == "cut" else content)

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", bodies
    finally:
        server.shutdown()
        server.server_close()
