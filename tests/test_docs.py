"""The documentation is run: every command on a page, every chain that it shows, every output that it promises.

A page is run from top to bottom in a copy of what it speaks of, as a reader would at a terminal:

    ```console          commands after `$ `, and below each what it prints: on standard output, then on standard error.
    $ chainrun ...      A line of `...` stands for any lines, `...` in a line for anything. A command succeeds, unless
    $ echo $?           follows and says otherwise. `$ cd FOLDER` holds for the rest of the page.
    ```
    ```chain            a whole file that checks without a warning, and runs; its tests pass
    ```chain-wrong      a whole file that is refused

A line that ends in "`NAME`:" gives the block below it to the page's commands as the file NAME. `events.jsonl` and its
like, which a reader is thought to have, are copies of the sample. `--accept` rewrites outputs and expected files.
"""

import gzip
import os
import pty
import re
import shutil
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import NamedTuple, get_args, get_type_hints

import msgspec
import pytest
from chainrun.dsl.check import check
from chainrun.dsl.diagnostic import ChainError
from chainrun.dsl.functions import FUNCTIONS
from chainrun.dsl.parser import parse
from chainrun.dsl.prelude import prelude
from chainrun.dsl.source import Source
from chainrun.dsl.tree import Parameter
from chainrun.dsl.trouble import RESERVED
from chainrun.dsl.types import ValueType
from chainrun.dsl.vocabulary import ACTOR_ENTITIES, vocabulary
from chainrun.engine.cli.exits import Exit
from chainrun.engine.cli.group import VERBS
from chainrun.engine.formats.converters import CONVERTERS
from chainrun.engine.formats.loader import load_formats
from chainrun.engine.report import alert
from chainrun.engine.report.text import FLAGS
from chainrun.engine.study.trial import trials
from typer.models import OptionInfo

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md")])
EXAMPLES = sorted(folder for folder in ROOT.glob("examples/*") if folder.is_dir())
SAMPLE = "examples/01-first-chain/events.jsonl"

FENCE = re.compile(r"^```([\w-]*)\n(.*?)^```$", re.M | re.S)
NAMED = re.compile(r"`([\w./-]+)`:\s*$")
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
OURS = re.compile(r"(?:^|\| |&& )(?:\.venv/bin/chainrun|chainrun|python3? -m chainrun)\b")
PATIENCE = 300  # seconds for one command


class Block(NamedTuple):
    """A fenced block of a page. `name`: the file that the line above says it is."""

    page: Path
    line: int
    language: str
    text: str
    name: str | None

    @property
    def place(self) -> str:
        return f"{name_of(self.page)}:{self.line}"


class Command(NamedTuple):
    """A command line of a console block, what the page shows below it, and the exit code that it says."""

    line: int
    text: str
    shown: str
    code: int


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        above = NAMED.search(text[: found.start()].rstrip())
        line = text.count("\n", 0, found.start()) + 2
        yield Block(page, line, found[1], found[2], above[1] if above else None)


def commands(block: Block) -> list[Command]:
    """The commands of a console block; `echo $?` is no command but tells the code of the one before."""
    found: list[Command] = []
    for at, row in enumerate(block.text.splitlines(keepends=True)):
        if row.startswith("$ "):
            found.append(Command(block.line + at, row[2:].rstrip(), "", 0))
        elif found:
            found[-1] = found[-1]._replace(shown=found[-1].shown + row)
    merged: list[Command] = []
    for command in found:
        if command.text == "echo $?" and merged:
            merged[-1] = merged[-1]._replace(code=int(command.shown))
        else:
            merged.append(command)
    return merged


