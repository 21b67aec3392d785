"""The drawn world of Picturebook: scenes, their images, captions and edits, all pure functions."""

from picturebook.world.grammar import caption
from picturebook.world.kinds import KINDS
from picturebook.world.render import SIZE, render
from picturebook.world.scene import PLACES, TIMES, WEATHERS, Scene, draw_scene, edit

__all__ = ["KINDS", "PLACES", "SIZE", "TIMES", "WEATHERS", "Scene", "caption", "draw_scene", "edit", "render"]
