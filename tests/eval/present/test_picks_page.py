"""picks.html: what it says, and in a real browser that it is clicked, keyed, kept, downloaded and loaded."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser

import pytest

from eval.analysis.selection import chosen
from eval.analysis.selection_rules import candidates, picks
from eval.present.report.picks import write_picks_page
from eval.runs.writer import RunWriter
from tedbench.method import Sample
from tedbench.pair import EditPair, Entry
from tests.made_runs import made_config

HOSTILE = """<script>document.title = "owned"</script> </section> & "quotes" {{ 7*7 }} <img src=x onerror=alert(1)>"""
ENTRIES = [Entry('a".png', HOSTILE, category="<b>pose</b>"), Entry("b.png", "A dog."), Entry("c.png", "A cat.")]
CONFIG = made_config(symbol="η", fit={"dataset": "<i>mine</i>"})


@pytest.fixture
def run(tmp_path, noise_image):
    """Three pairs with η 0, 0.5 and 1 and two seeds, and one that failed."""
    run = RunWriter.create(tmp_path / "a run & more", CONFIG)
    for entry in ENTRIES:
        pair = EditPair(entry, noise_image())
        run.write_shard(pair, [Sample(s, seed, noise_image(seed + 1)) for s in (0.0, 0.5, 1.0) for seed in (0, 1)])
    run.write_failure(Entry("d.png", "<b>A bird.</b>"), [(0.0, 0)], "<u>nan</u>")
    return run


class Tags(HTMLParser):
    """Counts a page's tags and keeps what they link to."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.links = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href", "onerror")]


def test_hostile_texts_stay_texts_and_nothing_comes_from_outside(run):
    page = write_picks_page(candidates(run)).read_text()
    found = Tags(page)
    assert found.tags.count("script") == 1 and found.tags.count("section") == 3
    assert found.tags.count("u") == found.tags.count("i") == 0
    assert "&lt;script&gt;document.title" in page and "{{ 7*7 }}" in page
    assert all((run.folder / link).is_file() for link in found.links)
    assert not re.search(r"https?:|//[a-z]|@import", page.split("<script>")[0])


def test_all_that_may_be_chosen_is_there_and_what_cannot_be_is_told(run):
    page = write_picks_page(candidates(run)).read_text()
    assert page.count('role="radio"') == 3 * 3 * 2
    assert "0 of 3" in page and "Nothing to pick" in page and "failed: &lt;u&gt;nan" in page
    page = write_picks_page(candidates(run, "study")).read_text()
    assert page.count('role="radio"') == 3 * 3 and "seed 0 for every pair" in page


@pytest.fixture
def page(browser, run):
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(write_picks_page(candidates(run)).as_uri())
    yield page
    assert errors == []
    context.close()


def image(page, number, strength, seed):
    card = page.locator(".pair").nth(number)
    return card.locator(f'.image[data-strength="{strength}"][data-seed="{seed}"]')


def is_picked(located):
    return located.get_attribute("aria-checked") == "true"


def download(page, path):
    with page.expect_download() as waited:
        page.click("#download")
    waited.value.save_as(path)
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_clicks_and_keys_pick_and_the_download_is_read_back(page, run, tmp_path):
    assert page.title() == "Pick: imagic · tiny · <i>mine</i>"
    image(page, 0, "0.5", 0).click()
    assert page.inner_text("#count") == "1 of 3"
    image(page, 0, "1", 1).click()  # another for the same pair takes its place
    assert page.inner_text("#count") == "1 of 3" and not is_picked(image(page, 0, "0.5", 0))
    assert page.locator(".pair").nth(0).locator(".large figcaption").inner_text() == "η = 1, seed 1 ✓"
    page.keyboard.press("ArrowDown")  # beyond the last seed: the next pair's first, same strength
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")  # picks, and goes on to the third pair
    assert is_picked(image(page, 1, "0.5", 1))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    assert is_picked(image(page, 2, "0.5", 0)) and page.inner_text("#count") == "3 of 3"
    page.keyboard.press("Space")  # takes it back
    assert page.inner_text("#count") == "2 of 3"
    page.keyboard.press("Enter")
    assert page.inner_text("#count") == "3 of 3" and "All pairs are picked" in page.inner_text("#status")
    page.keyboard.press("Enter")  # what is picked stays picked
    assert page.inner_text("#count") == "3 of 3"
    rows = download(page, tmp_path / "picks.csv")
    ids = sorted(entry.id for entry in ENTRIES)
    assert [(r["pair_id"], r["strength"], r["seed"]) for r in rows] == [
        (ids[0], "1", "1"),
        (ids[1], "0.5", "1"),
        (ids[2], "0.5", "0"),
    ]
    assert {row["run"] for row in rows} == {run.key}
    choice = picks(candidates(run), tmp_path / "picks.csv")
    assert [(r.strength, r.seed) for r in choice.images.itertuples()] == [(1.0, 1), (0.5, 1), (0.5, 0)]
    assert chosen(run) is None


@pytest.mark.slow
def test_picks_survive_a_reload_and_clear_takes_them_back(page):
    image(page, 1, "1", 0).click()
    page.reload()
    assert is_picked(image(page, 1, "1", 0)) and page.inner_text("#count") == "1 of 3"
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("#clear")
    assert page.inner_text("#count") == "0 of 3"
    page.reload()
    assert page.inner_text("#count") == "0 of 3"


@pytest.mark.slow
def test_picks_of_another_scope_are_not_mixed(page, run):
    image(page, 0, "1", 0).click()
    write_picks_page(candidates(run, "study"))
    page.reload()
    assert page.inner_text("#count") == "0 of 3"


@pytest.mark.slow
def test_a_file_is_loaded_and_what_is_not_of_this_page_is_told(page, tmp_path):
    ids = sorted(entry.id for entry in ENTRIES)

    def load(text):
        (tmp_path / "in.csv").write_text(text, newline="")
        page.set_input_files("#load", tmp_path / "in.csv")
        page.wait_for_function("document.getElementById('status').textContent !== ''")
        said = page.inner_text("#status")
        page.evaluate("document.getElementById('status').textContent = ''")
        return said

    said = load(
        f'\ufeffpair_id,strength,seed,note\r\n"{ids[0]}",0.50,1,"a, ""b"""\r\n{ids[1]},1.0,0,\r\n{ids[2]},,,\r\n'
    )
    assert said == "2 picks loaded." and page.inner_text("#count") == "2 of 3"
    assert is_picked(image(page, 0, "0.5", 1)) and is_picked(image(page, 1, "1", 0))
    assert "1 pick loaded. Not on this page: x 1, seed 0" in load(f"pair_id,strength,seed\nx,1,0\n{ids[2]},1,0\n")
    assert page.inner_text("#count") == "3 of 3"
    assert "Nothing was loaded" in load(f"pair_id,strength,seed,run\n{ids[0]},0,0,other-1234\n")
    assert "no columns" in load("a,b\n1,2\n")
    assert is_picked(image(page, 0, "0.5", 1))


@pytest.mark.slow
@pytest.mark.parametrize("width", [400, 1200])
def test_no_window_is_too_narrow(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == width
