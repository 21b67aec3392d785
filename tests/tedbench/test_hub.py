"""Names for the hub's table, which has none."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tedbench import hub
from tedbench.datasets.tedbench import TEdBench
from tedbench.download import DownloadError
from tedbench.errors import UserError
from tedbench.manifest import Manifest


def table(path: Path, small: Path, manifest: Manifest, change=lambda data: data, nested: bool = True) -> Path:
    """The hub's table of the small benchmark, shuffled; ``change`` re-encodes the images."""
    rows = [(text, change((small / "originals" / name).read_bytes())) for name, text in reversed(manifest.pairs)]
    images = [{"bytes": data, "path": None} if nested else data for _, data in rows]
    edits = [b"not to be read"] * len(rows)
    pq.write_table(
        pa.table({"original_image": images, "caption": [text for text, _ in rows], "edited_image": edits}), path
    )
    return path


def as_png(data: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).save(buffer, format="PNG")
    return buffer.getvalue()


def smaller(data: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).resize((20, 20)).save(buffer, format="PNG")
    return buffer.getvalue()


def from_hub(monkeypatch: pytest.MonkeyPatch, path: Path, manifest: Manifest) -> TEdBench:
    monkeypatch.setattr(hub, "fetch_table", lambda: path)
    return TEdBench(None, 16, source="huggingface", manifest=manifest)


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("change", [bytes, as_png])
def test_images_get_their_names_by_text_and_pixels(
    monkeypatch, recwarn, cache, tmp_path, small, small_manifest, change, nested
) -> None:
    path = table(tmp_path / "t.parquet", small, small_manifest, change, nested)
    dataset = from_hub(monkeypatch, path, small_manifest)
    local = TEdBench(small, 16, manifest=small_manifest)
    assert dataset.entries == local.entries
    assert all((dataset.load(entry).image == local.load(entry).image).all() for entry in local.entries)
    assert not [w for w in recwarn if "differ" in str(w.message)]
    path.unlink()
    from_hub(monkeypatch, path, small_manifest)  # everything is in the cache


def test_images_with_other_pixels_are_named_by_elimination_and_warned_of(
    monkeypatch, cache, tmp_path, small, small_manifest
) -> None:
    path = table(tmp_path / "t.parquet", small, small_manifest, smaller)
    with pytest.warns(UserWarning, match="3 of 3 images .* differ"):
        dataset = from_hub(monkeypatch, path, small_manifest)
    cat = next(entry for entry in dataset.entries if entry.image_name == "cat.png")
    assert (dataset.root / "originals" / "cat.png").read_bytes() == smaller(
        (small / "originals" / "cat.png").read_bytes()
    )
    assert dataset.load(cat).image.shape == (16, 16, 3)


def test_image_that_fits_no_name_is_told_of(small: Path, small_manifest: Manifest) -> None:
    rows = [hub.HubRow(text, (small / "originals" / name).read_bytes()) for name, text in small_manifest.pairs]
    stranger = smaller(rows[0].image)
    rows[1] = rows[1]._replace(image=stranger)  # "A funny animal." of the dog, whose picture is known by its other text
    with pytest.raises(UserError, match="pixels of neither"):
        hub.name_images(rows, small_manifest)


def test_other_texts_are_told_of(small: Path, small_manifest: Manifest) -> None:
    with pytest.raises(UserError, match="other texts than TEdBench's list"):
        hub.name_images([hub.HubRow("A llama.", b"")], small_manifest)


def test_file_that_is_no_table_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"nothing")
    with pytest.raises(UserError, match="is not TEdBench's table"):
        hub.read_hub_table(tmp_path / "t.parquet")


def test_offline_error_names_the_hub_and_the_folder(monkeypatch, cache: Path, small_manifest: Manifest) -> None:
    def offline() -> Path:
        raise DownloadError(f"{hub.URL}: no connection")

    monkeypatch.setattr(hub, "fetch_table", offline)
    with pytest.raises(UserError) as caught:
        TEdBench(None, 16, source="huggingface", manifest=small_manifest)
    assert hub.URL in str(caught.value)
    assert str(cache / "tedbench-huggingface") in str(caught.value)
