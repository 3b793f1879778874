"""Processes as one thing: the program of a field set, of the actor, of any of its ancestors.

A process is tested by all that names it, and what the event does not say lineage does. A leaf says how a set of words,
or a captured value, is tested against the whole of it. Called by `words`.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from chainrun.dsl.model import FromCapture, Words

from .. import paths
from ..event import Event
from ..process import Process
from .digests import digested
from .equality import same_program
from .fields import ROWS, Reader, Rename, Row, Slots, Test, Values, acting_row, captured, reader, unknown
from .kleene import some
from .memo import ENTRIES, is_short
from .programs import Programs, first_arguments, is_call, is_path
from .wordsets import ByPlatform, programs

Leaf = Callable[[Words | FromCapture], Test]


class Program(msgspec.Struct, frozen=True):
    """Where the parts of a program are read: the names it goes by, its path, its arguments, its lineage row."""

    names: tuple[Reader, ...]
    path: Reader
    args: Reader
    command_line: Reader
    row: Row | None = None


def program_at(root: str, rename: Rename, row: Row | None = None) -> Program:
    """The program of a field set: `process`, `process.parent`, `process.target`."""

    def read(attribute: str) -> Reader:
        return reader(rename(f"{root}.{attribute}"), row)

    if row is None:
        row = ROWS.get(rename(f"{root}.name").rpartition(".")[0])
    return Program((read("name"), read("executable")), read("executable"), read("args"), read("command_line"), row)


def actor_program(actor: str | None, rename: Rename) -> Program:
    """The acting program: the kind's actor set where the event has it, else the row that lineage gives it."""
    root = actor if actor is not None and actor.startswith("process") else ""
    if root:
        return program_at(root, rename, acting_row)
    return program_at("<actor>", lambda name: name, acting_row)


def is_program_field(field: str) -> bool:
    """Whether this is one field of a process and not a process: `process.name`, `process.pe.original_file_name`."""
    return field.rpartition(".")[2] in ("name", "executable", "original_file_name")


def program_of_field(field: str, read: Callable[[str], Reader], pattern: Words | FromCapture) -> Program:
    """The program that one field names: what it holds, and of its neighbours only what the words ask for."""
    own = read(field)
    root, _, attribute = field.rpartition(".")
    words = pattern.words if isinstance(pattern, Words) else ()
    has_calls = any(map(is_call, words))
    wants_path = attribute == "name" and (has_calls or any(map(is_path, words)))
    return Program(
        (own,),
        read(f"{root}.executable") if wants_path else own,
        read(f"{root}.args") if has_calls else unknown,
        read(f"{root}.command_line") if has_calls else unknown,
    )


def program_leaf(program: Program, slot_of: Slots) -> Leaf:
    """Tests of one program."""

    def leaf(pattern: Words | FromCapture) -> Test:
        if isinstance(pattern, FromCapture):
            return _same_program(program, pattern, slot_of)
        return words_of_program(program, pattern)

    return leaf


def words_of_program(program: Program, pattern: Words) -> Test:
    sets: ByPlatform[Programs] = ByPlatform(lambda os: programs(pattern.words, os))
    read_name, read_path = program.names[0], program.path
    # Where arguments are not asked for, a name and a path are all that is: remembered, it takes a third of the time.
    answers: dict[tuple[str, Any, Any], bool | None] = {}

    def ask(event: Event, values: Values) -> tuple[bool | None, bool]:
        """The answer, and whether it hangs on the arguments."""
        names, path = _known(program, event, values)
        os = paths.platform_of(event.os, path or (names[0] if names else ""))
        asked = False

        def arguments(count: int) -> list[str] | None:
            nonlocal asked
            asked = True
            args, command_line = program.args(event, values), program.command_line(event, values)
            return first_arguments(count, args, command_line, names, path, os)

        return sets[os].holds(names, path, arguments), asked

    def holds(event: Event, values: Values) -> bool | None:
        name, path = read_name(event, values), read_path(event, values)
        known = event.os, name, path
        try:
            if known in answers:
                return answers[known]
        except TypeError:  # a list of telemetry's is no key
            pass
        answer, by_arguments = ask(event, values)
        if not by_arguments and is_short(name) and is_short(path):
            if len(answers) >= ENTRIES:
                answers.clear()
            answers[known] = answer
        return answer

    return holds


