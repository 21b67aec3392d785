"""Colour conversion of input images: those whose file says that they are not sRGB are converted to it.

Profiles are converted by littlecms, relative to the media's white and with black point compensation, as browsers and
photo editors do by default: white stays white, black black, colours within sRGB stay exact, and others become the
nearest colour in it. (A perceptual intent would shift all colours, and differently with each profile's maker.)
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from tedbench.depth import FileHeader, Levels
from tedbench.once import warn_once

NEAR = 2
"""Largest shift, of 255, of a profile that counts as sRGB: such profiles differ by rounding, and pixels are kept."""
SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
"""Chromaticities, x and y of white, red, green and blue (IEC 61966-2-1)."""
ADOBE_RGB = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
"""Adobe RGB (1998), whose exponent is 563/256."""
PRIMARIES = {1: SRGB, 9: (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)}
PRIMARIES |= {12: (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)}
"""Primaries by cICP's numbers (ITU-T H.273): BT.709, BT.2020, P3 with the white of daylight."""
CURVES = {13: None, 4: 2.2, 5: 2.8, 8: 1.0}
"""Transfer curves by cICP's numbers: sRGB's curve, exponents of 2.2 and 2.8, linear."""
GAMMA_TOLERANCE = 0.05
"""A PNG's gAMA within this relative distance of 1/2.2 means sRGB's curve, as in libpng."""
ROWS = 256
"""Rows computed at a time, so that memory does not grow with the image."""
SPACES = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}
DEVICES = ("scnr", "mntr", "prtr", "spac")
"""Classes of profiles that describe an image's colours; others link or rename colours."""


class ProfileError(Exception):
    """A colour description that cannot be used for the image; the message says why."""


class Encoding(NamedTuple):
    """The relation of pixel values to light.

    Attributes:
        exponent: light is the value to this power; None for sRGB's curve.
        primaries: chromaticities in the order of :data:`SRGB`.
    """

    exponent: float | None
    primaries: tuple[float, ...]

    def to_srgb(self, values: np.ndarray) -> np.ndarray:
        """Convert (H, W, 3) values from 0 to 1 to (H, W, 3) uint8 in sRGB."""
        result = np.empty(values.shape, np.uint8)
        matrix = _matrix(self.primaries)
        for top in range(0, len(values), ROWS):
            part = values[top : top + ROWS].clip(0, 1)
            light = part**self.exponent if self.exponent else _decoded(part)
            if self.primaries != SRGB:
                light = (light @ matrix.T).clip(0, 1)
            encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
            result[top : top + ROWS] = (encoded * 255).round()
        return result

    @property
    def is_srgb(self) -> bool:
        """True if no colour would move noticeably."""
        return _nearly(self.to_srgb(_colours() / 255), _colours())


def colour_description(info: Mapping[Any, Any], header: FileHeader) -> bytes | Encoding | None:
    """Return the colour description of an image that is not sRGB: its ICC profile, a PNG's chunks or a camera's EXIF.

    A PNG's cICP has precedence over its profile, that over sRGB, and that over gAMA and cHRM (PNG, third edition, 4.3).

    Args:
        info: Pillow's dictionary of the image.
        header: of the file.

    Returns:
        The profile's bytes or an encoding; None for sRGB.

    Raises:
        ProfileError: the description is damaged or of an unknown kind.
    """
    if header.format == "PNG" and header.path is not None and (code := _chunk(header, b"cICP")):
        if len(code) != 4 or code[0] not in PRIMARIES or code[1] not in CURVES or code[2] != 0 or code[3] != 1:
            raise ProfileError(f"cICP {' '.join(map(str, code))} is not known here")
        return _unless_srgb(Encoding(CURVES[code[1]], PRIMARIES[code[0]]))
    if "icc_profile" in info:
        if not info["icc_profile"]:
            raise ProfileError("it is damaged")
        return bytes(info["icc_profile"])
    if "srgb" in info:
        return None
    if "gamma" in info or "chromaticity" in info:
        return _unless_srgb(Encoding(_exponent(info.get("gamma")), _chromaticities(info.get("chromaticity"))))
    return _unless_srgb(Encoding(563 / 256, ADOBE_RGB)) if _camera_says_adobe(info) else None


