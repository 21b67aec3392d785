"""Pictures of more than 8 bits, or of several frames: what their values mean is decided by rule, or refused, or warned of."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from tedbench.errors import ImageError
from tedbench.image import read_image, to_rgb

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)


def tiff(path: Path, values: np.ndarray, **tags: int | tuple[int, ...]) -> Path:
    """An uncompressed TIFF of one strip as Pillow does not write it; little-endian, or big-endian where the values are."""
    order = ">" if values.dtype.byteorder == ">" else "<"
    colours = values.shape[2] if values.ndim == 3 else 1
    entries: dict[int, int | tuple[int, ...]] = {
        256: values.shape[1], 257: values.shape[0], 258: (values.dtype.itemsize * 8,) * colours, 259: 1,
        262: 2 if colours == 3 else 1, 273: 8, 277: colours, 278: values.shape[0], 279: values.nbytes,
        339: ({"u": 1, "i": 2, "f": 3}[values.dtype.kind],) * colours,
    }  # fmt: skip
    entries |= {
        {"bits": 258, "photometric": 262, "largest": 281, "kind": 339, "extra": 338}[k]: v for k, v in tags.items()
    }
    at = 8 + values.nbytes + (values.nbytes & 1)
    table, after = struct.pack(order + "H", len(entries)), b""
    for tag, value in sorted(entries.items()):
        numbers = value if isinstance(value, tuple) else (value,)
        wide = tag in (273, 279)
        packed = struct.pack(order + str(len(numbers)) + ("I" if wide else "H"), *numbers)
        if len(packed) > 4:
            packed, after = struct.pack(order + "I", at + 6 + 12 * len(entries) + len(after)), after + packed
        table += struct.pack(order + "HHI", tag, 4 if wide else 3, len(numbers)) + packed.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", at)
    path.write_bytes(head + values.tobytes() + bytes(values.nbytes & 1) + table + bytes(4) + after)
    return path


def png(path: Path, colour_type: int, depth: int, width: int, rows: list[bytes], **chunks: bytes) -> Path:
    """A PNG as Pillow does not write it."""
    parts = {"IHDR": struct.pack(">IIBBBBB", width, len(rows), depth, colour_type, 0, 0, 0), **chunks}
    parts |= {"IDAT": zlib.compress(b"".join(b"\0" + row for row in rows)), "IEND": b""}
    body = b""
    for name, data in parts.items():
        body += struct.pack(">I", len(data)) + name.encode() + data
        body += struct.pack(">I", zlib.crc32(name.encode() + data))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.fixture
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize(
    "values",
    [
        GREY.astype(np.float32) / 255,
        (GREY / 255 * 1.0005).astype(np.float32) - np.float32(0.0003),  # as resampling leaves it
        GREY.astype(np.float32),
        GREY.astype(np.int32),
        GREY.astype(np.int16),
        GREY.astype(np.uint32),
        GREY.astype(np.int32) * 257,
        GREY.astype(np.uint32) * 257,
        GREY.astype(np.uint16) * 257,
        GREY.astype(">f4") / np.float32(255),
        GREY.astype(">i4"),
        GREY.astype(">i2"),
        GREY.astype(">u2") * np.dtype(">u2").type(257),
    ],
    ids=lambda v: f"{v.dtype.str}-{v.max():g}",
)
def test_deep_grey_is_read_in_its_own_range(tmp_path: Path, values: np.ndarray, quiet: None) -> None:
    image = read_image(tiff(tmp_path / "a.tif", values))
    assert np.array_equal(image, GREY[..., None].repeat(3, 2))


@pytest.mark.parametrize(
    "values",
    [
        np.array([[0, np.nan]], np.float32),
        np.array([[0, np.inf]], np.float32),
        np.array([[-1, 1]], np.float32),
        np.array([[0, 255.5]], np.float32),
        np.array([[0, 65535]], np.float32),
        np.array([[-1, 255]], np.int32),
        np.array([[0, 65536]], np.int32),
        np.array([[-5, 300]], np.int16),
        np.array([[0, 2**32 - 1]], np.uint32),
        np.array([[-5, 100]], np.int8),
    ],
    ids=lambda v: f"{v.dtype}-{v.min():g}-{v.max():g}",
)
def test_values_without_a_clear_meaning_are_refused(tmp_path: Path, values: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"a\.tif cannot be read as an image \(it has .*\)\. Save it") as caught:
        read_image(tiff(tmp_path / "a.tif", values))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("order", ["<", ">"])
def test_twelve_bits_that_the_file_states_are_white_at_4095(tmp_path: Path, order: str, quiet: None) -> None:
    grey = (GREY / 255 * 4095).round().astype(f"{order}u2")
    assert np.array_equal(read_image(tiff(tmp_path / "a.tif", grey, largest=4095))[..., 0], GREY)
    colours = np.stack([grey, grey[::-1], grey.T], -1)
    expected = np.stack([GREY, GREY[::-1], GREY.T], -1)
    assert np.array_equal(read_image(tiff(tmp_path / "b.tif", colours, largest=(4095,) * 3)), expected)


def test_packed_twelve_bits_are_white_at_4095(tmp_path: Path, quiet: None) -> None:
    levels = (GREY.astype(float).ravel() / 255 * 4095).round().astype(int).reshape(-1, 2)
    packed = np.stack([levels[:, 0] >> 4, (levels[:, 0] & 15) << 4 | levels[:, 1] >> 8, levels[:, 1] & 255], -1)
    rows = packed.astype(np.uint8).reshape(16, 24)
    path = tiff(tmp_path / "a.tif", rows, bits=12)
    data = bytearray(path.read_bytes())
    at = data.index(struct.pack("<HHI", 256, 3, 1)) + 8
    data[at : at + 2] = struct.pack("<H", 16)
    path.write_bytes(data)
    assert np.array_equal(read_image(path)[..., 0], GREY)


def test_a_statistical_largest_value_is_not_white(tmp_path: Path, quiet: None) -> None:
    values = np.array([[0, 20000, 40000]], np.uint16)
    assert read_image(tiff(tmp_path / "a.tif", values, largest=40000))[0, :, 0].tolist() == [0, 78, 156]


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 3)])
def test_sixteen_bits_that_stay_dark_are_warned_of_once(tmp_path: Path, shape: tuple[int, ...]) -> None:
    values = np.linspace(0, 4095, int(np.prod(shape))).astype(np.uint16).reshape(shape)
    path = tiff(tmp_path / "a.tif", values)
    with pytest.warns(UserWarning, match=r"a\.tif is nearly black") as caught:
        images = [read_image(path) for _ in range(3)]
    assert len(caught) == 1 and images[0].max() in (15, 16)


def test_dark_sixteen_bit_greymaps_stay_dark(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5 4 1 65535\n" + np.array([0, 50, 100, 200], ">u2").tobytes())
    with pytest.warns(UserWarning, match="nearly black"):
        assert read_image(tmp_path / "a.pgm").max() <= 1


@pytest.mark.parametrize("values", [GREY, GREY.astype(np.uint16) * 257, GREY.astype(np.float32) / 255])
def test_white_is_zero_is_turned(tmp_path: Path, values: np.ndarray, quiet: None) -> None:
    assert np.array_equal(read_image(tiff(tmp_path / "a.tif", values, photometric=0))[..., 0], 255 - GREY)


def test_transparent_sixteen_bit_values_are_told_exactly(tmp_path: Path, quiet: None) -> None:
    grey = [struct.pack(">4H", 12345, 12346, 0, 65535)]
    image = read_image(png(tmp_path / "a.png", 0, 16, 4, grey, tRNS=struct.pack(">H", 12345)))
    assert image[0, :, 0].tolist() == [255, 48, 0, 255]
    colours = [struct.pack(">9H", 12345, 1, 2, 12345, 1, 3, 57, 1, 2)]
    image = read_image(png(tmp_path / "b.png", 2, 16, 3, colours, tRNS=struct.pack(">3H", 12345, 1, 2)))
    assert image[0].tolist() == [[255, 255, 255], [48, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(("depth", "row"), [(1, 0b0101_0000), (2, 0b00_01_10_11), (4, None), (8, None)])
def test_transparent_grey_of_few_bits(tmp_path: Path, depth: int, row: int | None, quiet: None) -> None:
    rows = [bytes([row])] if row is not None else [{4: b"\x01\x23", 8: bytes(range(4))}[depth]]
    image = read_image(png(tmp_path / "a.png", 0, depth, 4, rows, tRNS=struct.pack(">H", 1)))[0, :, 0]
    step = 255 // (2**depth - 1)
    assert image.tolist() == ([0, 255, 0, 255] if depth == 1 else [0, 255, 2 * step, 3 * step])


def test_palette_opacities_and_one_bit(tmp_path: Path, quiet: None) -> None:
    rows = [bytes([0, 1, 2])]
    image = read_image(
        png(tmp_path / "a.png", 3, 8, 3, rows, PLTE=bytes([9, 9, 9, 0, 0, 0, 7, 8, 9]), tRNS=b"\xff\x80")
    )
    assert image[0].tolist() == [[9, 9, 9], [127, 127, 127], [7, 8, 9]]
    Image.fromarray(GREY > 100).save(tmp_path / "b.png")
    assert np.array_equal(read_image(tmp_path / "b.png")[..., 0], np.where(GREY > 100, 255, 0))


def test_premultiplied_grey_and_colours_are_told_from_plain_ones(tmp_path: Path, quiet: None) -> None:
    grey = np.full((4, 4, 2), (50, 128), np.uint8)
    for extra in (1, 2):
        seen = read_image(tiff(tmp_path / "a.tif", grey, photometric=1, extra=extra))[0, 0, 0]
        assert abs(int(seen) - {1: 50 + 127, 2: 50 * 128 // 255 + 127}[extra]) <= 1


@pytest.mark.parametrize("mode", ["HSV", "YCbCr", "LAB", "La", "RGBa", "PA", "RGBX", "I;16B", "I;16L", "1"])
def test_every_mode_of_pillow_comes_in(mode: str) -> None:
    assert to_rgb(Image.new(mode, (3, 2))).shape == (2, 3, 3)


def test_hue_and_luma_are_converted(tmp_path: Path, quiet: None) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert np.abs(to_rgb(Image.fromarray(colours).convert("HSV")).astype(int) - colours).mean() < 3
    Image.fromarray(colours).convert("YCbCr").save(tmp_path / "a.tif")
    assert np.abs(read_image(tmp_path / "a.tif").astype(int) - colours).mean() < 2


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif"])
def test_files_of_several_pictures_are_warned_of_once(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "green")]
    path = tmp_path / f"a{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], **({} if suffix == ".tif" else {"duration": 100}))
    with pytest.warns(UserWarning, match=rf"a\{suffix} holds 3 pictures") as caught:
        for _ in range(3):
            with warnings.catch_warnings():  # as libraries do; it makes Python forget what it has shown
                read_image(path)
    assert len(caught) == 1


def test_a_preview_beside_a_photograph_is_no_animation(tmp_path: Path, quiet: None) -> None:
    frames = [Image.new("RGB", (16, 16), "red"), Image.new("RGB", (8, 8), "red")]
    frames[0].save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=frames[1:])
    assert read_image(tmp_path / "a.jpg").shape == (16, 16, 3)


def test_compressed_and_turned_tiffs_of_sixteen_bits(tmp_path: Path, quiet: None) -> None:
    ramp = Image.fromarray(GREY.astype(np.uint16) * 257)
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[274], info[281] = 6, 65535
    ramp.save(tmp_path / "a.tif", tiffinfo=info, compression="tiff_lzw")
    assert np.array_equal(read_image(tmp_path / "a.tif")[..., 0], np.rot90(GREY, -1))
