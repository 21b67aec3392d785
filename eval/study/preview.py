"""``python -m eval.study.preview study=FOLDER``: the page as a rater sees it, on this machine, recording nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from cli.command import command
from cli.options import plain_options
from tedbench.errors import UserError

if TYPE_CHECKING:
    from http.server import ThreadingHTTPServer

ABOUT = """\
Shows a study as its raters see it: Mechanical Turk's template with a row of the batch put into it, as Mechanical Turk and
Turkle do, in a page marked "nothing is recorded". Only this machine can reach it, and it loads nothing from outside: images
come from the study's own folder even where the sheets name another address. Ctrl-C ends it."""

EXAMPLES = """
python -m eval.study.preview study=study              # then open http://127.0.0.1:8000/
python -m eval.study.preview study=study port=8123
"""


@command("study_preview", ABOUT, EXAMPLES)
def main(cfg: DictConfig) -> None:
    """Run the command; ``conf/study_preview.yaml`` has its options."""
    from tedbench.settings import whole

    needed = {"study": "a study's folder: python -m eval.study.preview study=study"}
    options = plain_options(cfg, needed, port=whole(0, 65535))
    with open_server(Path(str(options["study"])).expanduser(), options["port"]) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)
        server.serve_forever()


def open_server(study: Path, port: int) -> ThreadingHTTPServer:
    """Return a server on the loopback interface; ``serve_forever`` starts it.

    Args:
        study: its folder.
        port: 0 takes a free one.

    Raises:
        UserError: there is no study in the folder, or the port is taken.
    """
    from http.server import ThreadingHTTPServer

    from eval.study.design.definition import PUBLIC
    from eval.study.server.preview_pages import Pages, handler

    pages = Pages(study / PUBLIC)
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler(pages))
    except OSError as error:
        raise UserError(f"port={port} cannot be used ({error.strerror}). Give another port, or port=0.") from None
    server.daemon_threads = True
    return server


if __name__ == "__main__":
    main()
