"""Small ICC profiles made here, since none may be shipped: what Display P3 and others are, under names of our own."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
D65_XY = (0.3127, 0.3290)
CURVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "srgb": lambda v: np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4),
    "2.2": lambda v: v ** (563 / 256),
    "1.8": lambda v: v**1.8,
    "linear": lambda v: v,
}
"""Values to light."""
SPACES = {
    "sRGB": (D65_XY, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06), "srgb"),
    "Display P3": (D65_XY, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060), "srgb"),
    "Adobe RGB": (D65_XY, (0.64, 0.33), (0.21, 0.71), (0.15, 0.06), "2.2"),
    "ProPhoto": ((0.3457, 0.3585), (0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), "1.8"),
    "linear sRGB": (D65_XY, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06), "linear"),
}


def xyz(xy: Sequence[float]) -> np.ndarray:
    return np.array([xy[0] / xy[1], 1, (1 - xy[0] - xy[1]) / xy[1]])


def to_d50(space: str) -> np.ndarray:
    """(3, 3): light of a space's primaries to XYZ at D50."""
    white, *primaries, _ = SPACES[space]
    columns = np.stack([xyz(p) for p in primaries], axis=1)
    columns = columns * np.linalg.solve(columns, xyz(white))
    scale = (BRADFORD @ np.array(D50)) / (BRADFORD @ xyz(white))
    return np.linalg.inv(BRADFORD) @ np.diag(scale) @ BRADFORD @ columns


def encoded(srgb: np.ndarray, space: str) -> np.ndarray:
    """sRGB (H, W, 3) uint8 in another space: values from 0 to 1."""
    light = CURVES["srgb"](srgb / 255) @ (np.linalg.inv(to_d50(space)) @ to_d50("sRGB")).T
    steps = np.linspace(0, 1, 1 << 16)
    return np.interp(light, CURVES[SPACES[space][-1]](steps), steps)


def rgb_profile(space: str, points: int = 4096, description: str = "mine") -> bytes:
    """With matrix and curves, version 2."""
    matrix = to_d50(space)
    curve = sampled(CURVES[SPACES[space][-1]], points)
    tags = {b"rXYZ": of_xyz(matrix[:, 0]), b"gXYZ": of_xyz(matrix[:, 1]), b"bXYZ": of_xyz(matrix[:, 2])}
    return profile(b"RGB ", tags | {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}, description)


def grey_profile(curve: str) -> bytes:
    return profile(b"GRAY", {b"kTRC": sampled(CURVES[curve], 4096)}, "mine")


def cmyk_profile(darkest: int = 0, device: bytes = b"prtr") -> bytes:
    """On yellowish paper, with an L of at least ``darkest`` of 255: an ink set whose full cyan is a dark teal and whose black is dark grey, not the complement of RGB."""
    inks = np.array([[128, 90, 100], [120, 190, 120], [230, 120, 220], [50, 128, 128]], float)  # L, a, b in 8 bits
    grid = []
    for at in range(16):
        lab = np.array([255.0, 128, 128])
        for ink in range(4):
            if at >> (3 - ink) & 1:
                lab = np.array([lab[0] * inks[ink][0] / 255, *(lab[1:] + inks[ink][1:] - 128)])
        lab = np.array([float(darkest), 128, 128]) if lab[0] < darkest else lab
        grid.append(lab.clip(0, 255).round().astype(np.uint8).tobytes())
    ramp = bytes(range(256))
    lut = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + struct.pack(">9i", *(np.eye(3).astype(int) * 65536).ravel())
    paper = of_xyz((0.88, 0.9, 0.65))
    table = lut + ramp * 4 + b"".join(grid) + ramp * 3
    return profile(b"CMYK", {b"wtpt": paper, b"A2B0": table, b"A2B1": table}, "mine", device, b"Lab ")


def profile(
    space: bytes, tags: dict[bytes, bytes], description: str, device: bytes = b"mntr", pcs: bytes = b"XYZ "
) -> bytes:
    text = description.encode()
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text + bytes(1 + 12 + 67 + 3),
        b"wtpt": of_xyz(D50),
        b"cprt": b"text" + bytes(4) + b"none\0",
        **tags,
    }
    at, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, bare in tags.items():
        content = bare + bytes(-len(bare) % 4)
        table += name + struct.pack(">II", at + len(body), len(content))
        body += content
    whole = struct.pack(">I", len(tags)) + table + body
    header = struct.pack(">I4sI4s4s4s12x4s", 128 + len(whole), bytes(4), 0x02100000, device, space, pcs, b"acsp")
    return (header + bytes(28) + struct.pack(">3i", *fixed(D50))).ljust(128, b"\0") + whole


def sampled(curve: Callable[[np.ndarray], np.ndarray], points: int) -> bytes:
    values = (curve(np.linspace(0, 1, points)) * 65535).round().astype(">u2")
    return b"curv" + bytes(4) + struct.pack(">I", points) + values.tobytes()


def of_xyz(values: Sequence[float] | np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *fixed(values))


def fixed(values: Sequence[float] | np.ndarray) -> list[int]:
    return [round(float(value) * 65536) for value in values]
