"""What captions can say."""

from __future__ import annotations

import random

from picturebook.world import caption, draw_scene, edit
from picturebook.world.grammar import says


def test_every_caption_can_be_said_of_its_scene() -> None:
    for index in range(500):
        scene = draw_scene(random.Random(index))
        assert says(caption(scene, random.Random(index)), scene)


def test_every_synonym_is_drawn_and_nothing_else_can_be_said() -> None:
    scene = draw_scene(
        random.Random(0), kind="cake", state="birthday", place="room", accessory="ball", count=1, other="", relation=""
    )
    drawn = {caption(scene, random.Random(i)) for i in range(5000)}
    assert len(drawn) == 2 * 3 * 3 * 4  # photo or not; two phrases or none; a ball twice or not; three places or none
    assert all(says(text, scene) for text in drawn)
    assert not says("A photo of a birthday cake in a meadow.", scene)
    assert not says("A birthday cake in a room with a ball.", scene)


def test_what_is_not_there_is_not_said() -> None:
    dog = draw_scene(
        random.Random(0), kind="dog", state="jumping", color="brown", place="meadow", count=1, accessory=""
    )
    over = edit(dog, other="box", relation="over", time="night", weather="clear")
    alone = edit(over, other="", relation="")
    assert says("A brown dog jumping over a box at night.", over)
    assert not says("A brown dog jumping at night.", over)  # what is jumped over is always said
    assert says("A brown dog jumping at night.", alone)
    assert not says("A brown dog jumping over a box at night.", alone)
