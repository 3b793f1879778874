"""The sets that everybody shares, from `prelude.chain`: in the language itself, parsed once a process."""

from functools import cache
from importlib.resources import files

from . import tree
from .parser import parse
from .source import Source


@cache
def prelude() -> tuple[Source, tree.File]:
    """The prelude's text and tree."""
    text = (files(__package__) / "prelude.chain").read_text(encoding="utf-8")
    source = Source("prelude.chain", text)
    return source, parse(source)
