"""Class attributes read from source files: no module is loaded, which for a method would load torch."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple


class SourceError(Exception):
    """A class or a value that its source file alone does not tell."""


class ClassSource(NamedTuple):
    """A class's definition.

    Attributes:
        module: where it is defined.
        node: its syntax tree.
    """

    module: str
    node: ast.ClassDef

    @property
    def name(self) -> str:
        """Module and name."""
        return f"{self.module}.{self.node.name}"

    def lineage(self) -> Iterator[ClassSource]:
        """Yield the class and those that it derives from, its own first; classes of ``abc`` and ``typing`` are left out."""
        yield self
        for base in self.node.bases:
            if not isinstance(base, ast.Name):
                raise SourceError(f"{self.name} derives from {ast.unparse(base)}")
            home = _statement(self.module, base.id)
            if not (isinstance(home, ast.ImportFrom) and home.module in ("abc", "typing")):
                yield from find_class(f"{self.module}.{base.id}").lineage()

    def method(self, name: str) -> tuple[ClassSource, ast.FunctionDef] | None:
        """Return a method with the class that defines it; None if there is none."""
        for each in self.lineage():
            for node in each.node.body:
                if isinstance(node, ast.FunctionDef) and node.name == name:
                    return each, node
        return None

    def attribute(self, name: str, **known: Any) -> Any:
        """Return the value of a class attribute.

        Args:
            name: of the attribute.
            known: objects that its expression may call, by their names.

        Raises:
            SourceError: it has none, or one that is not made of literals, ``known`` and plain built-ins.
        """
        for each in self.lineage():
            for node in each.node.body:
                if _value_of(node, name) is not None:
                    return _evaluate(_value_of(node, name), each.module, known)
                if isinstance(node, ast.FunctionDef) and node.name == name:
                    raise SourceError(f"{each.name}.{name} is computed")
        raise SourceError(f"{self.name} has no {name}")


def find_class(name: str) -> ClassSource:
    """Return the definition of a class by its dotted name; modules that import it from another are followed.

    Raises:
        SourceError: it is not in a source file.
    """
    module, _, last = name.rpartition(".")
    node = _statement(module, last)
    if isinstance(node, ast.ClassDef):
        return ClassSource(module, node)
    if isinstance(node, ast.ImportFrom):
        return find_class(_imported(module, node, last))
    raise SourceError(f"{name} is no class of a source file")


@cache
def _statements(module: str) -> dict[str, ast.stmt]:
    """Return the statement that defines each name of a module."""
    path = _file_of(module)
    if path is None:
        raise SourceError(f"{module} is no source file")
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body
    except (SyntaxError, ValueError) as error:
        raise SourceError(f"{path}: {error}") from None
    found: dict[str, ast.stmt] = {}
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: node for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id: node for target in targets if isinstance(target, ast.Name)}
    return found


def _statement(module: str, name: str) -> ast.stmt | None:
    return _statements(module).get(name)


def _file_of(module: str) -> Path | None:
    """Return a module's source file; unlike ``find_spec`` alone, this imports no package above it."""
    parts = module.split(".")
    try:
        spec = find_spec(parts[0])
    except ValueError:  # __main__
        return None
    for number in range(1, len(parts)):
        if spec is None:
            return None
        within = list(spec.submodule_search_locations or ())
        spec = PathFinder.find_spec(".".join(parts[: number + 1]), within)
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _imported(module: str, node: ast.ImportFrom, name: str) -> str:
    """Return the full name of what a module imports under a name."""
    original = next(alias.name for alias in node.names if (alias.asname or alias.name) == name)
    above = module.split(".")[: -node.level] if node.level else []
    return ".".join([*above, *([node.module] if node.module else []), original])


def _value_of(node: ast.stmt | None, name: str) -> ast.expr | None:
    """Return the value that a statement assigns to a name."""
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
        return node.value
    if isinstance(node, ast.Assign) and any(isinstance(each, ast.Name) and each.id == name for each in node.targets):
        return node.value
    return None


def _evaluate(value: ast.expr | None, module: str, known: dict[str, Any]) -> Any:
    if value is None:
        raise SourceError(f"a name of {module} has no value")
    if any(isinstance(each, ast.Attribute) for each in ast.walk(value)):
        raise SourceError(f"{ast.unparse(value)} in {module}")
    names = [each for each in ast.walk(value) if isinstance(each, ast.Name)]
    made = {each.id for each in names if isinstance(each.ctx, ast.Store)}  # in comprehensions
    scope = {name: _named(name, module, known) for name in {each.id for each in names} - made}
    try:
        return eval(compile(ast.Expression(value), module, "eval"), {"__builtins__": {}, **scope})
    except Exception as error:
        raise SourceError(f"{ast.unparse(value)} in {module}: {error}") from None


PLAIN = ("tuple", "list", "dict", "range", "float", "int", "round", "sorted")
"""Built-ins that a value may call."""


def _named(name: str, module: str, known: dict[str, Any]) -> Any:
    if name in known:
        return known[name]
    node = _statement(module, name)
    if isinstance(node, ast.ImportFrom):
        home, _, original = _imported(module, node, name).rpartition(".")
        return _named(original, home, known)
    if node is not None:
        return _evaluate(_value_of(node, name), module, known)
    if name in PLAIN:
        return getattr(builtins, name)
    raise SourceError(f"{name} in {module}")
