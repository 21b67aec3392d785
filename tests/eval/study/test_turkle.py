"""A study's batch in a real Turkle: published by its forms, answered in a real browser, downloaded and analyzed."""

from __future__ import annotations

import functools
import html
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import URLError

import pytest

from eval.study.analyze import analyze
from eval.study.design.definition import read_study
from eval.study.prepare import main as prepare

from .parts import TEXTS, call, make_run

RATERS = ("rater1", "rater2")
SCREENS = 8  # all hostile texts but the one whose pair comes again
PASSWORD = "only for a test"


@contextmanager
def images(folder):
    """A web server on loopback for the pictures, as a bucket would be; its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@contextmanager
def turkle(data):
    """A Turkle site with an administrator and raters; its address."""
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "turkle_site", "TURKLE_DATA": str(data), "PYTHONPATH": path}
    users = (
        "import django; django.setup()\n"
        "from django.core.management import call_command\n"
        "from django.contrib.auth.models import User\n"
        "call_command('migrate', verbosity=0)\n"
        f"User.objects.create_superuser('admin', password={PASSWORD!r})\n"
        f"for name in {RATERS!r}: User.objects.create_user(name, password={PASSWORD!r})\n"
    )
    subprocess.run([sys.executable, "-c", users], env=environment, check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "django", "runserver", "--noreload", address]
    with open(data / "log", "w") as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as running:
        try:
            while running.poll() is None and not _answers(f"http://{address}/"):
                time.sleep(0.1)
            assert running.poll() is None, (data / "log").read_text()
            yield f"http://{address}"
        finally:
            running.kill()


def _answers(url):
    try:
        urllib.request.urlopen(url).close()
    except URLError:
        return False
    return True


def log_in(browser, address, name):
    page = browser.new_context(accept_downloads=True).new_page()
    page.goto(f"{address}/accounts/login/")
    page.fill("[name=username]", name)
    page.fill("[name=password]", PASSWORD)
    with page.expect_navigation():
        page.press("[name=password]", "Enter")
    return page


def publish(page, address, public, assignments):
    """The template as a project and the batch as a batch, by the administrator's forms."""
    page.goto(f"{address}/admin/turkle/project/add/")
    page.fill("[name=name]", "Study")
    page.fill("[name=html_template]", (public / "template.html").read_text(encoding="utf-8"))
    with page.expect_navigation():
        page.click("[name=_save]")
    page.goto(f"{address}/admin/turkle/batch/add/?project=1")
    page.fill("[name=name]", "Batch")
    page.fill("[name=assignments_per_task]", str(assignments))
    page.set_input_files("[name=csv_file]", public / "batch_001.csv")
    with page.expect_navigation():
        page.click("[value='Review Batch']")
    with page.expect_navigation():
        page.click("#publishButton")


def answer(page, address, sides):
    """One task: every screen answered with the key for its side; the texts as the rater reads them."""
    page.goto(f"{address}/batch/1/accept_next_task/")
    frame = page.frame_locator("#task_assignment_iframe")
    frame.locator("#start").click()
    texts = frame.locator(".text bdi").evaluate_all("all => all.map(one => one.textContent)")
    assert not frame.locator("#submitButton").is_visible()
    for _ in range(SCREENS):
        frame.locator(".now input[type=radio]:enabled").first.wait_for()
        picture = frame.locator(".now .left img").get_attribute("src").rpartition("/")[2]
        frame.locator(".now .text").press(f"Arrow{sides[picture].title()}")
        frame.locator(".now .next").click()
    with page.expect_navigation():
        frame.locator("#submitButton").click()
    return texts


@pytest.mark.slow
def test_a_batch_goes_through_turkle_and_back(browser, tmp_path):
    pytest.importorskip("turkle", reason="needs pip install -e '.[test]'")
    runs = [make_run(tmp_path / name, name, i) for i, name in enumerate(("imagic", "sdedit"))]
    listed = f"runs=[{','.join(str(run.folder) for run in runs)}]"
    public, sizes = (
        tmp_path / "study" / "public",
        ["sessions=2", f"screens={SCREENS}", "assignments=2", "min_seconds=0"],
    )
    (tmp_path / "turkle").mkdir()
    with images(public / "images") as url, turkle(tmp_path / "turkle") as address:
        assert call(prepare, listed, f"out={tmp_path / 'study'}", f"url={url}", *sizes) == 0
        study = read_study(tmp_path / "study")
        sides = {screen.left_image: screen.ours_side for _, screen in study.screens()}
        administrator = log_in(browser, address, "admin")
        publish(administrator, address, public, study.assignments)
        for rater in RATERS:
            page = log_in(browser, address, rater)
            for _ in study.sessions:
                texts = answer(page, address, sides)
                assert set(texts) <= set(TEXTS) and len(set(texts)) == SCREENS - 1
                assert page.title() != "owned"
        with administrator.expect_download() as download:
            administrator.evaluate("address => location.assign(address)", f"{address}/admin/turkle/batch/1/download/")
        download.value.save_as(tmp_path / "results.csv")
    summary = analyze([tmp_path / "results.csv"], tmp_path / "study", tmp_path)
    assert summary["submissions"]["kept"] == 4 and summary["submissions"]["raters"] == 2
    assert summary["preferences"][0]["share"] == 1 and summary["preferences"][0]["answers"] == 4 * (SCREENS - 1)
    results = (tmp_path / "results.csv").read_text(encoding="utf-8")
    assert "Turkle.Username" in results and re.search("[\u0590-\u05ff]", html.unescape(results))
