"""YAML of others: plain values only, bounded, and one kind of error.

PyYAML's safe loader lets errors of its own through (a `!!timestamp` that is none is an AttributeError), and aliases
make a few lines stand for gigabytes once their tables are walked. ROS parameter files know no aliases either.
"""

from __future__ import annotations

from typing import Any

import yaml

MOST_CHARACTERS = 1 << 20
"""Longest text that is read."""


class PlainLoader(yaml.SafeLoader):
    """`yaml.SafeLoader` without aliases."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(
                None, None, "aliases (*name) are not read here; write the value out", mark
            )
        return super().compose_node(parent, index)


def read_yaml(text: str) -> Any:
    """The value of a YAML text. Raises yaml.YAMLError for whatever is wrong with it."""
    return _loaded(text, False)


def compose_yaml(text: str) -> yaml.Node | None:
    """Its nodes, which know their lines. Raises yaml.YAMLError."""
    return _loaded(text, True)


def _loaded(text: str, nodes: bool) -> Any:
    if len(text) > MOST_CHARACTERS:
        raise yaml.YAMLError(f"it has {len(text)} characters; at most {MOST_CHARACTERS} are read")
    loader = None
    try:
        loader = PlainLoader(text)
        return loader.get_single_node() if nodes else loader.get_single_data()
    except (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError) as e:
        raise yaml.YAMLError(f"a value cannot be read ({type(e).__name__}: {e})") from e
    finally:
        if loader is not None:
            loader.dispose()