class Sandbox:
    """A copy of what pages speak of, in which their commands run at a terminal that has no colours."""

    def __init__(self, folder: Path) -> None:
        self.folder = self.cwd = folder
        shutil.copytree(ROOT / "analytics", folder / "analytics", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("expected*"))
        sample = (ROOT / SAMPLE).read_bytes()
        (folder / "more").mkdir()
        (folder / "events.jsonl").write_bytes(sample)
        (folder / "more" / "monday.jsonl.gz").write_bytes(gzip.compress(sample))
        (folder / "sysmon.jsonl.gz").write_bytes(gzip.compress(sample))
        bin = folder / ".venv" / "bin"
        bin.mkdir(parents=True)
        for name, words in (("chainrun", " -P -m chainrun"), ("python", ""), ("python3", "")):
            (bin / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{words} "$@"\n')
            (bin / name).chmod(0o755)
        self._env = {
            **os.environ,
            "PATH": f"{bin}:{os.environ['PATH']}",
            "NO_COLOR": "1",
            "COLUMNS": "100",
            "HOME": str(folder),
        }

    def run(self, command: str) -> tuple[int, str]:
        """The exit code of a command line and what it prints, standard error behind standard output."""
        ours, theirs = pty.openpty()
        settings = termios.tcgetattr(theirs)
        settings[1] &= ~termios.OPOST  # line ends as they were written
        termios.tcsetattr(theirs, termios.TCSANOW, settings)
        parts: list[bytes] = []

        def read() -> None:
            try:
                while part := os.read(ours, 1 << 16):
                    parts.append(part)
            except OSError:  # how Linux says that the other side is closed
                pass

        reader = threading.Thread(target=read)
        reader.start()
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=subprocess.PIPE,
                cwd=self.cwd,
                env=self._env,
            )
            _, errors = process.communicate(timeout=PATIENCE)
        finally:
            os.close(theirs)
            reader.join()
            os.close(ours)
        return process.returncode, (b"".join(parts) + errors).decode()


def is_as_shown(output: str, shown: str) -> bool:
    """Whether an output is what a page shows, whose `...` stand for anything."""
    pattern = "".join(
        r"(?:.*\n)*?" if row.strip() == "..." else re.escape(row).replace(r"\.\.\.", ".*")
        for row in shown.splitlines(keepends=True)
    )
    return re.fullmatch(pattern, output) is not None


def follow(page: Path, sandbox: Sandbox) -> Iterator[tuple[Command, int, str]]:
    """Runs a page's commands from top to bottom: each with its exit code and output."""
    for block in blocks(page):
        if block.language != "console":
            if block.name is not None:
                file = sandbox.cwd / block.name
                assert not file.exists() or file.read_text(encoding="utf-8") == block.text, (
                    f"{block.place}: {file.name}"
                )
                file.write_text(block.text, encoding="utf-8")
            continue
        for command in commands(block):
            if command.text.startswith("cd "):
                sandbox.cwd = sandbox.folder / command.text[3:]
            elif OURS.search(command.text) is not None:
                yield command, *sandbox.run(command.text)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_of_a_page_does_what_the_page_says(page: Path, tmp_path: Path, accept: bool) -> None:
    """And what the commands of an example write into `expected` files is what stands beside its page."""
    sandbox = Sandbox(tmp_path)
    faults: list[str] = []
    changed: list[tuple[Command, str]] = []
    for command, code, output in follow(page, sandbox):
        where = f"{name_of(page)}:{command.line}: $ {command.text}"
        if code != command.code:
            faults.append(f"{where}\nends with exit code {code}, not {command.code}:\n{output}")
        elif command.shown and not is_as_shown(output, command.shown):
            if accept and "..." not in command.shown:
                changed.append((command, output))
            else:
                faults.append(f"{where}\nprints\n{output}\nand the page shows\n{command.shown}")
    if changed:
        rows = page.read_text(encoding="utf-8").splitlines(keepends=True)
        for command, output in reversed(changed):
            rows[command.line : command.line + command.shown.count("\n")] = [output]
        page.write_text("".join(rows), encoding="utf-8")
    assert not faults, "\n\n".join(faults)
    if page.parent in EXAMPLES:
        written = {file.name: file.read_text() for file in (tmp_path / name_of(page.parent)).glob("expected*")}
        for name, text in written.items() if accept else ():
            (page.parent / name).write_text(text, encoding="utf-8")
        assert written, "no command of the page writes an expected file"
        assert written == {file.name: file.read_text(encoding="utf-8") for file in page.parent.glob("expected*")}


