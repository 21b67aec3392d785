"""Whatever a file holds, it comes in as RGB uint8, or with a clear reason why not."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tedbench import image as module
from tedbench.errors import ImageError
from tedbench.image import read_image, square, write_png


def saved(path: Path, picture: Image.Image, **options: object) -> Path:
    picture.save(path, **options)
    return path


def rgb_png(width: int, height: int, depth: int, rows: bytes) -> bytes:
    """A PNG as Pillow does not write it."""
    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    picture = Image.new("RGB", (30, 20), "white")
    picture.paste("black", (0, 0, 10, 10))  # upper left as stored
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned 90° clockwise
    image = read_image(saved(tmp_path / "a.png", picture, exif=exif))
    assert image.shape == (30, 20, 3)
    assert (image[:10, 10:] == 0).all()
    assert (image[:, :10] == 255).all()


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[0, 0] = (255, 0, 0, 255)
    pixels[1, 1] = (0, 0, 0, 128)
    image = read_image(saved(tmp_path / "a.png", Image.fromarray(pixels)))
    assert tuple(image[0, 0]) == (255, 0, 0)
    assert tuple(image[1, 1]) == (127, 127, 127)
    assert tuple(image[2, 2]) == (255, 255, 255)


def test_grey_is_expanded(tmp_path: Path) -> None:
    image = read_image(saved(tmp_path / "a.png", Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4))))
    assert image.shape == (4, 4, 3)
    assert (image == np.arange(16).reshape(4, 4, 1)).all()


def test_grey_with_transparency_lies_on_white(tmp_path: Path) -> None:
    image = read_image(saved(tmp_path / "a.png", Image.new("LA", (2, 2), (10, 0))))
    assert (image == 255).all()


def test_palette_is_expanded_and_its_transparent_colour_is_white(tmp_path: Path) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([200, 10, 20, 0, 0, 255])
    picture.putpixel((1, 0), 1)
    assert read_image(saved(tmp_path / "a.png", picture)).tolist() == [[[200, 10, 20], [0, 0, 255]]]
    assert read_image(saved(tmp_path / "b.png", picture, transparency=1)).tolist() == [[[200, 10, 20], [255, 255, 255]]]


def test_sixteen_bits_are_scaled_not_cut(tmp_path: Path) -> None:
    values = np.array([[0, 257, 32896, 65535]], np.uint16)
    image = read_image(saved(tmp_path / "a.png", Image.fromarray(values)))
    assert image[0, :, 0].tolist() == [0, 1, 128, 255]


def test_cmyk_jpeg_is_converted(tmp_path: Path) -> None:
    image = read_image(saved(tmp_path / "a.jpg", Image.new("CMYK", (8, 8), (0, 0, 0, 0))))
    assert (image > 250).all()


def test_content_counts_not_the_extension(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.new("RGB", (8, 8), "red"), format="JPEG")
    assert read_image(path).shape == (8, 8, 3)


def test_truncated_file_is_told_of(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "a.jpg", Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    )
    path.write_bytes(path.read_bytes()[:-800])
    with pytest.raises(ImageError, match=r"a\.jpg cannot be read as an image"):
        read_image(path)


def test_truncated_png_is_told_of(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = saved(tmp_path / "a.png", Image.fromarray(pixels))
    for kept in (5000, 40):  # within the pixels, and within the header's next chunk
        path.write_bytes(path.read_bytes()[:kept])
        with pytest.raises(ImageError, match=r"a\.png cannot be read as an image"):
            read_image(path)


def test_one_pixel_becomes_a_square_of_its_colour(tmp_path: Path) -> None:
    image = read_image(saved(tmp_path / "a.png", Image.new("RGB", (1, 1), (10, 20, 30))))
    assert image.shape == (1, 1, 3)
    assert (square(image, 64) == (10, 20, 30)).all()


def test_long_pictures_are_read_and_too_large_ones_refused_by_their_header(tmp_path: Path) -> None:
    assert read_image(saved(tmp_path / "a.png", Image.new("RGB", (20_000, 40), "red"))).shape == (40, 20_000, 3)
    (tmp_path / "b.png").write_bytes(rgb_png(20_000, 20_000, 8, b""))
    with pytest.raises(ImageError, match=r"b\.png .* pixels"):
        read_image(tmp_path / "b.png")


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_of_an_animation_the_first_picture_counts(tmp_path: Path, suffix: str) -> None:
    first, second = (Image.new("RGB", (16, 16), color) for color in ("red", "blue"))
    path = saved(tmp_path / f"a{suffix}", first, save_all=True, append_images=[second], duration=100)
    assert (np.abs(read_image(path).astype(int) - (255, 0, 0)) < 6).all()


def test_sixteen_bit_colours_are_scaled_not_cut(tmp_path: Path) -> None:
    rows = b"".join(b"\0" + struct.pack(">6H", 65535, 32896, 257, 0, 65535, 128) for _ in range(2))
    (tmp_path / "a.png").write_bytes(rgb_png(2, 2, 16, rows))
    assert read_image(tmp_path / "a.png")[0].tolist() == [[255, 128, 1], [0, 255, 0]]


@pytest.mark.parametrize("data", [b"", b"this is a text", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_told_of(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(ImageError, match=r"a\.png cannot be read as an image"):
        read_image(tmp_path / "a.png")


def test_folder_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read as an image"):
        read_image(tmp_path)


def test_missing_file_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"a\.png does not exist"):
        read_image(tmp_path / "a.png")


def test_huge_picture_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PIXELS", 99)
    with pytest.raises(ImageError, match="10×10 pixels, more than 99"):
        read_image(saved(tmp_path / "a.png", Image.new("RGB", (10, 10))))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)  # Pillow's own guard speaks first
    with pytest.raises(ImageError, match="cannot be read as an image"):
        read_image(tmp_path / "a.png")


def test_square_takes_the_middle() -> None:
    image = np.zeros((4, 8, 3), np.uint8)
    image[:, 2:6] = 9
    assert (square(image, 4) == 9).all()
    assert (square(np.ascontiguousarray(image.transpose(1, 0, 2)), 2) == 9).all()


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    write_png(tmp_path / "a.png", image)
    assert np.array_equal(read_image(tmp_path / "a.png"), image)
