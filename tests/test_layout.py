"""The house: floors, package list, names of files."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = sorted(p for folder in ("dsl", "engine", "analytics") for p in (ROOT / folder).rglob("*.py"))

# What a wing of the engine may import of the others; `event` and `process` are below them all.
BELOW = {
    "checkpoint": {"checkpoint"},
    "formats": {"paths", "addresses", "formats"},
    "intake": {"paths", "addresses", "formats", "intake"},
    "match": {"paths", "addresses", "intake", "match"},
    "report": {"paths", "addresses", "match", "report", "intake", "formats", "engine"},
}

# Of the engine's wings, who may import what of `dsl`.
MODEL_ROOMS = {"model", "vocabulary", "types", "functions", "diagnostic", "source", "nearest", "prepared"}


def imports(path: Path) -> Iterator[tuple[int, str, list[str]]]:
    """(level, module, names) of every import in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield 0, alias.name, []


def absolute(path: Path) -> Iterator[str]:
    """The modules of the product that a file imports, by their full names."""
    package = ("chainrun", *path.relative_to(ROOT).parts[:-1])
    for level, module, names in imports(path):
        if level == 0 and module.split(".")[0] == "chainrun":
            yield from (f"{module}.{name}" for name in names) if module.count(".") == 1 else (module,)
        elif level:
            base = ".".join(package[: len(package) - level + 1])
            if module:
                yield f"{base}.{module}"
            else:
                yield from (f"{base}.{name}" for name in names)


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_imports_upward(path: Path) -> None:
    parts = path.relative_to(ROOT).parts
    for module in absolute(path):
        rooms = module.split(".")[1:]
        if parts[0] == "dsl":
            assert rooms[:1] == ["dsl"], f"dsl imports {module}"
        if parts[0] == "engine" and len(parts) > 2 and parts[1] in BELOW:
            if rooms[0] == "engine":
                assert len(rooms) == 1 or rooms[1] in BELOW[parts[1]] | {"event", "process", "timer"}, (
                    f"imports {module}"
                )
            else:
                assert rooms[1] in MODEL_ROOMS or parts[1] == "report", f"imports {module}"


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_product_is_imported_by_its_own_name(path: Path) -> None:
    for level, module, _ in imports(path):
        assert level or module.split(".")[0] not in ("dsl", "engine", "analytics"), f"`{module}` is not a package"
        if path.parts[-2] != "api":
            assert level or module != "chainrun", "the public face is for users"


def test_every_package_is_listed() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    there = {"chainrun"} | {
        ".".join(("chainrun", *p.parent.relative_to(ROOT).parts))
        for p in CODE
        if p.name == "__init__.py" and p.parent != ROOT / "engine" / "api"
    }
    assert listed == there


def test_every_dependency_says_why() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    begin = lines.index("dependencies = [")
    for line in lines[begin + 1 : lines.index("]", begin)]:
        assert "#" in line, line


def test_no_file_is_a_drawer_for_everything() -> None:
    drawers = {"utils.py", "helpers.py", "common.py", "misc.py", "manager.py", "base.py"}
    assert not [p for p in CODE if p.name in drawers]


def test_most_files_hold_one_concept() -> None:
    """Long before 500 lines a second concept has moved in; tables of data are not concepts."""
    tables = {"codes.py"}
    assert not [p for p in CODE if p.name not in tables and len(p.read_text().splitlines()) >= 450]
