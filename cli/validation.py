"""Checks of YAML files of one's own: names, classes, settings, and what they refer to."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cli.kinds import KINDS, Kind
from cli.places import ROOT, choices, content_of, defaults_of, is_group, read_yaml, with_parents
from cli.settings import families_with, method_settings, recipes_of, settings_of
from tedbench.errors import UserError
from tedbench.near import nearest

GROUPS = (*KINDS, "recipe", "experiment")
"""Groups whose files can be checked."""


def problems(file: Path) -> list[str]:
    """Return what is wrong with a YAML file, one line for each problem.

    The file's group is its folder's name (``method/mine.yaml``, ``recipe/mine/sd.yaml``), and the folder above is searched
    for what it refers to, beside the project's own.

    Raises:
        UserError: there is no such file, or its folder is no group.
    """
    if not file.is_file():
        raise UserError(f"{file} is no file. Give a YAML file of a method, model, dataset, metrics or recipe.")
    file = file.resolve()
    folder, group = file.parent.parent, file.parent.name
    if folder.name == "recipe":
        folder, group = folder.parent, "recipe"
    if group not in GROUPS:
        raise UserError(f"{file} lies in {group}/, which is no group. Put it into a folder called {', '.join(GROUPS)}.")
    broken = unreadable(file)
    if broken:
        return [broken]
    within = (ROOT, folder) if folder != ROOT.resolve() else (ROOT,)
    checks: dict[str, Callable[[Path, Sequence[Path]], Iterator[str]]] = {
        "method": _method,
        "metrics": _metrics,
        "recipe": _recipe,
        "experiment": _experiment,
    }
    missing = list(_missing_parents(file, group, within))
    return missing or list(dict.fromkeys(checks.get(group, _one_class)(file, within)))


def unreadable(file: Path) -> str | None:
    """Return why a file cannot be read as YAML: its syntax, a key that is there twice, or no mapping."""
    import yaml
    from omegaconf._utils import get_yaml_loader

    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=get_yaml_loader())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        return f"is not YAML{where}: {getattr(error, 'problem', None) or error}"
    return None if isinstance(content, dict) else "has no settings: KEY: VALUE, one a line"


def _missing_parents(file: Path, group: str, within: Sequence[Path]) -> Iterator[str]:
    """Yield each choice in a file's defaults that does not exist."""
    own = f"recipe/{file.parent.name}" if group == "recipe" else group
    for named, name in defaults_of(read_yaml(file)):
        known = choices(named or own, within)
        if "${" not in name and is_group(named or own, within) and name not in known:
            yield f"defaults: there is no choice {name!r} of {named or own}.{nearest(name, known)}"


_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def _parameters(target: Any) -> tuple[list[str], bool]:
    """Return the names that a class or its class method takes, and whether it takes any other.

    What a class method takes as ``**settings`` goes to the class, whose parameters are then known as well.
    """
    parameters = list(inspect.signature(target).parameters.values())
    owner = getattr(target, "__self__", None)
    if owner is not None and any(p.kind is p.VAR_KEYWORD for p in parameters):
        parameters = [p for p in parameters if p.kind is not p.VAR_KEYWORD]
        parameters += inspect.signature(owner).parameters.values()
    return [p.name for p in parameters if p.kind in _NAMED], any(p.kind is p.VAR_KEYWORD for p in parameters)


def wrong_settings(settings: Mapping[str, Any], kind: Kind, where: str) -> Iterator[str]:
    """Yield what is wrong with the settings of a class: its name, unknown and missing settings, and each wrong value."""
    from tedbench.build import find_target, require_parameters
    from tedbench.settings import checked, kinds_of

    if "_target_" not in settings:
        yield f"{where} has no _target_. Give the class: _target_: module.Class"
        return
    try:
        target = find_target(settings, kind.type)
    except UserError as error:
        yield str(error)
        return
    except Exception as error:  # somebody's module fails while it is loaded
        yield f"_target_={settings['_target_']} cannot be loaded ({type(error).__name__}: {error})."
        return
    try:
        require_parameters(target, settings["_target_"], kind.type, where, kind.needed)
        getattr(getattr(target, "__self__", target), "check_class", lambda: None)()
    except UserError as error:
        yield str(error)
    values = {key: value for key, value in settings.items() if key != "_target_" and key not in kind.labels}
    takes = inspect.signature(target).parameters
    known, more = _parameters(target)
    if not more:
        for key in sorted(values.keys() - {*known} | values.keys() & {*kind.given}):
            yield f"{where}.{key} is no setting of {settings['_target_']}.{nearest(key, known)}"
    for name in takes:
        required = takes[name].default is inspect.Parameter.empty and takes[name].kind in _NAMED
        if required and name not in values and name not in kind.given:
            yield f"{where}.{name} is missing: {settings['_target_']} needs it."
    kinds = kinds_of(target)
    for key, value in values.items():
        if key in kinds and value != "???":
            try:
                checked(f"{where}.{key}", value, kinds[key])
            except UserError as error:
                yield str(error)


