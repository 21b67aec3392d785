"""Rules that hold for the whole project."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from safetensors import safe_open

ROOT = Path(__file__).parents[1]

# The law of imports (DESIGN): what each room may import beside itself. Imports inside functions count too.
LIBRARY = {"runtime", "picturebook", "tedbench", "cli", "imagic", "baselines"}
NUMBERS = {"eval.metrics", "eval.runs"}
MAY_IMPORT = {
    "runtime": set(),
    "conf": set(),
    "picturebook": {"runtime"},
    "tedbench": {"runtime", "picturebook"},
    "cli": {"runtime", "tedbench"},
    "imagic": {"runtime", "picturebook", "tedbench", "cli"},
    "baselines": {"runtime", "tedbench", "imagic"},
    "eval.runs": {"runtime", "picturebook", "tedbench", "imagic"},
    "eval.metrics": {"runtime", "picturebook", "tedbench", "imagic", "eval.runs"},
    "eval.analysis": {"runtime", "tedbench", *NUMBERS},
    "eval.engine": {*LIBRARY, *NUMBERS},
    "eval.present": {"runtime", "tedbench", "imagic", "eval.analysis", *NUMBERS},
    "eval.study": {"runtime", "tedbench", "cli", "eval.analysis", "eval.present.figures.style", *NUMBERS},
    "eval.api": {*LIBRARY, *NUMBERS, "eval.engine", "eval.analysis", "eval.present"},
    "eval": {"runtime"},
    "benchmarks": {*LIBRARY, "eval"},
}
DRAWS = {"matplotlib", "jinja2", "torch"}
# Folders whose docstrings are plain (STYLE.md).
PLAIN = (*sorted(LIBRARY), "eval", "benchmarks")
OPENERS = {"As", "How", "Likewise", "Of", "Those", "What", "Where", "Whether", "Which", "Who", "Whose", "Why"}
RIDDLES = re.compile(r"\bas there\b|\blikewise\b|takes and raises what", re.IGNORECASE)
ROOMS_OF_EVAL = ("runs", "metrics", "engine", "analysis", "present", "study", "api")
OURS = {*LIBRARY, "conf", "eval", "benchmarks"}


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path):
    """(line, module) of every import of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((node.lineno, name if is_module(name) else node.module) for name in inner)


def is_module(name):
    path = ROOT / Path(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def is_command(module):
    """True of files that hold a command, which stand above all rooms, wherever they lie."""
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    return module.endswith("__main__") or (path.exists() and "\n@command(" in path.read_text(encoding="utf-8"))


def room_of(module):
    top, _, rest = module.partition(".")
    return f"eval.{rest.partition('.')[0]}" if top == "eval" and rest.partition(".")[0] in ROOMS_OF_EVAL else top


def wrong_imports(path):
    module = module_of(path)
    room, command = room_of(module), is_command(module)
    allowed = MAY_IMPORT.get(room, set())
    for line, name in imported(path):
        if name.partition(".")[0] not in OURS or name == "eval":
            continue
        if command:
            if is_command(name):
                yield f"{path.relative_to(ROOT)}:{line}: a command imports the command {name}"
        elif room_of(name) != room and not any(name == other or name.startswith(f"{other}.") for other in allowed):
            yield f"{path.relative_to(ROOT)}:{line}: {room} imports {name}"


def sources(*folders):
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("folder", ["runtime", "conf", *sorted(LIBRARY - {"runtime"}), "eval", "benchmarks"])
def test_imports_run_one_way(folder):
    assert not [line for path in sources(folder) for line in wrong_imports(path)]


def test_the_law_has_no_circle():
    def below(room, above=()):
        assert room not in above, [*above, room]
        for other in MAY_IMPORT[room]:
            if other in MAY_IMPORT:
                below(other, (*above, room))

    for room in MAY_IMPORT:
        below(room)


@pytest.mark.parametrize("source", ["from eval.present.text import number", "def f():\n    import eval.engine.setup"])
def test_an_import_upwards_is_told(tmp_path, monkeypatch, source):
    path = tmp_path / "eval" / "analysis" / "wrong.py"
    path.parent.mkdir(parents=True)
    path.write_text(source)
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert list(wrong_imports(path))


def test_no_module_of_a_room_is_part_of_a_circle():
    graph = {}
    for path in sources("runtime", "tedbench", "cli", "imagic", "baselines", "eval"):
        found = {name for _, name in imported(path)}
        graph[module_of(path)] = {name for name in found if name.partition(".")[0] in OURS}
    graph = {module: {name for name in names if name in graph} for module, names in graph.items()}
    done, path = set(), []

    def visit(module):
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module in done:
            return
        path.append(module)
        for name in sorted(graph[module] - {module}):
            visit(name)
        done.add(path.pop())

    for module in sorted(graph):
        visit(module)


def test_numbers_are_made_without_drawing():
    for path in sources("eval/analysis"):
        assert not [name for _, name in imported(path) if name.partition(".")[0] in DRAWS], path


def test_files_and_commands_are_small():
    for path in sources("runtime", "picturebook", "tedbench", "cli", "imagic", "baselines", "eval"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 400, f"{path.relative_to(ROOT)} has {lines} lines"
    commands = list((ROOT / "eval").glob("*.py"))
    assert len(commands) <= 18
    for path in commands:
        assert len(path.read_text(encoding="utf-8").splitlines()) < 80, path


def not_plain(path):
    """Yield the place and the first line of each docstring that opens with a question word, or refers to another one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            text = node.value.value.strip()
            opener = re.match(r"\w+", text)
            if (opener and opener[0] in OPENERS) or RIDDLES.search(text):
                yield f"{path}:{node.lineno}: {text.splitlines()[0]}"


@pytest.mark.parametrize("room", PLAIN)
def test_docstrings_begin_with_a_verb_or_a_noun(room):
    assert sources(room)
    assert not [line for path in sources(room) for line in not_plain(path)]


@pytest.mark.parametrize(
    "text", ["Whether it is so.", "Of one image.", "Return it.\n\n    x: as there.\n", "The one, likewise."]
)
def test_a_riddling_docstring_is_told(tmp_path, text):
    (tmp_path / "a.py").write_text(f'def f():\n    """{text}"""\n')
    assert list(not_plain(tmp_path / "a.py"))


def test_everything_that_the_glossary_points_to_exists():
    lines = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    cells = [line.rpartition("|")[0].rpartition("|")[2] for line in lines if line.startswith("| **")]
    named = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    named += [f"docs/{name}" for cell in cells for name in re.findall(r"\((\S+)\)", cell)]
    assert len(named) > 60
    assert not [name for name in named if not (ROOT / name).exists()]


def test_embedded_weights_are_safetensors_in_half_precision_and_under_70_mb():
    files = [p for p in (ROOT / "picturebook" / "weights").rglob("*") if p.is_file()]
    assert {p.suffix for p in files} <= {".safetensors", ".json", ".txt"}
    assert sum(p.stat().st_size for p in files) < 70_000_000
    weights = [p for p in files if p.suffix == ".safetensors"]
    assert weights
    for path in weights:
        with safe_open(path, "pt") as opened:
            kinds = {opened.get_slice(key).get_dtype() for key in opened.keys()}  # noqa: SIM118
        assert "F32" not in kinds, path