def _known(program: Program, event: Event, values: Values) -> tuple[tuple[str, ...], str | None]:
    """The names that the program is known by, and its path; a path stands in some records where a name belongs."""
    names = tuple(n for read in program.names if isinstance(n := read(event, values), str) and n)
    path = program.path(event, values)
    if isinstance(path, str) and ("/" in path or "\\" in path):
        return names, path
    return names, next((n for n in names if "/" in n or "\\" in n), None)


def _same_program(program: Program, pattern: FromCapture, slot_of: Slots) -> Test:
    given_by = captured(slot_of(pattern.capture, pattern.field or ""))

    def holds(event: Event, values: Values) -> bool | None:
        given = given_by(event, values)
        if isinstance(given, Process):
            return _is_process(program, given, event, values)
        names, path = _known(program, event, values)
        if pattern.field is None and isinstance(given, tuple) and len(given) == 2:  # a file: its host and path's key
            host, key = given
            return None if path is None else event.host == host and digested(paths.key(path, event.os)) == key
        candidates = given if isinstance(given, tuple) else (given,)
        texts = [g for g in candidates if isinstance(g, str) and g]
        if not texts or not names:
            return None
        by_path = (path,) if path is not None else names
        return some(
            same_program(text, own, event.os)
            for text in texts
            for own in (by_path if "/" in text or "\\" in text else names)
        )

    return holds


def _is_process(program: Program, given: Process, event: Event, values: Values) -> bool | None:
    if program.row is not None:
        row = program.row(event)
        return None if row is None else row is given
    entity, pid = event.fields.get("process.target.entity_id"), event.fields.get("process.target.pid")
    if entity is not None and given.entity_id is not None:
        return bool(entity == given.entity_id)
    if pid is not None and given.pid is not None:
        return bool(pid == given.pid) and event.host == given.host
    return None


# -- ancestors ----------------------------------------

DEEPEST = 4096  # real ancestries are below a hundred; a forged one must not cost more than this
_ROOTS = frozenset({0, 1, 4})  # the kernel's, init or launchd, and Windows' System: above these there is nobody


def ancestor_leaf(slot_of: Slots) -> Leaf:
    """Tests of any process above the one whose event it is: above a started process its parent is the first. Where the
    ancestry ends before the system's first process, what none of the known ancestors passes is unknown."""

    def leaf(pattern: Words | FromCapture) -> Test:
        holds_of = _row_test(pattern, slot_of)

        def holds(event: Event, values: Values) -> bool | None:
            process, unknown = event.process or event.actor, False
            for _ in range(DEEPEST):
                if process is None:
                    return None
                if process.parent is None:
                    return False if process.pid in _ROOTS and not unknown else None
                process = process.parent
                truth = holds_of(process, event, values)
                if truth:
                    return True
                unknown = unknown or truth is None
            return None

        return holds

    return leaf


def _row_test(pattern: Words | FromCapture, slot_of: Slots) -> Callable[[Process, Event, Values], bool | None]:
    if isinstance(pattern, FromCapture):
        given_by = captured(slot_of(pattern.capture, pattern.field or ""))

        def is_given(row: Process, event: Event, values: Values) -> bool | None:
            given = given_by(event, values)
            if isinstance(given, Process):
                return row is given
            own = row.executable or row.name
            return same_program(given, own, event.os) if isinstance(given, str) and given and own else None

        return is_given
    sets: ByPlatform[Programs] = ByPlatform(lambda os: programs(pattern.words, os))

    def holds(row: Process, event: Event, values: Values) -> bool | None:
        names = tuple(n for n in (row.name, row.executable) if n)
        path = next((n for n in (row.executable, row.name) if n and ("/" in n or "\\" in n)), None)
        os = paths.platform_of(event.os, path or (names[0] if names else ""))
        return sets[os].holds(
            names, path, lambda count: first_arguments(count, None, row.command_line, names, path, os)
        )

    return holds
