"""Images made elsewhere that are replaced, mended or taken away: the pairs whose files changed are made again, they alone."""

from __future__ import annotations

import pytest
from PIL import Image

from baselines.precomputed import Precomputed
from eval.analysis.shapes import shape_notes
from eval.runs.shard import SCORE_COLUMNS

ROWS = {
    f"{name}{strength}": f"{name}.png,A dog.,{name}{strength}.png,{strength}" for name in "abc" for strength in (0, 1)
}


@pytest.fixture
def here(tmp_path):
    for name in ROWS:
        paint(tmp_path, name)
    return tmp_path


def paint(here, name, color="red"):
    Image.new("RGB", (16, 16), color).save(here / f"{name}.png")


def editor(here, **changes):
    rows = ROWS | changes
    lines = ["image,target_text,file,strength", *(row for row in rows.values() if row), ""]
    (here / "list.csv").write_text("\n".join(lines))
    return Precomputed(file=here / "list.csv")


def execute(job, editor, **settings):
    """What was said, and what there was to do."""
    made, said = job(editor, depths=2, **settings), []
    made.reporter.say = said.append
    todo = [(each.entry.image_name[0], [strength for strength, _ in each.requests]) for each in made.todo()]
    made.execute()
    return made.run, todo, " ".join(said)


def score(run):
    """As a metric that gives 1."""
    for shard in run.shards():
        rows = shard.samples().query("status == 'ok'").assign(metric="m", score=1.0, reason="")
        shard.write_scores("m", rows[list(SCORE_COLUMNS)])


def colors(run):
    rows = run.samples().query("status == 'ok'")
    return {
        f"{row.image_name[0]}{row.strength:g}": tuple(run.shard(row.pair_id).image(row.image)[0, 0])
        for row in rows.itertuples()
    }


RED, BLUE = (255, 0, 0), (0, 0, 255)


def test_only_the_image_whose_file_was_replaced_is_made_and_scored_again(job, here, shards):
    run, todo, said = execute(job, editor(here))
    assert [pair for pair, _ in todo] == ["a", "b", "c"] and "other files" not in said
    score(run)
    before = shards(run.folder)
    paint(here, "b1", "blue")
    run, todo, said = execute(job, editor(here))
    assert todo == [("b", [1.0])]
    assert "edited images of 1 of 3 pairs, such as b.png" in said and "scored again" in said
    assert colors(run) == dict.fromkeys(ROWS, RED) | {"b1": BLUE}
    assert len(run.scores()) == 5
    after, kept = shards(run.folder), ("input.png", "depth0-s0.png", "samples.parquet")
    assert {name for name in before | after if before.get(name) != after.get(name)} == {
        name for name in before if "/b.png" in name and name.rsplit("/", 1)[1] not in kept
    }
    assert execute(job, editor(here))[1] == []


def test_rows_that_were_exchanged_are_exchanged_in_the_run(job, here):
    paint(here, "b0", "blue")
    run, *_ = execute(job, editor(here))
    assert colors(run)["b0"] == BLUE and colors(run)["a0"] == RED
    exchanged = {"a0": "a.png,A dog.,b0.png,0", "b0": "b.png,A dog.,a0.png,0"}
    run, todo, _ = execute(job, editor(here, **exchanged))
    assert todo == [("a", [0.0]), ("b", [0.0])]
    assert colors(run)["b0"] == RED and colors(run)["a0"] == BLUE


def test_a_file_that_moves_in_the_list_stays_the_same_image(job, here):
    execute(job, editor(here))
    (here / "elsewhere.png").write_bytes((here / "a0.png").read_bytes())
    assert execute(job, editor(here, a0="a.png,A dog.,elsewhere.png,0"))[1] == []


@pytest.mark.parametrize("how", ["row", "file", "content"])
def test_an_image_that_is_taken_away_fails_and_its_old_one_does_not_stay(job, here, how):
    run, *_ = execute(job, editor(here))
    score(run)
    if how == "file":
        (here / "a1.png").unlink()
    if how == "content":
        (here / "a1.png").write_text("no picture")
    run, todo, _ = execute(job, editor(here, **({"a1": None} if how == "row" else {})))
    assert todo == [("a", [1.0])] and "a1" not in colors(run)
    row = run.samples().query("status == 'failed'")
    assert list(row["strength"]) == [1.0] and list(row["image_name"]) == ["a.png"]
    assert len(run.scores()) == 5
    assert execute(job, editor(here, **({"a1": None} if how == "row" else {})))[1] == []
    paint(here, "a1", "blue")
    run, todo, _ = execute(job, editor(here))  # it is there now: no other command is needed
    assert todo == [("a", [1.0])] and colors(run)["a1"] == BLUE
    assert set(run.samples()["status"]) == {"ok"}


def test_a_run_of_a_few_pairs_can_be_extended(job, here):
    execute(job, editor(here), pairs="ab")
    assert execute(job, editor(here))[1] == [("c", [0.0, 1.0])]


def test_sizes_and_geometry_stand_beside_every_image(job, here):
    Image.new("RGB", (32, 24)).save(here / "a0.png")
    run, *_ = execute(job, editor(here))
    first = run.samples().iloc[0]
    assert (first["input_size"], first["edit_size"], first["geometry"]) == ("16×16", "32×24", "crop")
    (note,) = shape_notes(run.samples())
    assert "1 of 6 edited images have another shape than their input, such as 32×24 of 16×16" in note
