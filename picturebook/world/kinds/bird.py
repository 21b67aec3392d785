"""The bird."""

from __future__ import annotations

from picturebook.world.brush import Brush
from picturebook.world.kinds.kind import Anchors, kind
from picturebook.world.palette import DARK, Color, shade


@kind(
    "bird birds",
    states={
        "folded": ("{c}{n} with folded wings", "{c}{n} standing", "standing {c}{n}"),
        "spread": ("{c}{n} spreading wings", "{c}{n} with spread wings", "{c}{n} with open wings"),
    },
    colors=("red", "blue", "yellow", "pink"),
    size=(0.40, 0.54),
    reach=0.66,
    shadow=0.36,
    accessories=("hat", "ball"),
    counts=(1, 2),
    relations={"box": ("beside", "on"), "chair": ("beside", "on"), "tree": ("beside",)},
)
def bird(b: Brush, state: str, fill: Color) -> Anchors:
    far, light = shade(fill, -0.28), shade(fill, 0.4)
    beak = (226, 96, 40) if fill[0] > 200 and fill[1] > 160 else (250, 150, 40)
    for u in (-0.06, 0.08):
        b.limb([(u, 0.20), (u + 0.02, 0.02), (u + 0.10, 0.02)], 0.035, (190, 110, 50))
    if state == "spread":
        b.shape([(0.02, 0.50), (0.22, 0.92), (0.52, 1.16), (0.62, 0.98), (0.50, 0.76), (0.20, 0.46)], shade(far, -0.12))
    b.shape([(-0.28, 0.40), (-0.66, 0.42), (-0.64, 0.28), (-0.26, 0.26)], far)
    b.blob(-0.02, 0.38, 0.34, 0.215, fill, 12)
    b.blob(0.08, 0.32, 0.20, 0.14, light, 12)
    b.shape([(0.40, 0.68), (0.60, 0.60), (0.40, 0.55)], beak)
    b.blob(0.28, 0.62, 0.165, 0.155, fill)
    b.blob(0.34, 0.66, 0.032, 0.036, DARK)
    if state == "spread":
        b.shape(
            [(0.06, 0.46), (-0.14, 0.94), (-0.50, 1.20), (-0.66, 1.04), (-0.58, 0.82), (-0.44, 0.60), (-0.22, 0.40)],
            far,
        )
        b.shape([(0.02, 0.48), (-0.16, 0.86), (-0.42, 1.06), (-0.40, 0.80), (-0.20, 0.44)], fill)
    else:
        b.blob(-0.12, 0.40, 0.27, 0.125, far, 8)
        b.limb([(-0.28, 0.37), (-0.46, 0.34)], 0.06, far)
    return {"head": (0.27, 0.74), "mouth": (0.56, 0.60), "neck": (0.20, 0.50)}
