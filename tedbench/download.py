"""Downloads into a local cache: files are verified before they get their final name, and kept afterwards."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import quote

from runtime.bars import open_bars
from tedbench.errors import UserError
from tedbench.manifest import FileFacts, file_facts

ATTEMPTS = 3
"""Number of attempts to download a file."""

_TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 16


class DownloadError(Exception):
    """A file could not be downloaded; the message has the reason, and the caller adds advice."""


def cache_folder() -> Path:
    """Return the cache: ``$IMAGIC_BENCH_CACHE``, or ``imagic-bench`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    if own := os.environ.get("IMAGIC_BENCH_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "imagic-bench"


def fetch(files: Mapping[str, FileFacts], url: str, folder: Path, label: str) -> None:
    """Download the ``files`` below ``url`` that ``folder`` lacks; existing ones with the right bytes are kept.

    Args:
        files: by path below both ``url`` and ``folder``, with the facts that a file must have.
        url: prefix of the paths.
        folder: created if needed.
        label: text before the progress bar.

    Raises:
        DownloadError: a file cannot be downloaded, or has other bytes than it should. No wrong file is left in
            ``folder``.
        UserError: ``folder`` cannot be written to.
    """
    wanted = {p: facts for p, facts in files.items() if not (folder / p).is_file() or file_facts(folder / p) != facts}
    if not wanted:
        return
    import pooch  # half a second
    import requests
    from rich.progress import BarColumn, DownloadColumn, TransferSpeedColumn

    pooch.get_logger().setLevel("ERROR")  # it would log each attempt
    urls = {path: f"{url.rstrip('/')}/{quote(path)}" for path in wanted}
    sums = {path: facts.sha256 for path, facts in wanted.items()}
    cache = pooch.create(folder, "", registry=sums, urls=urls, retry_if_failed=ATTEMPTS - 1)
    with open_bars("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn()) as bars:
        everything = bars.add_task(label, total=sum(facts.bytes for facts in wanted.values()))
        before = 0
        for path, facts in wanted.items():
            show = lambda count, before=before: bars.update(everything, completed=before + count)
            try:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                cache.fetch(path, downloader=partial(_get, most=facts.bytes, show=show))
            except requests.RequestException as error:
                reason = getattr(error.args[0], "reason", None) if error.args else None  # urllib3's own error says it
                raise DownloadError(f"{urls[path]}: {str(reason or error).rpartition('): ')[2]}") from None
            except ValueError:
                raise DownloadError(f"{urls[path]}: wrong checksum, these are not the published bytes") from None
            except OSError as error:
                raise _unwritable(folder / path, error) from None
            before += facts.bytes


def store(target: Path, data: bytes) -> None:
    """Write a file atomically, also if other processes write it at the same time.

    Raises:
        UserError: it cannot be written.
    """
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(data)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(target, error) from None


def _unwritable(target: Path, error: OSError) -> UserError:
    return UserError(
        f"{target} cannot be written ({error}). Set IMAGIC_BENCH_CACHE to a folder with room that you may write to."
    )


def _get(url: str, target: str, _: object, most: int, show: Callable[[int], None]) -> None:
    """Make one attempt at a file, which pooch verifies and renames; it repeats after RequestException or ValueError.

    Raises:
        DownloadError: the server's answer would stay the same.
    """
    import requests

    headers = {"User-Agent": "imagic-bench", "Accept-Encoding": "identity"}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response, open(target, "wb") as file:
        if not response.ok:
            reason = f"HTTP {response.status_code} {response.reason}"
            again = response.status_code >= 500 or response.status_code in (408, 429)
            raise requests.HTTPError(reason) if again else DownloadError(f"{url}: {reason}")
        for chunk in response.iter_content(_CHUNK):
            show(file.tell() + file.write(chunk))
            if file.tell() > most:
                raise ValueError("it goes on after what it should have")
    Path(target).chmod(0o644)