# -- chains ----------------------------------------


CHAINS = [b for page in PAGES for b in blocks(page) if b.language.startswith("chain")]


@pytest.mark.parametrize("block", CHAINS, ids=lambda block: block.place)
def test_every_chain_is_what_its_fence_says(block: Block) -> None:
    source = Source(block.place, block.text)
    if block.language == "chain-wrong":
        with pytest.raises(ChainError):
            check(parse(source), source)
        return
    analytic, warnings = check(parse(source), source)
    assert not warnings
    if block.name is not None:  # a file of the page is tested by its commands, and may be meant to fail
        return
    for result in trials(analytic):
        assert result.passed, f"{result.title}:\n" + "\n".join(result.faults)


def test_the_demo_of_the_readme_is_what_the_demo_prints() -> None:
    page = ROOT / "README.md"
    printed = "".join(
        (ROOT / "examples/01-first-chain" / f"expected{part}.txt").read_text() for part in ("", "-summary")
    )
    for block in blocks(page):
        if block.language == "text":
            assert block.text.strip("\n") in printed, block.place


# -- nothing is forgotten ----------------------------------------


def missing(names: object, pages: list[Path], form: str = "`{}`") -> list[str]:
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    assert isinstance(names, list)
    return [name for name in names if form.format(name) not in text]


# -- tables that are data elsewhere ----------------------------------------


def kinds() -> Iterator[str]:
    for name, kind in vocabulary().kinds.items():
        acts = "parent process" if kind.actor == "process.parent" else ACTOR_ENTITIES.get(kind.actor or "", "")
        introduces = f"{kind.introduces.entity} `{kind.introduces.field}`" if kind.introduces else ""
        tests = f"{kind.tests.type} `{kind.tests.field}`" if kind.tests else ""
        yield f"| `{name}` | {kind.takes} | {acts} | {introduces} | {tests} |"


def arguments() -> Iterator[str]:
    """The arguments that all kinds have, then those that only some have or that are something else for some."""
    common = vocabulary().kinds["event"].arguments
    for name, target in common.items():
        yield f"| `{name}` | {target.type} | {told(target.field)} |"
    special: dict[tuple[str, ValueType, str], list[str]] = {}
    for kind in vocabulary().kinds.values():
        for name, target in kind.arguments.items():
            if common.get(name) != target:
                special.setdefault((name, target.type, target.field), []).append(f"`{kind.name}`")
    for (name, type_, field), of in special.items():
        yield f"| `{name}` of {', '.join(of)} | {type_} | {told(field)} |"


def told(field: str) -> str:
    """A field as tables name it; what is no field by name has a word of its own."""
    words = {"<actor>": "who acts", "<ancestor>": "any above who acts", "process": "the process"}
    return words.get(field, f"`{field}`")


def functions() -> Iterator[str]:
    for function in FUNCTIONS.values():
        yield f"| `{function.signature}` | {function.gives} | {function.doc} |"


def ready_made_sets() -> Iterator[str]:
    _, file = prelude()
    for item in file.items:
        if isinstance(item, Parameter):
            assert item.description is not None
            yield f"| `{item.name.text}` | {item.description.text} |"


def fields() -> Iterator[str]:
    by_type: dict[ValueType, list[str]] = {}
    for name, field in vocabulary().fields.items():
        by_type.setdefault(field.type, []).append(f"`{name}`{'[]' if field.many else ''}")
    for type_, names in by_type.items():
        yield f"| {type_} | {', '.join(names)} |"