def convert(image: Image.Image, levels: Levels | None, meaning: bytes | Encoding) -> np.ndarray | None:
    """Convert the image to sRGB, (H, W, 3) uint8; return None if it is sRGB already.

    Args:
        image: of mode L, RGB or CMYK, 8 bits.
        levels: its values at the file's own depth, if that is more than 8 bits.
        meaning: its profile or encoding.

    Raises:
        ProfileError: the profile is damaged, or for another kind of image.
    """
    if isinstance(meaning, bytes):
        space = _space(meaning)
        if image.mode == "L" and space == "RGB":  # a colour image that was made grey and kept its profile
            image = image.convert("RGB")
        if SPACES.get(space) != image.mode:
            raise ProfileError(f"it is one of {space or 'no'} colours, the picture has {image.mode}")
        transform = _transform(meaning, image.mode)
        if transform is None:
            return None
        return np.array(transform.apply(image)) if levels is None else _between(transform, levels, image.mode)
    if image.mode == "CMYK":
        raise ProfileError("it is one of RGB colours, the picture has CMYK")
    values = np.asarray(image) / 255 if levels is None else levels.values / levels.white
    return meaning.to_srgb(values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2))


def warn_unsuitable(header: FileHeader, reason: ProfileError) -> None:
    """Warn that an image is read as sRGB although its file says otherwise."""
    warn_once(
        f"{header.name} has a colour profile that cannot be used ({reason}); it is read as sRGB. "
        "Save it as sRGB where its colours look wrong."
    )


@lru_cache(maxsize=32)
def _space(profile: bytes) -> str:
    return _opened(profile).profile.xcolor_space.strip()


