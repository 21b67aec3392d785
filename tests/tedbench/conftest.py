"""Shared material: the real TEdBench where it is there, and a small stand-in with the same layout."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tedbench.manifest import Manifest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def published() -> Path:
    """The published originals; they carry no licence, so they are not in the repository."""
    root = Path(os.environ.get("IMAGIC_BENCH_TEDBENCH") or REPOSITORY.parent / "shared" / "tedbench")
    if not (root / "input_list.json").is_file():
        pytest.skip(f"TEdBench's originals are not at {root}; set IMAGIC_BENCH_TEDBENCH to a folder that has them")
    return root


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder in the published layout: 3 images, 5 pairs, one text on two images, one PNG that is a JPEG."""
    root = tmp_path / "small"
    (root / "originals").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, kind in (("dog one.jpeg", "JPEG"), ("cat.png", "PNG"), ("bird.png", "JPEG")):
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(root / "originals" / name, format=kind)
    pairs = [
        ("dog one.jpeg", "A sitting dog."),
        ("dog one.jpeg", "A funny animal."),
        ("cat.png", "A sleeping cat."),
        ("cat.png", "A funny animal."),
        ("bird.png", "A bird spreading wings."),
    ]
    (root / "input_list.json").write_text(json.dumps([{"img_name": n, "target_text": t} for n, t in pairs]))
    return root


@pytest.fixture
def small_manifest(small: Path) -> Manifest:
    return Manifest.of(small)


class Server:
    """A real web server on this machine's loopback; remembers what it was asked for.

    Attributes:
        url: where ``folder`` is served.
        requests: the paths, in order.
        broken: how many requests are answered with 503 before the next good one.
    """

    def __init__(self, folder: Path) -> None:
        self.requests: list[str] = []
        self.broken = 0
        outer = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(self.path)
                if outer.broken:
                    outer.broken -= 1
                    self.send_error(503)
                else:
                    super().do_GET()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server(small: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = Server(small)
    yield running
    running.close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IMAGIC_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