TABLES = {
    "| kind | takes | acts | introduces | argument |": kinds,
    "| argument | type | field |": arguments,
    "| function | gives | |": functions,
    "| set | holds |": ready_made_sets,
    "| type | fields (`[]` marks a list) |": fields,
}


def verbs() -> Iterator[str]:
    for verb, does in VERBS.items():
        yield f"| `{verb}` | {does} |"


def options(verb: str) -> Iterator[str]:
    """The options of a verb, as Typer is told of them."""
    command = import_module(f"chainrun.engine.cli.{verb}").command
    hints = get_type_hints(command, include_extras=True)
    for parameter in signature(command).parameters.values():
        type_, option = get_args(hints[parameter.name])
        if isinstance(option, OptionInfo):
            # the first name of an `Option` in an annotation is what would be its default elsewhere
            named = [name for name in (option.default, *(option.param_decls or ())) if isinstance(name, str)]
            names = named or [f"--{parameter.name.replace('_', '-')}"]
            kinds = [kind for kind in (type_, *get_args(type_)) if isinstance(kind, type) and issubclass(kind, Enum)]
            value = option.metavar or "\\|".join(str(choice.value) for kind in kinds for choice in kind)
            shown = f"`{', '.join(names)}{f' {value}' if value else ''}`"
            default = f" Without it: {parameter.default}." if parameter.default not in (None, False) else ""
            yield f"| {shown} | {option.help}{default} |"


COMMAND_TABLES: dict[str, Callable[[], Iterator[str]]] = {
    "| verb | does |": verbs,
    **{f"| `chainrun {verb}` | |": partial(options, verb) for verb in VERBS if any(options(verb))},
}


@pytest.mark.parametrize("head", TABLES)
def test_a_table_of_the_language_page_is_what_its_data_say(head: str, accept: bool) -> None:
    agree(ROOT / "docs/language.md", head, TABLES[head](), accept)


@pytest.mark.parametrize("head", COMMAND_TABLES)
def test_a_table_of_the_command_line_page_is_what_typer_is_told(head: str, accept: bool) -> None:
    agree(ROOT / "docs/command-line.md", head, COMMAND_TABLES[head](), accept)


def agree(page: Path, head: str, made: Iterator[str], accept: bool) -> None:
    """The table of a page that begins with this head has the rows that its data make."""
    text = page.read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(head)}\n\|[- |]+\|\n((?:\|.*\n)*)", text, re.M)
    assert found is not None
    rows = "".join(f"{row}\n" for row in made)
    if accept and found[1] != rows:
        page.write_text(text[: found.start(1)] + rows + text[found.end(1) :], encoding="utf-8")
    else:
        assert found[1] == rows


def test_every_reserved_word_and_platform_is_in_the_language_page() -> None:
    assert not missing([*RESERVED, *vocabulary().platforms], [ROOT / "docs/language.md"])


def test_every_format_and_converter_is_in_the_formats_page() -> None:
    page = [ROOT / "docs/formats.md"]
    assert not missing([f.name for f in load_formats()], page)
    takes = [f"{name}({'…' if converter.takes_argument else ''}" for name, converter in CONVERTERS.items()]
    assert not missing([t.removesuffix("(") for t in takes if not t.endswith("…")], page)
    assert not missing([t for t in takes if t.endswith("…")], page, "`{}")


def test_every_verb_is_in_the_documentation() -> None:
    assert not missing(list(VERBS), PAGES, "chainrun {}")


def test_every_field_flag_and_exit_code_is_in_the_alert_page() -> None:
    page = [ROOT / "docs/alert.md"]
    structs = (alert.Alert, alert.StepReport, alert.Witness, alert.Reference, alert.Place)
    fields = [f for struct in structs for f in msgspec.structs.fields(struct)]
    assert not missing([f.encode_name for f in fields], page)
    assert not missing(list(FLAGS), page)
    assert not missing([f"| {code.value} |" for code in Exit], page, "{}")


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings have on GitHub."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link