def _opened(profile: bytes) -> ImageCms.ImageCmsProfile:
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    except (OSError, ImageCms.PyCMSError):
        raise ProfileError("it is damaged") from None
    if opened.profile.device_class.strip() not in DEVICES:
        raise ProfileError(f"its class is {opened.profile.device_class.strip()!r}, not a device's")
    return opened


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform from a profile to sRGB; None if it would change nothing."""
    try:
        transform = ImageCms.ImageCmsTransform(
            _opened(profile),
            ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION
            | (ImageCms.Flags.NOOPTIMIZE if mode == "L" else ImageCms.Flags.NONE),  # its tables for grey are coarse
        )
    except (OSError, ImageCms.PyCMSError, ValueError):
        raise ProfileError("it is damaged") from None
    if mode == "CMYK":
        return transform
    colours = _colours()[:, -256:] if mode == "L" else _colours()
    after = np.asarray(transform.apply(Image.fromarray(colours).convert(mode)))
    if after[-1, -1].min() < 128:
        raise ProfileError("it is damaged: white would be dark")
    return None if _nearly(after, colours) else transform


def _between(transform: ImageCms.ImageCmsTransform, levels: Levels, mode: str) -> np.ndarray:
    """Transform an image of more than 8 bits, which Pillow cannot: interpolate between its 8-bit neighbours.

    Linear light needs this: a step of 1 in 255 is one of 13 in sRGB near black.
    """
    parts = []
    for top in range(0, len(levels.values), ROWS):
        values = (levels.values[top : top + ROWS] / (levels.white / 255)).clip(0, 255)
        values = values[..., None] if values.ndim == 2 else values
        values = np.repeat(values, 3, axis=2) if mode == "RGB" and values.shape[2] == 1 else values
        below = np.minimum(values, 254).astype(np.uint8)
        shares = values - below
        mixed = np.zeros((*values.shape[:2], 3))
        for corner in product((0, 1), repeat=values.shape[2]):
            weights = np.where(corner, shares, 1 - shares).prod(axis=2, keepdims=True)
            colours = below + np.array(corner, np.uint8)
            mixed += weights * np.asarray(
                transform.apply(Image.fromarray(colours if mode == "RGB" else colours[..., 0]))
            )
        parts.append(mixed.round().astype(np.uint8))
    return np.concatenate(parts)


@lru_cache(maxsize=1)
def _colours() -> np.ndarray:
    """Return (1, 17³ + 256, 3) uint8: colours over all of RGB, then the greys up to white."""
    steps = np.linspace(0, 255, 17).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(1, -1, 3)
    greys = np.arange(256, dtype=np.uint8).reshape(1, -1, 1).repeat(3, axis=2)
    return np.concatenate([cube, greys], axis=1)


def _nearly(after: np.ndarray, before: np.ndarray) -> bool:
    return int(np.abs(after.astype(int) - before.astype(int)).max()) <= NEAR


@lru_cache(maxsize=32)
def _unless_srgb(encoding: Encoding) -> Encoding | None:
    return None if encoding.is_srgb else encoding


def _decoded(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


@lru_cache(maxsize=32)
def _matrix(primaries: tuple[float, ...]) -> np.ndarray:
    """Return (3, 3): light of the primaries to light of sRGB's, white to white (Bradford's adaptation)."""
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    cones = [bradford @ _xyz(np.array(c[:2])) for c in (primaries, SRGB)]
    adapt = np.linalg.inv(bradford) @ np.diag(cones[1] / cones[0]) @ bradford
    result: np.ndarray = np.linalg.inv(_to_xyz(SRGB)) @ adapt @ _to_xyz(primaries)
    return result


def _to_xyz(primaries: tuple[float, ...]) -> np.ndarray:
    columns = np.stack([_xyz(np.array(primaries[at : at + 2])) for at in (2, 4, 6)], axis=1)
    result: np.ndarray = columns * np.linalg.solve(columns, _xyz(np.array(primaries[:2])))
    return result


def _xyz(xy: np.ndarray) -> np.ndarray:
    return np.array([xy[0] / xy[1], 1.0, (1 - xy.sum()) / xy[1]])


def _exponent(gamma: float | None) -> float | None:
    if gamma is None or abs(gamma * 2.2 - 1) < GAMMA_TOLERANCE:
        return None
    if not 0.05 <= gamma <= 20:
        raise ProfileError(f"gAMA is {gamma:g}")
    return 1 / gamma


def _chromaticities(values: tuple[float, ...] | None) -> tuple[float, ...]:
    if values is None:
        return SRGB
    try:
        if (
            min(values) < 0
            or min(values[1::2]) == 0
            or not np.isfinite(matrix := _matrix(tuple(values))).all()
            or np.abs(matrix).max() > 20
        ):
            raise ValueError
    except (ValueError, ZeroDivisionError, np.linalg.LinAlgError):
        raise ProfileError(f"cHRM {' '.join(f'{value:g}' for value in values)} is no set of colours") from None
    return tuple(values)


def _camera_says_adobe(info: Mapping[Any, Any]) -> bool:
    """True if EXIF has the interoperability index R03 (DCF 2.0), which cameras write for Adobe RGB."""
    if b"R03" not in (info.get("exif") or b""):
        return False
    exif = Image.Exif()
    exif.load(info["exif"])
    return str(exif.get_ifd(ExifTags.IFD.Interop).get(1, "")).startswith("R03")


def _chunk(header: FileHeader, name: bytes) -> bytes | None:
    """Return a chunk before the pixels that Pillow does not read."""
    assert header.path is not None
    with open(header.path, "rb") as file:
        file.seek(8)
        stream = PngImagePlugin.ChunkStream(file)
        while True:
            kind, _, length = stream.read()
            if kind in (b"IDAT", b"IEND"):
                return None
            content = file.read(length)
            if kind == name:
                return content
            file.seek(4, 1)
