"""The command line of the search for recipes."""

from __future__ import annotations

import pytest

from benchmarks import recipes


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["pnpp"], r"no candidates of 'pnpp'\. There are .*pnp"),
        (["ddib", "--only", "0", "5"], r"ddib has no candidate 5, but 0 to 2\."),
        (["pnp", "--only", "-1"], r"pnp has no candidate -1, but 0 to 2\."),
    ],
)
def test_what_is_not_there_is_refused_before_anything_runs(monkeypatch, words, message):
    monkeypatch.setattr("sys.argv", ["recipes", *words])
    monkeypatch.setattr(recipes, "edit", lambda *_: pytest.fail("a candidate was run"))
    with pytest.raises(SystemExit, match=message):
        recipes.main()
