"""Every kind of subject: one decorated function each."""

from picturebook.world.kinds import animals, bird, person, plants, things  # noqa: F401  (they register their kinds)
from picturebook.world.kinds.kind import KINDS, Anchors, Kind

__all__ = ["KINDS", "Anchors", "Kind"]
