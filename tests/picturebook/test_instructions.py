"""Commands, and the scenes that they change."""

from __future__ import annotations

import random

import pytest

from picturebook.pairs import planned_edits
from picturebook.train.instruct import edit_instructions, fresh_edit, some_instructions
from picturebook.train.tokenizer import MAX_TOKENS, build_tokenizer
from picturebook.world import draw_scene, edit
from picturebook.world.instructions import instruction, random_edit

DOG = draw_scene(
    random.Random(0),
    **{"kind": "dog", "state": "standing", "color": "brown", "place": "meadow", "count": 1, "accessory": "hat"},
    **{"other": "", "relation": "", "time": "day", "weather": "rain"},
)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "sitting"}, "Make the dog sit."),
        ({"color": "white"}, "Make the dog white."),
        ({"kind": "cat", "color": "orange"}, "Turn the dog into an orange cat."),
        ({"kind": "cat", "state": "lying", "color": "black"}, "Turn the dog into a lying black cat."),
        ({"accessory": ""}, "Remove the hat."),
        ({"accessory": "scarf"}, "Replace the hat with a scarf."),
        ({"time": "night"}, "Make it night."),
        ({"weather": "clear"}, "Stop the rain."),
        ({"count": 2}, "Add another dog."),
        ({"place": "room", "weather": "clear"}, None),
        ({"other": "tree", "relation": "beside"}, "Put a tree beside the dog."),
        ({"other": "box", "relation": "over", "state": "jumping"}, "Make the dog jump over a box."),
        ({"state": "sitting", "color": "white"}, None),
        ({}, None),
        ({"other": "box", "relation": "on"}, "Put the dog on a box."),
    ],
)
def test_a_command_names_one_change(changes, said):
    if said is None:
        with pytest.raises(ValueError, match="no command"):
            instruction(DOG, edit(DOG, **changes))
    else:
        assert instruction(DOG, edit(DOG, **changes)) == said


def test_one_thing_in_place_of_another_elsewhere_has_no_command():
    beside = edit(DOG, other="tree", relation="beside")
    assert instruction(beside, edit(DOG, other="box", relation="beside")) == "Replace the tree with a box."
    with pytest.raises(ValueError, match="no command changes other, relation"):
        instruction(beside, edit(DOG, other="box", relation="on"))


def test_flowers_take_the_place_of_others_only_where_there_are_some():
    vase = draw_scene(random.Random(0), kind="vase", state="empty", count=1, accessory="", other="", relation="")
    assert instruction(vase, edit(vase, state="roses")) == "Put red roses in the vase."
    assert (
        instruction(edit(vase, state="sunflowers"), edit(vase, state="roses"))
        == "Replace the flowers in the vase with red roses."
    )


def test_every_pair_has_an_instruction():
    said = {
        pair.target_text: instruction(pair.before, pair.after) for s in ("all", "search") for pair in planned_edits(s)
    }
    assert said["A photo of a cat on top of a box."] == "Put the cat on the box."
    assert said["A sitting black dog beside a box."] == "Make the dog sit."
    assert said["Three cups."] == "Make it three cups."


def test_a_drawn_edit_has_a_command_fits_the_image_and_changes_little_else():
    for index in range(800):
        before, after = fresh_edit(index)
        assert edit_instructions(fresh_edit(index), 2) == edit_instructions(fresh_edit(index), 2)
        assert before != after and before.clutter == after.clutter and before.facing == after.facing
        assert after.span[0] >= min(0, before.span[0]) and after.span[1] <= max(1, before.span[1])
        if after.other == before.other and after.kind == before.kind:
            assert after.other_x == pytest.approx(before.other_x)  # what stays keeps its place


def test_scenes_that_hardly_fit_are_edited_too():
    rng = random.Random(1)
    wide = [scene for scene in (draw_scene(rng) for _ in range(3000)) if scene.span[0] < 0 or scene.span[1] > 1]
    assert wide
    for scene in wide[:20]:
        assert random_edit(scene, rng) != scene


def test_every_word_of_an_instruction_is_one_token():
    texts = some_instructions()
    tokenizer = build_tokenizer(texts)
    assert max(len(ids) for ids in tokenizer(texts).input_ids) <= MAX_TOKENS
    drawn = [text for index in range(300) for text in edit_instructions(fresh_edit(index), 2)]
    planned = [pair.instruction for split in ("all", "search") for pair in planned_edits(split)]
    for text in {*drawn, *planned}:
        assert len(tokenizer(text).input_ids) == len(text.split()) + 3, text  # and start, end and the full stop
