"""Pictures that say that they are not sRGB come in as sRGB; those that say so, or nothing, keep their pixels."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from tedbench.image import read_image, write_png
from tests.tedbench.profiles import SPACES, cmyk_profile, encoded, grey_profile, profile, rgb_profile, sampled

GAMMA = b"gAMA"
CLEAR = {".jpg": {"quality": 100, "subsampling": 0}, ".webp": {"lossless": True}}
"""How to write without loss, or almost."""


def patches(least: float = 0.15, most: float = 0.85) -> np.ndarray:
    """(64, 64, 3) uint8 sRGB of colours that every space here has."""
    colours = np.random.default_rng(0).uniform(least, most, (8, 8, 3))
    return (np.kron(colours, np.ones((8, 8, 1))) * 255).round().astype(np.uint8)


def eight_bit(values: np.ndarray) -> Image.Image:
    return Image.fromarray((values * 255).round().astype(np.uint8))


def png(colour_type: int, depth: int, rows: np.ndarray, chunks: dict[bytes, bytes]) -> bytes:
    """A PNG as Pillow does not write it; rows are (H, bytes) uint8."""
    header = struct.pack(
        ">IIBBBBB", rows.shape[1] * 8 // depth // (3 if colour_type == 2 else 1), len(rows), depth, colour_type, 0, 0, 0
    )
    data = np.concatenate([np.zeros((len(rows), 1), np.uint8), rows], axis=1).tobytes()
    parts = {b"IHDR": header, **chunks, b"IDAT": zlib.compress(data), b"IEND": b""}
    body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts.items())
    return b"\x89PNG\r\n\x1a\n" + body


def sixteen(values: np.ndarray) -> np.ndarray:
    """(H, bytes) uint8 of (H, W, 3) values from 0 to 1, big-endian."""
    return (values * 65535).round().astype(">u2").reshape(len(values), -1).view(np.uint8)


def far(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """In dB."""
    return 10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2))


@pytest.fixture
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("space", ["Display P3", "Adobe RGB", "ProPhoto", "linear sRGB"])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".webp"])
def test_other_spaces_come_in_as_srgb(tmp_path: Path, space: str, suffix: str, quiet: None) -> None:
    path, expected = tmp_path / f"a{suffix}", patches()
    picture = eight_bit(encoded(expected, space))
    picture.save(path, icc_profile=rgb_profile(space), **CLEAR.get(suffix, {}))
    assert psnr(read_image(path), expected) > 40
    assert psnr(np.asarray(picture), expected) < 26  # what it would be taken for


@pytest.mark.parametrize("points", [16, 26, 42, 1024, 4096])
def test_srgb_is_known_by_what_it_does_whatever_it_is_called(tmp_path: Path, points: int, quiet: None) -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png", icc_profile=rgb_profile("sRGB", points, "a monitor of 1999"))
    assert np.array_equal(read_image(tmp_path / "a.png"), image)
    built_in = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(image).save(tmp_path / "b.png", icc_profile=built_in)
    assert np.array_equal(read_image(tmp_path / "b.png"), image)


def test_a_profile_called_srgb_that_is_another_is_converted(tmp_path: Path) -> None:
    expected = patches()
    named = rgb_profile("Display P3", description="sRGB IEC61966-2.1")
    eight_bit(encoded(expected, "Display P3")).save(tmp_path / "a.png", icc_profile=named)
    assert far(read_image(tmp_path / "a.png"), expected) <= 3


def test_alpha_is_kept_and_lies_on_white_after_the_conversion(tmp_path: Path) -> None:
    expected = patches()
    picture = eight_bit(encoded(expected, "Adobe RGB"))
    alpha = np.full((64, 64), 255, np.uint8)
    alpha[:, :32], alpha[:8] = 128, 0
    picture.putalpha(Image.fromarray(alpha))
    picture.save(tmp_path / "a.png", icc_profile=rgb_profile("Adobe RGB"))
    share = alpha[..., None] / 255
    assert far(read_image(tmp_path / "a.png"), (expected * share + 255 * (1 - share)).round()) <= 3


def test_palettes_are_converted_and_their_transparent_colour_is_white(tmp_path: Path) -> None:
    expected = patches()
    picture = eight_bit(encoded(expected, "ProPhoto")).quantize(64)
    picture.save(tmp_path / "a.png", icc_profile=rgb_profile("ProPhoto"), transparency=picture.getpixel((0, 0)))
    image = read_image(tmp_path / "a.png")
    assert (image[:8, :8] == 255).all()
    assert np.abs(image[8:].astype(int) - expected[8:]).mean() < 5  # quantisation moves some colours


def test_pictures_turned_by_exif_are_converted_too(tmp_path: Path) -> None:
    expected, exif = patches(), Image.Exif()
    exif[0x0112] = 6
    picture = eight_bit(encoded(expected, "Display P3")).transpose(Image.Transpose.ROTATE_90)
    for suffix in ("png", "jpg", "tif"):
        picture.save(
            tmp_path / f"a.{suffix}", icc_profile=rgb_profile("Display P3"), exif=exif, **CLEAR.get(f".{suffix}", {})
        )
        difference = np.abs(read_image(tmp_path / f"a.{suffix}").astype(int) - expected)
        assert difference.mean() < 2, suffix


def test_grey_profiles_are_converted_and_grey_of_srgbs_curve_kept(tmp_path: Path, quiet: None) -> None:
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    light = (np.arange(256) / 255) ** 1.8
    expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    for suffix in ("png", "tif", "jpg"):
        ramp.save(tmp_path / f"a.{suffix}", icc_profile=grey_profile("1.8"), quality=100)
        image = read_image(tmp_path / f"a.{suffix}").reshape(-1, 3)
        assert np.abs(image - expected[:, None]).max() < 4
    for kept in (grey_profile("srgb"), rgb_profile("Display P3")):  # of a colour picture that was made grey
        ramp.save(tmp_path / "b.png", icc_profile=kept)
        assert np.array_equal(read_image(tmp_path / "b.png")[..., 0], np.asarray(ramp))


@pytest.mark.parametrize("made", [lambda: grey_profile("linear"), lambda: rgb_profile("linear sRGB")])
def test_sixteen_bit_grey_keeps_its_depth_through_a_profile(tmp_path: Path, made: Callable[[], bytes]) -> None:
    expected = np.arange(4, 256, dtype=np.uint8).reshape(12, 21)
    light = encoded(expected[..., None].repeat(3, 2), "linear sRGB")[..., 0]
    picture = Image.fromarray((light * 65535).round().astype(np.uint16))
    picture.save(tmp_path / "a.tif", icc_profile=made())
    assert far(read_image(tmp_path / "a.tif"), expected[..., None]) <= 2


@pytest.mark.parametrize("space", ["linear sRGB", "ProPhoto"])
def test_sixteen_bit_colours_keep_their_depth_through_a_profile(tmp_path: Path, space: str) -> None:
    expected = patches(0.02, 0.3)
    iccp = b"mine\0\0" + zlib.compress(rgb_profile(space))
    (tmp_path / "a.png").write_bytes(png(2, 16, sixteen(encoded(expected, space).clip(0, 1)), {b"iCCP": iccp}))
    assert np.abs(read_image(tmp_path / "a.png").astype(int) - expected).mean() < 1


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_is_converted_by_its_inks(tmp_path: Path, suffix: str, quiet: None) -> None:
    for ink, expected in (
        ((0, 0, 0, 0), (255, 255, 255)),
        ((255, 0, 0, 0), (0, 137, 166)),
        ((0, 0, 0, 255), (47, 47, 47)),
    ):
        picture = Image.new("CMYK", (16, 16), ink)
        picture.save(
            tmp_path / f"a{suffix}", icc_profile=cmyk_profile(), **({"quality": 100} if suffix == ".jpg" else {})
        )
        assert far(read_image(tmp_path / f"a{suffix}"), np.array(expected)) <= 3


def test_the_darkest_ink_is_black(tmp_path: Path) -> None:
    scanned = cmyk_profile(darkest=60, device=b"scnr")  # of printers, littlecms wants the tables back to ink as well
    Image.new("CMYK", (16, 16), (255,) * 4).save(tmp_path / "a.tif", icc_profile=scanned)
    assert read_image(tmp_path / "a.tif").max() <= 3


def test_cmyk_jpegs_are_inverted_with_adobes_mark_alone(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 200, 100, 30)).save(tmp_path / "a.jpg", quality=100)
    marked = (tmp_path / "a.jpg").read_bytes()
    at = marked.index(b"\xff\xee")
    (tmp_path / "b.jpg").write_bytes(marked[:at] + marked[at + 2 + int.from_bytes(marked[at + 2 : at + 4], "big") :])
    same, turned = Image.new("CMYK", (16, 16), (0, 200, 100, 30)), Image.new("CMYK", (16, 16), (255, 55, 155, 225))
    assert far(read_image(tmp_path / "a.jpg"), np.asarray(same.convert("RGB"))) <= 3
    assert far(read_image(tmp_path / "b.jpg"), np.asarray(turned.convert("RGB"))) <= 3


def damaged() -> bytes:
    good = bytearray(rgb_profile("Display P3"))
    good[300:] = good[300:][::-1]
    return bytes(good)


@pytest.mark.parametrize(
    "made",
    [
        lambda: b"this is no profile" * 20,
        lambda: rgb_profile("Display P3")[:200],
        damaged,
        cmyk_profile,
        lambda: grey_profile("1.8"),
        lambda: profile(b"RGB ", {b"kTRC": sampled(lambda v: v, 16)}, "mine"),
        lambda: profile(b"RGB ", {}, "mine", b"link"),
    ],
    ids=["junk", "cut", "damaged", "cmyk", "grey", "empty", "link"],
)
def test_profiles_that_cannot_be_used_are_warned_of_once_and_left(tmp_path: Path, made: Callable[[], bytes]) -> None:
    image = patches()
    Image.fromarray(image).save(tmp_path / "a.png", icc_profile=made())
    with pytest.warns(UserWarning) as caught:
        for _ in range(3):
            assert np.array_equal(read_image(tmp_path / "a.png"), image)
    assert len(caught) == 1
    message = str(caught[0].message)
    assert str(tmp_path / "a.png") in message and "profile that cannot be used" in message and "\n" not in message


def test_a_profile_that_does_not_unpack_is_warned_of(tmp_path: Path) -> None:
    image = patches()
    rows = image.reshape(64, -1)
    (tmp_path / "a.png").write_bytes(png(2, 8, rows, {b"iCCP": b"mine\0\0not compressed"}))
    with pytest.warns(UserWarning, match=r"a\.png has a colour profile that cannot be used"):
        assert np.array_equal(read_image(tmp_path / "a.png"), image)


def test_png_gamma_is_honoured_where_nothing_better_is_said(tmp_path: Path, quiet: None) -> None:
    expected = patches(0.02, 0.9)
    light = encoded(expected, "linear sRGB")
    for name, gamma in (("linear", 100000), ("mac", 55556), ("srgb", 45455)):
        rows = sixteen(light ** (gamma / 100000) if name != "srgb" else expected / 255)
        chunks = {GAMMA: struct.pack(">I", gamma)}
        (tmp_path / "a.png").write_bytes(png(2, 16, rows, chunks))
        assert far(read_image(tmp_path / "a.png"), expected) <= (0 if name == "srgb" else 1), name
    for better in ({b"sRGB": b"\0"}, {b"iCCP": b"mine\0\0" + zlib.compress(rgb_profile("sRGB"))}):
        (tmp_path / "b.png").write_bytes(
            png(2, 8, expected.reshape(64, -1), {**better, GAMMA: struct.pack(">I", 100000)})
        )
        assert np.array_equal(read_image(tmp_path / "b.png"), expected)


def test_png_gamma_of_grey_with_a_transparent_value(tmp_path: Path) -> None:
    rows = (np.array([[0, 1000, 30000, 65535]]).astype(">u2")).view(np.uint8)
    chunks = {GAMMA: struct.pack(">I", 100000), b"tRNS": struct.pack(">H", 1000)}
    (tmp_path / "a.png").write_bytes(png(0, 16, rows, chunks))
    light = 30000 / 65535
    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [
        0,
        255,
        round(255 * (1.055 * light ** (1 / 2.4) - 0.055)),
        255,
    ]


def chromaticities(space: str) -> bytes:
    return struct.pack(">8I", *(round(value * 100000) for xy in SPACES[space][:4] for value in xy))


def test_png_chromaticities_are_honoured(tmp_path: Path, quiet: None) -> None:
    expected = patches()
    for space, exact in (("Adobe RGB", False), ("Display P3", False), ("ProPhoto", False), ("sRGB", True)):
        gamma = {"Adobe RGB": 45471, "ProPhoto": 55556}.get(space, 45455)
        values = encoded(expected, space)
        chunks = {GAMMA: struct.pack(">I", gamma), b"cHRM": chromaticities(space)}
        (tmp_path / "a.png").write_bytes(png(2, 8, np.asarray(eight_bit(values)).reshape(64, -1), chunks))
        assert far(read_image(tmp_path / "a.png"), expected) <= (0 if exact else 6), space


@pytest.mark.parametrize("chunks", [{b"cHRM": bytes(32)}, {GAMMA: bytes(4)}, {b"cICP": bytes([9, 16, 0, 1])}])
def test_png_chunks_that_mean_nothing_here_are_warned_of(tmp_path: Path, chunks: dict[bytes, bytes]) -> None:
    image = patches()
    (tmp_path / "a.png").write_bytes(png(2, 8, image.reshape(64, -1), chunks))
    with pytest.warns(UserWarning, match=r"a\.png has a colour profile that cannot be used"):
        assert np.array_equal(read_image(tmp_path / "a.png"), image)


def test_png_cicp_goes_before_all_others(tmp_path: Path, quiet: None) -> None:
    expected = patches()
    rows = np.asarray(eight_bit(encoded(expected, "Display P3"))).reshape(64, -1)
    chunks = {b"cICP": bytes([12, 13, 0, 1]), b"iCCP": b"mine\0\0" + zlib.compress(rgb_profile("Adobe RGB"))}
    (tmp_path / "a.png").write_bytes(png(2, 8, rows, chunks))
    assert far(read_image(tmp_path / "a.png"), expected) <= 3
    (tmp_path / "a.png").write_bytes(png(2, 8, expected.reshape(64, -1), {b"cICP": bytes([1, 13, 0, 1])}))
    assert np.array_equal(read_image(tmp_path / "a.png"), expected)


def test_cameras_adobe_rgb_without_a_profile_is_known(tmp_path: Path) -> None:
    expected, exif = patches(), Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 65535
    exif.get_ifd(0x8769)[0xA005] = {1: "R03", 2: b"0100"}
    picture = eight_bit(encoded(expected, "Adobe RGB"))
    picture.save(tmp_path / "a.jpg", exif=exif, quality=100, subsampling=0)
    assert far(read_image(tmp_path / "a.jpg"), expected) <= 5


def test_lab_is_converted(tmp_path: Path) -> None:
    expected = patches()
    lab = ImageCms.createProfile("LAB")
    picture = ImageCms.profileToProfile(
        Image.fromarray(expected), ImageCms.createProfile("sRGB"), lab, outputMode="LAB"
    )
    picture.save(tmp_path / "a.tif")
    assert psnr(read_image(tmp_path / "a.tif"), expected) > 40


def test_written_pictures_carry_nothing_but_pixels(tmp_path: Path) -> None:
    eight_bit(encoded(patches(), "Display P3")).save(tmp_path / "a.png", icc_profile=rgb_profile("Display P3"))
    write_png(tmp_path / "b.png", read_image(tmp_path / "a.png"))
    with Image.open(tmp_path / "b.png") as written:
        assert written.info == {} and ImageOps.exif_transpose(written).mode == "RGB"
    assert np.array_equal(read_image(tmp_path / "b.png"), read_image(tmp_path / "a.png"))
