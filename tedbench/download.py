"""Files from the web into a local cache: verified before they get their name, kept once they have it."""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tqdm import tqdm

from tedbench.errors import UserError
from tedbench.manifest import FileFacts, file_facts

ATTEMPTS = 3
"""How often a file is asked for before giving up."""

_TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 16


class DownloadError(Exception):
    """A file could not be had, and why; the caller knows what to advise."""


def cache_folder() -> Path:
    """Where downloads are: ``$IMAGIC_BENCH_CACHE``, else ``imagic-bench`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    if own := os.environ.get("IMAGIC_BENCH_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "imagic-bench"


def fetch(files: Mapping[str, FileFacts], url: str, folder: Path, label: str, pause: float = 1.0) -> int:
    """Brings ``folder`` up to date with ``files`` from below ``url``; what is there and right is not fetched again.

    Args:
        files: by path below both ``url`` and ``folder``, with the facts that a file must have.
        url: what the paths are appended to.
        folder: made where it is missing.
        label: stands before the progress bar.
        pause: seconds before a second attempt, doubled before each further one.

    Returns:
        How many files were fetched.

    Raises:
        DownloadError: a file cannot be had, or has other bytes than it should. Nothing wrong is left in ``folder``.
        UserError: ``folder`` cannot be written to.
    """
    wanted = {path: facts for path, facts in files.items() if not _is_here(folder / path, facts)}
    if not wanted:
        return 0
    total = sum(facts.bytes for facts in wanted.values())
    with tqdm(total=total, desc=label, unit="B", unit_scale=True, unit_divisor=1024, leave=False) as bar:
        for path, facts in wanted.items():
            _fetch_one(f"{url.rstrip('/')}/{urllib.parse.quote(path)}", folder / path, facts, bar, pause)
    return len(wanted)


def store(target: Path, data: bytes) -> None:
    """Writes a file so that it is there whole or not at all, whoever else writes it at the same time.

    Raises:
        UserError: it cannot be written.
    """
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".part-", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
        temporary.chmod(0o644)
        temporary.replace(target)
    except OSError as error:
        raise UserError(
            f"{target} cannot be written ({error}). Set IMAGIC_BENCH_CACHE to a folder with room that you may write to."
        ) from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _is_here(path: Path, facts: FileFacts) -> bool:
    return path.is_file() and file_facts(path) == facts


def _fetch_one(url: str, target: Path, facts: FileFacts, bar: tqdm, pause: float) -> None:
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        before = bar.n
        try:
            data = _get(url, facts, bar)
        except urllib.error.HTTPError as error:
            reason = f"HTTP {error.code} {error.reason}"
            if error.code < 500 and error.code not in (408, 429):  # asking again will not help
                break
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = str(getattr(error, "reason", "") or error or type(error).__name__)
        else:
            store(target, data)
            return
        bar.update(before - bar.n)
    raise DownloadError(f"{url}: {reason}")


def _get(url: str, facts: FileFacts, bar: tqdm) -> bytes:
    """The file's bytes; ValueError where they are not the right ones. Never reads more than the file should have."""
    data = bytearray()
    request = urllib.request.Request(url, headers={"User-Agent": "imagic-bench"})
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
        while chunk := response.read(_CHUNK):
            data += chunk
            if len(data) > facts.bytes:
                break
            bar.update(len(chunk))
    if len(data) != facts.bytes:
        relation = "more" if len(data) > facts.bytes else f"{len(data):,}"
        raise ValueError(f"wrong length, {relation} instead of {facts.bytes:,} bytes")
    if hashlib.sha256(data).hexdigest() != facts.sha256:
        raise ValueError("wrong checksum, these are not the published bytes")
    return bytes(data)
