"""The drawn world of Picturebook: scenes, their pictures, captions and edits, all pure functions."""

from picturebook.world.grammar import caption
from picturebook.world.render import SIZE, render
from picturebook.world.scene import KINDS, PLACES, Scene, draw_scene, edit

__all__ = ["KINDS", "PLACES", "SIZE", "Scene", "caption", "draw_scene", "edit", "render"]
