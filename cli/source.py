"""Class attributes read from source files: no module is loaded, which for a method would load torch."""

from __future__ import annotations

import ast
import operator
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from tedbench.axis import Axis

PLAIN = {each.__name__: each for each in (tuple, list, range, round, float)}
"""Built-ins that a value may call."""
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
LARGEST = 1_000_000
"""Largest number that a value is computed from."""
LONGEST = 1_000
"""Largest argument of ``range``."""


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
        """Yield the class and those that it derives from, its own first; classes of ``abc`` and ``typing`` are left out.

        Raises:
            SourceError: a class has several bases, a decorator or a metaclass.
        """
        yield self
        bases = [base for base in self.node.bases if not self._is_abstract(base)]
        if len(bases) > 1 or self.node.decorator_list or self.node.keywords:
            raise SourceError(f"{self.name} has several bases, a decorator or a metaclass")
        for base in bases:
            yield from find_class(f"{self.module}.{ast.unparse(base)}").lineage()

    def _is_abstract(self, base: ast.expr) -> bool:
        home = _bound_in(self.module).get(base.id) if isinstance(base, ast.Name) else None
        return isinstance(home, ast.ImportFrom) and home.module in ("abc", "typing")

    def method(self, name: str) -> tuple[ClassSource, ast.FunctionDef] | None:
        """Return a method with the class that defines it; None if there is none."""
        for each in self.lineage():
            bound = _bindings(each.node.body)
            if name in bound:
                if isinstance(node := bound[name], ast.FunctionDef):
                    return each, node
                raise SourceError(f"{each.name}.{name} is no plain method")
        return None

    def attribute(self, name: str) -> Any:
        """Return the value of a class attribute.

        Raises:
            SourceError: it has none, or one that is not made of literals and constants alone.
        """
        for each in self.lineage():
            bound = _bindings(each.node.body)
            if name in bound:
                node = bound[name]
                if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
                    raise SourceError(f"{each.name}.{name} is computed")
                if not _mentioned(node.value).isdisjoint(bound):
                    raise SourceError(f"{each.name}.{name} refers to other attributes")
                return _evaluate(node.value, each.module)
        raise SourceError(f"{self.name} has no {name}")


def find_class(name: str) -> ClassSource:
    """Return the definition of a class by its dotted name; modules that import it from another are followed.

    Raises:
        SourceError: it is not in a source file.
    """
    module, _, last = name.rpartition(".")
    node = _bound_in(module).get(last)
    if isinstance(node, ast.ClassDef):
        return ClassSource(module, node)
    if isinstance(node, ast.ImportFrom):
        return find_class(_imported(module, node, last))
    raise SourceError(f"{name} is no class of a source file")


@cache
def _bound_in(module: str) -> dict[str, ast.stmt | None]:
    path = _file_of(module)
    if path is None:
        raise SourceError(f"{module} is no source file")
    try:
        return _bindings(ast.parse(path.read_text(encoding="utf-8")).body)
    except (SyntaxError, ValueError) as error:
        raise SourceError(f"{path}: {error}") from None


def _bindings(body: Sequence[ast.stmt]) -> dict[str, ast.stmt | None]:
    """Return the statement that binds each name; None for what is bound twice, or otherwise than by a plain statement."""
    found: dict[str, ast.stmt | None] = {}
    for node in body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names = {name}
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
                names = {name}
            case ast.ImportFrom(names=aliases) | ast.Import(names=aliases):
                names = {alias.asname or alias.name.partition(".")[0] for alias in aliases}
            case ast.AnnAssign(value=None) | ast.Expr(value=ast.Constant()) | ast.Pass():
                names = set()
            case _:
                found |= dict.fromkeys(_mentioned(node))
                continue
        if "*" in names:
            raise SourceError(f"{ast.unparse(node)} binds names that it does not tell")
        found |= {name: None if name in found else node for name in names}
        for inner in ast.walk(node):
            if isinstance(inner, ast.Global):
                found |= dict.fromkeys(inner.names)
            elif isinstance(inner, ast.NamedExpr):
                found |= dict.fromkeys(_mentioned(inner.target))
    return found


def _mentioned(node: ast.AST) -> set[str]:
    """Return every name that occurs in a statement or an expression."""
    found = {getattr(each, key, None) for each in ast.walk(node) for key in ("id", "name", "asname")}
    return {name for name in found if isinstance(name, str)}


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


@cache
def _named(module: str, name: str) -> Any:
    """Return what a name of a module stands for: a constant, ``Axis`` or a plain built-in.

    What can be changed in place (a list, a dict) is refused: the source may do so anywhere.
    """
    bound = _bound_in(module)
    node = bound.get(name)
    if isinstance(node, ast.ImportFrom):
        home, _, original = _imported(module, node, name).rpartition(".")
        return _named(home, original)
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        found = _evaluate(node.value, module)
        try:
            hash(found)
        except TypeError:
            raise SourceError(f"{module}.{name} can be changed in place") from None
        return found
    if isinstance(node, ast.ClassDef) and module == Axis.__module__ and name == Axis.__name__:
        return Axis
    if name in PLAIN and name not in bound:
        return PLAIN[name]
    raise SourceError(f"{module}.{name} is no constant")


def _evaluate(node: ast.expr, module: str, local: Mapping[str, Any] | None = None) -> Any:
    """Return the value of an expression of a module, with the variable of a comprehension in ``local``."""

    def value(part: ast.expr) -> Any:
        return _evaluate(part, module, local)

    found: Any
    match node:
        case ast.Constant(value=None | bool() | str() as found):
            pass
        case ast.Constant(value=constant):
            found = _number(constant)
        case ast.Name(id=name):
            found = local[name] if local and name in local else _named(module, name)
        case ast.Tuple(elts=parts):
            found = tuple(map(value, parts))
        case ast.List(elts=parts):
            found = list(map(value, parts))
        case ast.Dict(keys=keys, values=parts) if None not in keys:
            found = dict(zip(map(value, keys), map(value, parts), strict=True))  # type: ignore[arg-type]
        case ast.UnaryOp(op=ast.USub(), operand=part):
            found = -_number(value(part))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            found = _number(OPERATORS[type(op)](_number(value(left)), _number(value(right))))
        case ast.Call(func=ast.Name(id="tuple" | "list") as func, args=[ast.GeneratorExp() as loop], keywords=[]):
            found = value(func)(_each(loop, module))
        case ast.Call(func=ast.Name() as func):
            options = {str(each.arg): value(each.value) for each in node.keywords}
            arguments, called = list(map(value, node.args)), value(func)
            if called is range and max(map(abs, arguments)) > LONGEST:
                raise SourceError(f"{ast.unparse(node)} in {module} is too long")
            found = called(*arguments, **options)
        case _:
            raise SourceError(f"{ast.unparse(node)} in {module} is no constant")
    return found


def _each(node: ast.GeneratorExp, module: str) -> list[float]:
    match node.generators:
        case [ast.comprehension(target=ast.Name(id=name), ifs=[], is_async=0, iter=over)]:
            return [_number(_evaluate(node.elt, module, {name: each})) for each in _evaluate(over, module)]
    raise SourceError(f"{ast.unparse(node)} in {module} is no plain loop")


def _number(value: Any) -> Any:
    if isinstance(value, int | float) and abs(value) <= LARGEST:
        return value
    raise SourceError(f"{value!r:.40} is no number up to {LARGEST}")
