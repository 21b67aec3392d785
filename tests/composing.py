"""Hydra's reading and merging of the packages' configurations, each done once in a process that runs many tests."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

Key = tuple[object, ...]
UNCHANGING = "pkg", "structured"
"""Schemes of sources that are the same as long as a process lasts: what is installed, and classes."""


def compose_once(patch: pytest.MonkeyPatch) -> None:
    """Have Hydra remember the files of packages, options as parsed, defaults lists and what they merge to.

    Other options come on top anew.

    What is remembered is kept as bytes, so that a test that changes its configuration changes no other's. Nothing is
    remembered where any source is a folder, which can change.
    """
    from hydra._internal import config_loader_impl as loader
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.plugins import Plugins

    Plugins.instance()  # Hydra looks for plugins on first use, and that imports the sources' classes anew
    from hydra._internal.core_plugins.importlib_resources_config_source import ImportlibResourcesConfigSource

    def of_file(source: Any, config_path: str) -> Key:
        return source.provider, source.path, config_path

    def of_option(_: Any, s: str, rule_name: str) -> Key:
        return s, rule_name

    def of_merge(_: Any, defaults: list[Any], repo: Any) -> Key | None:
        return _key(repo, repr(defaults))

    def of_groups(repo: Any, config_name: str, overrides_list: list[Any], **settings: bool) -> Key | None:
        return _key(repo, config_name, *(o.input_line for o in overrides_list), *sorted(settings.items()))

    list_defaults = _remembering(loader.create_defaults_list, of_groups)

    def with_other_options(repo: Any, config_name: str, overrides_list: list[Any], **settings: bool) -> Any:
        chosen = [o for o in overrides_list if o.is_sweep_override() or _chooses(o, repo)]
        found = list_defaults(repo=repo, config_name=config_name, overrides_list=chosen, **settings)
        found.config_overrides = [o for o in overrides_list if o not in chosen]
        return found

    merge = loader.ConfigLoaderImpl._compose_config_from_defaults_list
    load = ImportlibResourcesConfigSource.load_config
    patch.setattr(ImportlibResourcesConfigSource, "load_config", _remembering(load, of_file))
    patch.setattr(loader.ConfigLoaderImpl, "_compose_config_from_defaults_list", _remembering(merge, of_merge))
    patch.setattr(loader, "create_defaults_list", with_other_options)
    patch.setattr(OverridesParser, "parse_rule", _remembering(OverridesParser.parse_rule, of_option))


def _chooses(override: Any, repo: Any) -> bool:
    """Return whether an override is of a group, by Hydra's own rule."""
    return repo.group_exists(override.key_or_group) and not isinstance(override.value(), dict)


def _key(repo: Any, *of: object) -> Key | None:
    sources = [(source.scheme(), source.provider, source.path) for source in repo.get_sources()]
    return (*of, *sources) if all(scheme in UNCHANGING for scheme, _, _ in sources) else None


def _remembering(make: Callable[..., Any], key: Callable[..., Key | None]) -> Callable[..., Any]:
    """Return a function that returns a copy of its earlier result of the same key, if there is a key."""
    made: dict[Key, bytes] = {}

    def found(*args: Any, **kwargs: Any) -> Any:
        wanted = key(*args, **kwargs)
        if wanted is None:
            return make(*args, **kwargs)
        if wanted not in made:
            made[wanted] = pickle.dumps(make(*args, **kwargs))
        return pickle.loads(made[wanted])

    return found