def _label(settings: Mapping[str, Any], group: str) -> Iterator[str]:
    name = settings.get("name")
    if not isinstance(name, str) or not name.strip() or "/" in name or name.startswith("."):
        yield f"{group}.name is {name!r}. Give a word: it is part of a run's folder and of tables."


def _method(file: Path, within: Sequence[Path]) -> Iterator[str]:
    families = families_with(file.stem, within)
    for needed in recipes_of(file.stem, within) if families == [] else ():
        yield f"no model has a recipe for it. Write recipe/{needed}/FAMILY.yaml, or give the settings in this file."
    for family in families if families is not None else [None]:
        yield from _method_on(file.stem, family, within)


def _method_on(name: str, family: str | None, within: Sequence[Path]) -> Iterator[str]:
    """Yield what is wrong with a method's settings on the models of one family."""
    from omegaconf.errors import OmegaConfBaseException

    from tedbench.build import find_target

    try:
        settings = method_settings(name, family, within)
    except OmegaConfBaseException as error:
        on = f" (on models of the family {family})" if family else ""
        yield f"{str(error).splitlines()[0]}{on}"
        return
    found = [*_label(settings, "method"), *wrong_settings(settings, KINDS["method"], "method")]
    yield from found
    if not found:
        target = find_target(settings, KINDS["method"].type)
        known = {key: value for key, value in settings.items() if key not in ("_target_", "name")}
        try:
            getattr(target, "__self__", target).describe(known)
        except UserError as error:
            unset = [key for key, value in known.items() if value is None and f"method.{key}" in str(error)]
            if not unset:  # otherwise a command line gives it
                yield str(error)


def _one_class(file: Path, within: Sequence[Path]) -> Iterator[str]:
    """Yield what is wrong with a model, a dataset or an executor."""
    from omegaconf.errors import OmegaConfBaseException

    group = file.parent.name
    try:
        settings = settings_of(group, file.stem, within)
    except OmegaConfBaseException as error:
        yield str(error).splitlines()[0]
        return
    if group != "executor":
        yield from _label(settings, group)
    if group == "model" and "_target_" not in settings:  # model=none: images made elsewhere
        return
    if group == "model":
        yield from _family(settings.get("family"), within)
    yield from wrong_settings(settings, KINDS[group], group)


def _family(family: Any, within: Sequence[Path]) -> Iterator[str]:
    """Yield a problem if no method has a recipe for a model's family."""
    known = sorted(
        {
            name
            for folder in within
            for path in (folder / "recipe").glob("*")
            for name in choices(f"recipe/{path.name}", within)
        }
    )
    if family is not None and family not in known:
        yield f"model.family is {family!r}, for which no method has a recipe.{nearest(str(family), known)} Write recipe/METHOD/{family}.yaml."


def _metrics(file: Path, within: Sequence[Path]) -> Iterator[str]:
    from omegaconf.errors import OmegaConfBaseException

    try:
        blocks = settings_of("metrics", file.stem, within)
    except OmegaConfBaseException as error:
        yield str(error).splitlines()[0]
        return
    own = with_parents("metrics", file.stem, within)
    own = [path for path in own if path.resolve() == file or not path.is_relative_to(ROOT)]
    written = {key for path in own for key in read_yaml(path)}
    for name, block in blocks.items():
        if name not in written:  # the project's own, whose classes take seconds to load
            continue
        if isinstance(block, dict):
            yield from wrong_settings(block, KINDS["metrics"], f"metrics.{name}")
        else:
            yield f"metrics.{name} is {block!r}. It must be a block with _target_ and settings."


def _recipe(file: Path, within: Sequence[Path]) -> Iterator[str]:
    """Yield what is wrong with a recipe, as the methods that refer to it take it."""
    name = file.parent.name
    readers = [method for method in choices("method", within) if name in recipes_of(method, within)]
    if not readers:
        yield f"no method refers to it. A method's YAML says, such as, sampling: ${{recipe.{name}.sampling}}"
    text = "".join(
        path.read_text(encoding="utf-8") for reader in readers for path in with_parents("method", reader, within)
    )
    known = sorted(set(re.findall(rf"\$\{{(?:oc\.select:)?recipe\.{name}\.(\w+)", text)))
    for key in content_of(f"recipe/{name}", file.stem, within) if readers and known else ():
        if key not in known:
            yield f"recipe.{name}.{key} is read by no method.{nearest(key, known)}"
    for reader in [name] if name in readers else readers[:1]:  # the others are its variants
        yield from _method_on(reader, file.stem, within)


def _experiment(file: Path, within: Sequence[Path]) -> Iterator[str]:
    from cli.compose import compose

    searched = [f"hydra.searchpath=[file://{folder}]" for folder in within[1:]]
    try:
        compose("run", [*searched, f"+experiment={file.stem}"])
    except UserError as error:
        yield str(error)
