"""Downloading from a real server on the loopback, and what happens when it goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tedbench import download
from tedbench.datasets.tedbench import COMMIT, TEdBench
from tedbench.errors import UserError
from tedbench.manifest import Manifest

URL_OF_NOBODY = "http://127.0.0.1:9"  # the discard port: refused at once


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_everything_is_downloaded_once_and_verified(server, cache: Path, small: Path, small_manifest: Manifest) -> None:
    dataset = TEdBench(None, 16, url=server.url, manifest=small_manifest)
    assert files(dataset.root) == files(small)
    assert all((dataset.root / path).read_bytes() == (small / path).read_bytes() for path in files(small))
    assert dataset.root.is_relative_to(cache)
    assert len(list(dataset)) == 5
    assert len(server.requests) == 4
    TEdBench(None, 16, url=URL_OF_NOBODY, manifest=small_manifest)
    assert len(server.requests) == 4


def test_cache_is_a_root(server, cache: Path, small_manifest: Manifest) -> None:
    fetched = TEdBench(None, 16, url=server.url, manifest=small_manifest)
    assert TEdBench(fetched.root, 16, manifest=small_manifest).entries == fetched.entries


def test_only_the_chosen_pairs_images_are_downloaded(server, cache: Path, small_manifest: Manifest) -> None:
    dataset = TEdBench(None, 16, limit=1, url=server.url, manifest=small_manifest)
    assert files(dataset.root) == ["input_list.json", "originals/dog one.jpeg"]


def test_interrupted_download_goes_on_where_it_was(server, cache: Path, small: Path, small_manifest: Manifest) -> None:
    hidden = small / "originals" / "bird.png"
    kept = hidden.rename(small / "later")
    with pytest.raises(UserError, match="HTTP 404"):
        TEdBench(None, 16, url=server.url, manifest=small_manifest)
    kept.rename(hidden)
    server.requests.clear()
    TEdBench(None, 16, url=server.url, manifest=small_manifest)
    assert server.requests == ["/originals/bird.png"]


def test_busy_server_is_asked_again(server, cache: Path, small_manifest: Manifest) -> None:
    server.broken = 2
    assert len(TEdBench(None, 16, url=server.url, manifest=small_manifest)) == 5
    assert server.requests[:3] == ["/input_list.json"] * 3


def test_server_that_stays_busy_is_given_up_on(server, cache: Path, small_manifest: Manifest) -> None:
    server.broken = 99
    with pytest.raises(UserError, match="HTTP 503"):
        TEdBench(None, 16, url=server.url, manifest=small_manifest)
    assert len(server.requests) == download.ATTEMPTS


@pytest.mark.parametrize("damage", ["flipped", "cut", "longer"])
def test_corrupted_file_is_refused_and_not_kept(
    server, cache: Path, small: Path, small_manifest: Manifest, damage: str
) -> None:
    path = small / "originals" / "cat.png"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes({"flipped": data, "cut": data[:-7], "longer": data + b"x"}[damage])
    with pytest.raises(UserError, match=r"cat\.png: wrong (checksum|length)"):
        TEdBench(None, 16, url=server.url, manifest=small_manifest)
    left = files(cache)
    assert left == ["tedbench-github/input_list.json", "tedbench-github/originals/dog one.jpeg"]


def test_no_more_is_read_than_a_file_should_have(
    server, cache: Path, small_manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def long(self: requests.Response, size: int) -> Iterator[bytes]:
        for _ in range(9):
            read.append(size)
            yield bytes(size)

    monkeypatch.setattr(requests.Response, "iter_content", long)
    with pytest.raises(UserError, match="not the published bytes"):
        TEdBench(None, 16, url=server.url, manifest=small_manifest)
    assert len(read) == download.ATTEMPTS
    assert files(cache) == []


def test_other_users_may_read_the_cache(server, cache: Path, small_manifest: Manifest) -> None:
    dataset = TEdBench(None, 16, url=server.url, manifest=small_manifest)
    assert {path.stat().st_mode & 0o777 for path in dataset.root.rglob("*") if path.is_file()} == {0o644}


def test_damaged_cache_is_mended(server, cache: Path, small: Path, small_manifest: Manifest) -> None:
    dataset = TEdBench(None, 16, url=server.url, manifest=small_manifest)
    path = dataset.root / "originals" / "cat.png"
    path.write_bytes(path.read_bytes()[:50])
    TEdBench(None, 16, url=server.url, manifest=small_manifest)
    assert path.read_bytes() == (small / "originals" / "cat.png").read_bytes()


def test_offline_error_is_one_line_with_url_folder_and_way_out(cache: Path, small_manifest: Manifest) -> None:
    with pytest.raises(UserError) as caught:
        TEdBench(None, 16, url=URL_OF_NOBODY, manifest=small_manifest)
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        f"{URL_OF_NOBODY}/input_list.json",
        "refused",
        COMMIT,
        str(cache / "tedbench-github"),
        "dataset.root=",
    ):
        assert part in message
    assert files(cache) == []


def test_processes_may_download_at_the_same_time(server, tmp_path: Path, small: Path, small_manifest: Manifest) -> None:
    facts = {"originals/cat.png": small_manifest.images["cat.png"].file}
    threads = [threading.Thread(target=download.fetch, args=(facts, server.url, tmp_path / "c", "x")) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files(tmp_path / "c") == ["originals/cat.png"]


def test_cache_that_cannot_be_written_is_told_of(server, cache: Path, small_manifest: Manifest) -> None:
    cache.write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"cannot be written .* Set IMAGIC_BENCH_CACHE"):
        TEdBench(None, 16, url=server.url, manifest=small_manifest)


def test_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("IMAGIC_BENCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert download.cache_folder() == tmp_path / "imagic-bench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert download.cache_folder() == Path.home() / ".cache" / "imagic-bench"
    monkeypatch.setenv("IMAGIC_BENCH_CACHE", "~/elsewhere")
    assert download.cache_folder() == Path.home() / "elsewhere"
