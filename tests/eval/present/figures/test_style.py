"""What all figures share: plain text, names that fit, and files that repeat."""

from __future__ import annotations

from eval.present.figures.style import legend_columns, plain, plt, save, shorten


def test_text_of_users_is_no_formula_and_has_no_control_characters():
    assert plain(" costs $5 and $x^2$\n") == r"costs \$5 and \$x^2\$"
    assert plain("a\tb\x07c") == "a b c"


def test_long_names_keep_their_ends():
    assert shorten("imagic") == "imagic" and shorten("x" * 48) == "x" * 48
    short = shorten("imagic-" + "x" * 60 + "-1234")
    assert len(short) == 48 and short.startswith("imagic-") and short.endswith("-1234") and "…" in short


def test_legends_have_as_many_columns_as_fit():
    assert legend_columns(["a", "b", "c", "d"]) == 4
    assert legend_columns(["a" * 25, "b" * 25, "c" * 25]) == 2
    assert legend_columns(["a" * 48, "b" * 48]) == 1


def test_equal_figures_are_equal_files_and_are_closed(tmp_path, own_style):
    for name in ("one", "two"):
        figure, axes = plt.subplots(figsize=(1, 1))
        axes.plot([0, 1], [0, 1], label="η")
        save(figure, tmp_path / f"{name}.any")
        assert figure.number not in plt.get_fignums()
    for suffix in ("png", "pdf"):
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()
    assert b"/Type3" not in (tmp_path / "one.pdf").read_bytes()
