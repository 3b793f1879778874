"""How words match: for every word what it takes, and the near miss that it does not.

A row is (platform, words, value, expected); None is unknown. A word in quotes is written with them.
"""

import ipaddress
import random
from typing import Any

import pytest
from chainrun.dsl.model import AnyOf, ButNot, FromCapture, NotIn, Pattern, Target, Word, Words
from chainrun.dsl.types import ValueType
from chainrun.engine.addresses import Networks, address, show
from chainrun.engine.event import Event, Origin
from chainrun.engine.match.globs import any_of, anything, segments
from chainrun.engine.match.images import reference
from chainrun.engine.match.memo import ENTRIES, LONGEST, Memo
from chainrun.engine.match.words import compile_pattern
from chainrun.engine.process import Process
from hypothesis import given, settings
from hypothesis import strategies as st


def words(*written: str) -> Words:
    """`cmd.exe` is a bare word, `"a b"` and `'a b'` are quoted ones (escapes of the language are not undone here)."""
    return Words(words=tuple(Word(w[1:-1], w[0]) if w[:1] in ("'", '"') and len(w) > 1 else Word(w) for w in written))


def event(os: str = "linux", kinds: tuple[str, ...] = (), host: str = "h", **fields: Any) -> Event:
    named = {name.replace("__", "."): value for name, value in fields.items()}
    return Event(0, frozenset(kinds), named, os=os, host=host, origin=Origin("test", 1, 0))


def process(number: int, name: str | None, parent: Process | None = None, **known: Any) -> Process:
    row = Process(number, "h")
    row.name, row.parent, row.pid = name, parent, number + 1000
    for attribute, value in known.items():
        setattr(row, attribute, value)
    return row


PROGRAM = Target(ValueType.PROGRAM, "process")
PATH = Target(ValueType.PATH, "file.path")
TO = Target(ValueType.DESTINATION, "destination")
IMAGE = Target(ValueType.IMAGE, "container.image.name")
TEXT = Target(ValueType.TEXT, "event.action")


# -- programs ----------------------------------------

# a process of this executable, whose name is its last segment
PROGRAMS = [
    ("windows", ["cmd.exe"], r"C:\Windows\System32\cmd.exe", True),
    ("windows", ["CMD.exe"], r"C:\Windows\System32\cmd.EXE", True),
    ("windows", ["cmd"], r"C:\Windows\System32\cmd.exe", False),
    ("windows", ["cmd.exe"], r"C:\Windows\System32\xcmd.exe", False),
    ("windows", ["cmd.exe"], r"C:\cmd.exe\other.exe", False),
    ("windows", ["cmd.exe"], r"\Device\HarddiskVolume3\Windows\System32\cmd.exe", True),
    ("linux", ["bash"], "/bin/bash", True),
    ("linux", ["Bash"], "/bin/bash", False),
    ("linux", ["bash"], "/tmp/x\\bash", False),
    ("macos", ["safari"], "/Applications/Safari.app/Contents/MacOS/Safari", True),
    ("linux", ["python*"], "/usr/bin/python3.11", True),
    ("linux", ["python*"], "/usr/bin/ipython", False),
    ("linux", ["python?"], "/usr/bin/python3", True),
    ("linux", ["python?"], "/usr/bin/python", False),
    ("windows", ["POWER*.exe"], r"C:\x\powershell.exe", True),
    ("linux", ["/usr/bin/python3"], "/usr/bin/python3", True),
    ("linux", ["/usr/bin/python3"], "/opt/usr/bin/python3", False),
    ("linux", ["/usr/bin/python"], "/usr/bin/python/x", False),
    ("linux", ["/usr/bin/"], "/usr/bin/python3", True),
    ("linux", ["/usr/bin/"], "/usr/bin/a/python3", True),
    ("linux", ["/usr/bin/"], "/usr/bingo/python3", False),
    ("linux", ["/opt/*/python3"], "/opt/a/b/python3", True),
    ("linux", ["*/bin/python3"], "/opt/a/bin/python3", True),
    ("linux", ["*/bin/python3"], "/opt/a/sbin/python3", False),
    ("linux", ["~/bin"], "/home/bob/bin/x/tool", True),
    ("linux", ["~/bin"], "/root/bin/tool", True),
    ("linux", ["~/bin"], "/usr/bin/tool", False),
    ("linux", ["~"], "/home/bob/tool", True),
    ("linux", ["~tool"], "/home/bob/~tool", True),
    ("windows", [r"%TEMP%\*.exe"], r"C:\Users\bob\AppData\Local\Temp\x.exe", True),
    ("windows", ["%TEMP%"], r"C:\Windows\Temp\a\x.exe", True),
    ("windows", ["%TEMP%"], r"C:\Windows\Temporary\x.exe", False),
    ("windows", ["C:/Windows/System32/cmd.exe"], r"\??\c:\windows\system32\CMD.exe", True),
    ("windows", [r"C:\Windows\System32\cmd.exe"], r"C:\Windows\SysWOW64\cmd.exe", False),
    ("windows", [r'"C:\Program Files\x.exe"'], r"C:\Program Files\x.exe", True),
    ("windows", [r"C:\Windows\System32\cmd.exe"], "/usr/bin/cmd.exe", False),
    ("linux", [r"C:\Windows\System32\cmd.exe"], "/usr/bin/cmd.exe", False),
    # a program's name may hold spaces, and literal stars
    ("macos", ['"Google Chrome"'], "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", True),
    ("macos", ['"Google Chrome"'], "/Applications/Google Chrome Helper", False),
    ("macos", ["'Google Chrome'"], "/x/google chrome", True),
    ("linux", [r'"a\*b"'], "/x/a*b", True),
    ("linux", [r'"a\*b"'], "/x/axb", False),
    ("linux", ["a", "b*", "/c/d"], "/c/d", True),
    ("linux", [], "/c/d", False),
    # where the platform is not said, the text says it
    ("", ["CMD.exe"], r"C:\Windows\cmd.exe", True),
    ("", ["Bash"], "/bin/bash", False),
]


@pytest.mark.parametrize(("os", "written", "value", "expected"), PROGRAMS)
def test_a_program_word(os: str, written: list[str], value: str, expected: bool) -> None:
    name = value.replace("\\", "/").rpartition("/")[2] if os != "linux" else value.rpartition("/")[2]
    test = compile_pattern(words(*written), PROGRAM)
    assert test(event(os, process__executable=value, process__name=name), ()) is expected
    assert test(event(os, process__executable=value), ()) is expected
    assert compile_pattern(NotIn(pattern=words(*written)), PROGRAM)(event(os, process__executable=value), ()) is (
        not expected
    )


# what is known of a process, against one word
KNOWN = [
    ("linux", "bash", {"process__name": "bash"}, True),
    ("linux", "bash", {"process__name": "zsh"}, False),
    ("linux", "bash", {}, None),
    ("linux", "/bin/bash", {"process__name": "bash"}, None),
    ("linux", "/bin/bash", {"process__name": "/bin/bash"}, True),
    ("linux", "bash", {"process__name": "sh", "process__executable": "/bin/bash"}, True),
    ("linux", "bash", {"process__name": 5}, None),
    ("linux", "bash", {"process__name": ["bash"]}, None),
    ("linux", "bash", {"process__name": ""}, None),
    ("windows", "cmd.exe", {"process__name": "CMD.EXE"}, True),
]


@pytest.mark.parametrize(("os", "word", "fields", "expected"), KNOWN)
def test_a_program_of_which_something_is_known(
    os: str, word: str, fields: dict[str, Any], expected: bool | None
) -> None:
    test = compile_pattern(words(word), PROGRAM)
    assert test(event(os, **fields), ()) is expected
    assert test(event(os, **fields), ()) is expected, "the remembered answer"


CALLS = [
    ("macos", '"open -a Terminal"', "/usr/bin/open", ("open", "-a", "Terminal"), True),
    ("macos", '"open -a Terminal"', "/usr/bin/open", ("open", "-a", "Terminal", "x"), True),
    ("macos", '"open -a Terminal"', "/usr/bin/open", ("open", "-a", "iTerm"), False),
    ("macos", '"open -a Terminal"', "/usr/bin/open", ("open", "-a"), False),
    ("macos", '"open -a Terminal"', "/usr/bin/open", ("open", "x", "-a", "Terminal"), False),
    ("macos", '"open -a Terminal"', "/usr/bin/opens", ("opens", "-a", "Terminal"), False),
    ("macos", '"open -a Terminal"', "/usr/bin/open", "open -a Terminal", True),
    ("macos", '"open -a Terminal"', "/usr/bin/open", None, None),
    ("macos", '"open -a Terminal"', "/usr/bin/curl", None, False),
    ("linux", '"gio open"', "/usr/bin/gio", "gio open http://x", True),
    ("linux", '"gio open"', "/usr/bin/gio", "gio help", False),
    ("linux", '"gio open"', "/usr/bin/gio", "gio", False),
    ("linux", '"python* -c"', "/usr/bin/python3", "/usr/bin/python3 -c import os", True),
    ("linux", '"bash -C"', "/bin/bash", ("bash", "-c"), False),
    ("windows", '"powershell.exe -ENC*"', r"C:\x\powershell.exe", '"C:\\x\\powershell.exe"   -EncodedCommand AA', True),
    ("windows", '"x.exe run"', r"C:\Program Files\x.exe", r"C:\Program Files\x.exe run", True),
    ("windows", '"x.exe run"', r"C:\Program Files\x.exe", r'C:\Program Files\x.exe "run"', True),
    ("windows", '"x.exe run"', r"C:\Program Files\x.exe", '"C:\\Program Files\\x.exe" "run', True),
    ("windows", '"x.exe run"', r"C:\Program Files\x.exe", '"C:\\Program Files\\x.exe run', False),
    ("macos", '"Google Chrome --headless"', "/A/Google Chrome", "/A/Google Chrome --headless", True),
    ("macos", '"Google Chrome --headless"', "/A/Google Chrome", "/A/Google Chrome --x", False),
    ("macos", '"/usr/bin/open -a Terminal"', "/usr/bin/open", ("open", "-a", "Terminal"), True),
    ("macos", '"/usr/bin/open -a Terminal"', "/opt/bin/open", ("open", "-a", "Terminal"), False),
]


@pytest.mark.parametrize(("os", "word", "executable", "given_as", "expected"), CALLS)
def test_a_word_with_a_space_is_a_program_and_its_first_arguments(
    os: str, word: str, executable: str, given_as: Any, expected: bool | None
) -> None:
    fields = {"process__executable": executable}
    if given_as is not None:
        fields["process__command_line" if isinstance(given_as, str) else "process__args"] = given_as
    assert compile_pattern(words(word), PROGRAM)(event(os, **fields), ()) is expected


def test_a_program_is_asked_again_where_its_arguments_decide() -> None:
    test = compile_pattern(words("curl", '"open -a Terminal"'), PROGRAM)
    for _ in range(2):
        for executable, args, expected in (
            ("/usr/bin/open", ("open", "-a", "Terminal"), True),
            ("/usr/bin/open", ("open", "-a", "iTerm"), False),
            ("/usr/bin/open", None, None),
            ("/usr/bin/curl", ("curl", "x"), True),
            ("/usr/bin/wget", ("wget", "x"), False),
        ):
            fields = {"process__executable": executable} | ({"process__args": args} if args is not None else {})
            assert test(event("macos", **fields), ()) is expected, (executable, args)


def test_a_missing_program_is_the_one_that_lineage_knows() -> None:
    child, parent = process(2, "bash"), process(1, "word.exe", executable="/opt/word.exe")
    child.parent = parent
    e = event()
    e.process = child
    assert compile_pattern(words("bash"), PROGRAM)(e, ()) is True
    assert compile_pattern(words("word.exe"), Target(ValueType.PROGRAM, "process.parent"))(e, ()) is True
    e.parent = process(3, "excel.exe")
    assert compile_pattern(words("word.exe"), Target(ValueType.PROGRAM, "process.parent"))(e, ()) is False
    e.fields["process.name"] = "zsh"  # the event's own word counts before what is remembered
    assert compile_pattern(words("bash"), PROGRAM)(e, ()) is False


def test_a_renamed_step_reads_its_process_from_the_parent() -> None:
    test = compile_pattern(words("word"), PROGRAM, rename=lambda n: n.replace("process.", "process.parent.", 1))
    assert test(event(process__name="bash", process__parent__name="word"), ()) is True
    assert test(event(process__name="word"), ()) is None
    e = event(process__name="bash")
    e.parent = process(1, "word")
    assert test(e, ()) is True


def test_the_actor_is_who_acts_in_the_kind() -> None:
    target = Target(ValueType.PROGRAM, "<actor>")
    spawn = event(process__name="bash", process__parent__name="word")
    assert compile_pattern(words("word"), target, actor="process.parent")(spawn, ()) is True
    assert compile_pattern(words("bash"), target, actor="process.parent")(spawn, ()) is False
    assert compile_pattern(words("bash"), target, actor="process")(spawn, ()) is True
    bare = event()
    assert compile_pattern(words("word"), target, actor="process")(bare, ()) is None
    bare.actor = process(1, "word")
    assert compile_pattern(words("word"), target, actor="process")(bare, ()) is True
    assert compile_pattern(words("word"), target)(bare, ()) is True


def test_an_ancestor_is_strictly_above_and_an_unknown_one_proves_nothing() -> None:
    init = process(0, "init", pid=1)
    word, bash = process(1, "word", init), process(2, "bash")
    bash.parent = word
    e = event()
    target = Target(ValueType.PROGRAM, "<ancestor>")

    def holds(*written: str) -> bool | None:
        return compile_pattern(words(*written), target)(e, ())

    assert holds("word") is None, "no actor"
    e.actor = bash
    assert holds("word") is True
    assert holds("init") is True
    assert holds("bash") is False, "the actor is not above itself"
    init.pid = 700
    assert holds("bash") is None, "above the last that is known there may be another"
    assert holds("word") is True
    word.name = None
    init.pid = 1
    assert holds("zsh") is None
    assert compile_pattern(NotIn(pattern=words("zsh")), target)(e, ()) is None


def test_a_cycle_of_ancestors_ends() -> None:
    a, b = process(1, "a"), process(2, "b")
    a.parent, b.parent = b, a
    e = event()
    e.actor = a
    target = Target(ValueType.PROGRAM, "<ancestor>")
    assert compile_pattern(words("c"), target)(e, ()) is None
    assert compile_pattern(words("b"), target)(e, ()) is True


# -- paths ----------------------------------------

PATHS = [
    ("linux", "/tmp", "/tmp", True),
    ("linux", "/tmp", "/tmp/a/b", True),
    ("linux", "/tmp/", "/tmp/a", True),
    ("linux", "/tmp", "/tmpfiles/a", False),
    ("linux", "/tmp", "/var/tmp/a", False),
    ("linux", "/tmp", "/TMP/a", False),
    ("linux", "/tmp", "/tmp/../etc/passwd", False),
    ("linux", "/tmp", "/etc/../tmp/x", True),
    ("linux", "/", "/anything", True),
    ("linux", "/tmp/*", "/tmp/a", True),
    ("linux", "/tmp/*", "/tmp/a/b", True),
    ("linux", "/tmp/*", "/tmp", False),
    ("linux", "/tmp/*.sh", "/tmp/a.sh", True),
    ("linux", "/tmp/*.sh", "/tmp/a/b.sh", False),
    ("linux", "/tmp/**.sh", "/tmp/a/b.sh", True),
    ("linux", "/tmp/**/*.sh", "/tmp/b.sh", True),
    ("linux", "/tmp/**/*.sh", "/tmp/a/c/b.sh", True),
    ("linux", "/tmp/**/*.sh", "/tmp/b.shx", False),
    ("linux", "/tmp/**", "/tmp/b", True),
    ("linux", "/tmp/**", "/tmp", False),
    ("linux", "/home/?/x", "/home/a/x", True),
    ("linux", "/home/?/x", "/home//x", False),
    ("linux", "~/Downloads", "/home/bob/Downloads/a", True),
    ("linux", "~/Downloads", "/root/Downloads/a", True),
    ("linux", "~/Downloads", "/home/bob/My/Downloads/a", False),
    ("linux", "~/Downloads", "/home/Downloads/a", False),
    ("linux", "$HOME/.ssh", "/home/bob/.ssh/id", True),
    ("linux", "${HOME}/.ssh", "/home/bob/.ssh/id", True),
    ("linux", "$HOMES/.ssh", "/home/bob/.ssh/id", False),
    ("linux", "~bob/x", "/home/bob/x", True),
    ("linux", "~bob/x", "/home/eve/x", False),
    ("linux", "~root/x", "/root/x", True),
    ("linux", "%TEMP%", "/tmp/x", True),
    ("linux", r"%TEMP%\*", "/tmp/x", True),
    ("linux", "%APPDATA%", "/home/bob/x", False),
    ("linux", r"C:\tmp", "/tmp/x", False),
    ("linux", "*.sh", "/a/b.sh", True),
    ("linux", "*.sh", "/a.sh/b", False),
    ("linux", "id_rsa", "/a/id_rsa", True),
    ("linux", "id_rsa", "/a/id_rsa.pub", False),
    ("linux", ".ssh/*_rsa", "/home/b/.ssh/id_rsa", True),
    ("linux", ".ssh/*_rsa", "/home/b/x.ssh/id_rsa", False),
    ("linux", r'"/tmp/\*"', "/tmp/*/x", True),
    ("linux", r'"/tmp/\*"', "/tmp/x", False),
    ("linux", '"/tmp/a b"', "/tmp/a b", True),
    ("linux", "/tmp/[a]", "/tmp/[a]", True),
    ("linux", "/tmp/[a]", "/tmp/a", False),
    ("linux", "/tmp/a(b)+$|c*", "/tmp/a(b)+$|cd", True),
    ("macos", "/private/var/folders", "/var/folders/ab/x", True),
    ("macos", "/var/folders", "/private/var/folders/ab/x", True),
    ("macos", "~/Library", "/System/Volumes/Data/Users/bob/library/x", True),
    ("macos", "~/Library", "/Library/x", False),
    ("macos", "%TEMP%", "/private/var/folders/ab/cd/T/x", True),
    ("macos", "$TMPDIR", "/var/folders/ab/cd/T/x", True),
    ("macos", "$TMPDIR", "/var/folders/ab/cd/C/x", False),
    ("windows", r"C:\Users\*\Downloads", r"c:\users\BOB\downloads\x", True),
    ("windows", "C:/Users/*/Downloads", r"\\?\C:\Users\bob\Downloads\x", True),
    ("windows", r"C:\Users\*\Downloads", r"C:\Users\bob\a\Downloads\x", False),
    ("windows", "~/Downloads", r"C:\Users\bob\Downloads\x", True),
    ("windows", r"~\Downloads", r"D:\Documents and Settings\bob\Downloads\x", True),
    ("windows", r"%USERPROFILE%\Downloads", r"\Device\HarddiskVolume2\Users\bob\Downloads\x", True),
    ("windows", r"%TEMP%\*", r"C:\Users\STEVIE~1.MAR\AppData\Local\Temp\a.exe", True),
    ("windows", r"%TEMP%\*", r"C:\WINDOWS\TEMP\a.exe", True),
    ("windows", r"%TEMP%\*", r"C:\Documents and Settings\bob\Local Settings\Temp\a.exe", True),
    ("windows", r"%TEMP%\*", r"C:\DOCUME~1\bob\LOCALS~1\Temp\a.exe", True),
    ("windows", r"%TEMP%\*", r"C:\Windows\System32\config\systemprofile\AppData\Local\Temp\a", True),
    ("windows", r"%temp%\*", r"C:\Users\bob\AppData\Local\Temp\a", True),
    ("windows", r"%TMP%\*", r"C:\Users\bob\AppData\Local\Temp\a", True),
    ("windows", r"%TEMP%\*", r"C:\Users\bob\AppData\Local\Temporary\a", False),
    ("windows", r"%TEMP%\*", r"C:\Temp\a", False),
    ("windows", "%APPDATA%", r"C:\Users\bob\AppData\Roaming\a", True),
    ("windows", "%APPDATA%", r"C:\Users\bob\AppData\Local\a", False),
    ("windows", "%LOCALAPPDATA%", r"C:\Users\bob\AppData\Local\a", True),
    ("windows", "%PUBLIC%", r"C:\Users\Public\a", True),
    ("windows", "%PUBLIC%", r"C:\Users\bob\a", False),
    ("windows", "%PROGRAMDATA%", r"C:\ProgramData\a", True),
    ("windows", "%WINDIR%", r"C:\Windows\a", True),
    ("windows", r"%SystemRoot%\System32", r"\SystemRoot\System32\a", True),
    ("windows", r"%SystemRoot%\System32", r"C:\Windows\SysWOW64\a", False),
    ("windows", "%PROGRAMFILES%", r"C:\Program Files (x86)\a", True),
    ("windows", "%PROGRAMFILES(X86)%", r"C:\Program Files\a", False),
    ("windows", "%ONEDRIVE%", r"C:\Users\bob\OneDrive - Corp\a", True),
    ("windows", r"C:\Users\%USERNAME%\x", r"C:\Users\bob\x", True),
    ("windows", r"\Temp", r"D:\Temp\x", True),
    ("windows", r"\Temp", r"D:\a\Temp\x", False),
    ("windows", r"Startup\*.lnk", r"C:\a\b\Startup\x.lnk", True),
    ("windows", r"Startup\*.lnk", r"C:\a\b\NoStartup\x.lnk", False),
    ("windows", r"*\Startup\*", r"C:\a\b\Startup\x.lnk", True),
    ("windows", "*.lnk", r"C:\a\B.LNK", True),
    ("windows", "__PSScriptPolicyTest_*", r"C:\a\__PSScriptPolicyTest_1.ps1", True),
    ("windows", "~$*.docx", r"C:\a\~$report.docx", True),
    ("windows", r"\\server\share", r"\\SERVER\share\x", True),
    ("windows", r"\\server\share", r"C:\server\share\x", False),
    ("windows", r"C:\a\b.exe", r"C:\a\b.exe:Zone.Identifier", True),
    ("windows", "C:\\", r"C:\x", True),
    ("windows", "C:\\", r"D:\x", False),
    ("", r"C:\a", r"c:\A\b", True),
    ("", "/a", "/a/b", True),
]


@pytest.mark.parametrize(("os", "word", "value", "expected"), PATHS)
def test_a_path_word(os: str, word: str, value: str, expected: bool) -> None:
    assert compile_pattern(words(word), PATH)(event(os, file__path=value), ()) is expected


# -- destinations ----------------------------------------

DESTINATIONS = [
    (["10.0.0.0/8"], {"destination__ip": "10.1.2.3"}, True),
    (["10.0.0.0/8"], {"destination__ip": "11.1.2.3"}, False),
    (["10.1.2.3"], {"destination__ip": "10.1.2.3"}, True),
    (["10.1.2.3"], {"destination__ip": "10.1.2.30"}, False),
    (["10.0.0.0/8"], {"destination__ip": "::ffff:10.1.2.3"}, True),
    (["::ffff:10.0.0.0/104"], {"destination__ip": "10.1.2.3"}, True),
    (["::/0"], {"destination__ip": "10.1.2.3"}, False),
    (["0.0.0.0/0"], {"destination__ip": "::1"}, False),
    (["fe80::/10"], {"destination__ip": "fe80::1%eth0"}, True),
    (["2001:DB8::/32"], {"destination__ip": "2001:0db8::1"}, True),
    (["2001:db8::/32"], {"url__domain": "[2001:db8::1]"}, True),
    (["example.com"], {"destination__domain": "EXAMPLE.com."}, True),
    (["Example.COM."], {"destination__domain": "example.com"}, True),
    (["example.com"], {"destination__domain": "www.example.com"}, False),
    (["*.example.com"], {"destination__domain": "www.example.com"}, True),
    (["*.example.com"], {"destination__domain": "a.b.example.com"}, True),
    (["*.example.com"], {"destination__domain": "example.com"}, False),
    (["*.example.com"], {"destination__domain": "notexample.com"}, False),
    (["*.example.com"], {"destination__domain": "example.com.evil.org"}, False),
    (["ec2-*.amazonaws.com"], {"destination__domain": "ec2-1-2.amazonaws.com"}, True),
    (["ec2-*.amazonaws.com"], {"destination__domain": "ec2-1.evil.amazonaws.com"}, False),
    (["*.s3.*.amazonaws.com"], {"destination__domain": "a.b.s3.eu-1.amazonaws.com"}, True),
    (["*.s3.*.amazonaws.com"], {"destination__domain": "s3.eu-1.amazonaws.com"}, False),
    (["bücher.example"], {"destination__domain": "xn--bcher-kva.example"}, True),
    (["localhost"], {"destination__domain": "localhost"}, True),
    # one value that passes is enough, and what is known decides
    (["example.com", "10.0.0.0/8"], {"destination__ip": "10.1.1.1", "destination__domain": "evil.org"}, True),
    (["example.com"], {"destination__ip": "10.1.1.1"}, False),
    (["10.0.0.0/8"], {"destination__domain": "evil.org"}, False),
    (["10.0.0.0/8"], {}, None),
    (["10.0.0.0/8"], {"destination__ip": 7}, None),
    (["10.0.0.0/8"], {"destination__ip": ("1.1.1.1", "10.0.0.1")}, True),
    (["example.com"], {"destination__domain": "x" * 100_000}, None),
    (["example.com"], {"destination__ip": "10.1.1.1", "destination__domain": "\0"}, False),
    (["*"], {"destination__ip": "10.1.1.1"}, True),
    (["*"], {}, None),
    ([], {"destination__ip": "10.1.1.1"}, False),
]


@pytest.mark.parametrize(("written", "fields", "expected"), DESTINATIONS)
def test_a_destination_word(written: list[str], fields: dict[str, Any], expected: bool | None) -> None:
    e = event(kinds=("egress", "connect"), **fields)
    assert compile_pattern(words(*written), TO)(e, ()) is expected
    outside = compile_pattern(NotIn(pattern=words(*written)), TO)(e, ())
    assert outside is (None if expected is None else not expected)


def test_the_resolver_of_a_query_is_not_its_destination() -> None:
    """Else an allow-list of private addresses would pass every DNS query to the company's own resolver."""
    query = event(kinds=("egress", "resolve"), destination__ip="10.0.0.53", dns__question__name="evil.org")
    assert compile_pattern(words("10.0.0.0/8"), TO)(query, ()) is False
    assert compile_pattern(words("evil.org"), TO)(query, ()) is True
    nameless = event(kinds=("egress", "resolve"), destination__ip="10.0.0.53")
    assert compile_pattern(words("10.0.0.0/8"), TO)(nameless, ()) is None


def test_an_inbound_connection_is_tested_by_its_source() -> None:
    target = Target(ValueType.DESTINATION, "source")
    e = event(source__ip="10.0.0.1", destination__ip="192.0.2.1")
    assert compile_pattern(words("10.0.0.0/8"), target)(e, ()) is True
    assert compile_pattern(words("192.0.2.0/24"), target)(e, ()) is False


def test_an_address_has_one_spelling() -> None:
    for text in ("::ffff:10.0.0.1", "10.0.0.1", "[::ffff:a00:1]", "::ffff:10.0.0.1%3"):
        found = address(text)
        assert found is not None
        assert show(found) == "10.0.0.1"
    for text in ("", "1", "10.0.0", "010.0.0.1", "10.0.0.256", "::g", "x" * 100_000, "1.2.3.4\0", "[", "[]"):
        assert address(text) is None


@settings(max_examples=200)
@given(st.integers(0, 2**32 - 1), st.integers(0, 32), st.integers(0, 40), st.booleans())
def test_networks_agree_with_ipaddress(number: int, length: int, flip: int, six: bool) -> None:
    network = ipaddress.ip_network((number << 96 if six else number, length), strict=False)
    near = (number << 96 if six else number) ^ (1 << min(flip, 127 if six else 31))
    other = ipaddress.IPv6Address(near) if six else ipaddress.IPv4Address(near)
    found = address(str(other))
    assert found is not None
    assert (found in Networks([str(network)])) is (other in network)


# -- images ----------------------------------------

DIGEST = "sha256:" + "a" * 64
IMAGES = [
    ("alpine", "docker.io/library/alpine:latest", True),
    ("docker.io/library/alpine:latest", "alpine", True),
    ("alpine", "alpine:3.20", False),
    ("alpine:3.20", "index.docker.io/library/alpine:3.20", True),
    ("alpine:*", "alpine:3.20", True),
    ("alp*", "alpine:3.20", True),
    ("alpine", "alpine/curl", False),
    ("alpine", "ghcr.io/library/alpine", False),
    ("alpine", "evil.example/alpine", False),
    ("alpine:3.20", f"alpine:3.20@{DIGEST}", True),
    (f"alpine@{DIGEST}", f"alpine:3.20@{DIGEST}", True),
    (f"alpine@{DIGEST}", "alpine:3.20", False),
    ("alpine", f"alpine@{DIGEST}", False),
    ("docker.io", "alpine:3.20", True),
    ("docker.io", "team/pdfkit", True),
    ("docker.io", "registry.example:5000/team/pdfkit", False),
    ("docker.io", "tools.docker.io.mirror-hub.example/library/alpine:3.20", False),
    ("registry.example:5000", "registry.example:5000/team/pdfkit", True),
    ("registry.example", "registry.example:5000/team/pdfkit", False),
    ("Registry.Example:5000", "registry.example:5000/team/pdfkit", True),
    ("localhost:5000", "localhost:5000/a", True),
    ("*.dkr.ecr.*.amazonaws.com", "123.dkr.ecr.eu-1.amazonaws.com/a:1", True),
    ("ghcr.io/org", "ghcr.io/org/tool:1", True),
    ("ghcr.io/org", "ghcr.io/org/team/tool:1", True),
    ("ghcr.io/org", "ghcr.io/organisation/tool:1", False),
    ("ghcr.io/org", "docker.io/org/tool:1", False),
    ("ghcr.io/org/", "ghcr.io/org/tool:1", True),
    ("ghcr.io/org/tool:1", "ghcr.io/org/tool:1", True),
    ("ghcr.io/org/tool:1", "ghcr.io/org/tool:2", False),
    ("ghcr.io/org/tool:1", "docker-pullable://ghcr.io/org/tool:1", True),
    ("bitnami/nginx", "docker.io/bitnami/nginx:latest", True),
    ("docker.io/bitnami", "bitnami/nginx:1.25", True),
    ("bitnami/*", "bitnami/nginx:1.25", True),
    # an id names no image: of where it came from nothing is known
    ("docker.io", DIGEST, None),
    (DIGEST, DIGEST, True),
    ("docker.io", "a" * 64, None),
    ("docker.io", "", None),
    ("docker.io", "x" * 100_000, None),
]


@pytest.mark.parametrize(("word", "value", "expected"), IMAGES)
def test_an_image_word(word: str, value: str, expected: bool | None) -> None:
    assert compile_pattern(words(word), IMAGE)(event(container__image__name=value), ()) is expected


@pytest.mark.parametrize("text", [":", "/", "@", "a/", "a:", "a@", "//", "\0", "a" * 2000, "@@", "::/::"])
def test_a_broken_reference_does_no_harm(text: str) -> None:
    reference(text)
    compile_pattern(words(text), IMAGE)(event(container__image__name=text), ())


# -- everything else ----------------------------------------

TEXTS = [
    ("RunInstances", "RunInstances", True),
    ("RunInstances", "runinstances", False),
    ("Run*", "RunInstances", True),
    ("*Instances", "RunInstances", True),
    ("Run?nstances", "RunInstances", True),
    ("Run", "RunInstances", False),
    ("*", "", True),
    ("a*b", "a\n\nb", True),
    (r'"a\*b"', "a*b", True),
    (r'"a\*b"', "axb", False),
    (r'"a\?*"', "a?xyz", True),
    (r"a\*b", "a\\xb", True),
    (r"'a\*b'", "a\\xb", True),
    (r"a\*b", "a*b", False),
    ("a.c", "abc", False),
    ("a", 5, None),
    ("a", None, None),
    ("a", True, None),
    ("a", ("b", "a"), True),
    ("a", ("b", 5), None),
    ("a", ("b", "c"), False),
    ("a", (), False),
]


@pytest.mark.parametrize(("word", "value", "expected"), TEXTS)
def test_a_text_word(word: str, value: Any, expected: bool | None) -> None:
    assert compile_pattern(words(word), TEXT)(event(event__action=value), ()) is expected


@pytest.mark.parametrize(
    ("type", "written", "value", "expected"),
    [
        ("number", ["80", "443"], 443, True),
        ("number", ["80", "443"], 443.0, True),
        ("number", ["80", "443"], 8080, False),
        ("number", ["80"], "80", None),
        ("number", ["1"], True, None),
        ("number", ["x"], 1, False),
        ("number", ["80"], float("nan"), None),
        ("bytes", ["5MB"], 5 << 20, True),
        ("duration", ["90s"], 90_000_000, True),
        ("boolean", ["true"], True, True),
        ("boolean", ["true"], False, False),
        ("boolean", ["true"], "true", None),
    ],
)
def test_a_number_or_truth(type: str, written: list[str], value: Any, expected: bool | None) -> None:
    target = Target(ValueType(type), "x.y")
    assert compile_pattern(words(*written), target)(event(x__y=value), ()) is expected


def test_the_digits_of_a_hash_have_no_case() -> None:
    test = compile_pattern(words("ABCD"), Target(ValueType.TEXT, "process.hash.sha256"))
    assert test(event(process__hash__sha256="abcd"), ()) is True


def test_a_short_container_id_is_the_long_one_that_begins_so() -> None:
    test = compile_pattern(words("0049994ce283"), Target(ValueType.TEXT, "container.id"))
    assert test(event(container__id="0049994ce283" + "0" * 52), ()) is True
    assert test(event(container__id="0049994ce284" + "0" * 52), ()) is False
    assert test(event(container__id="0049"), ()) is False


# -- combinations ----------------------------------------

A, B = words("a", "b"), words("b", "c")
COMBINED: list[tuple[Pattern, Any, bool | None]] = [
    (AnyOf(patterns=(A, B)), "c", True),
    (AnyOf(patterns=(A, B)), "d", False),
    (AnyOf(patterns=(A, NotIn(pattern=B))), "d", True),
    (AnyOf(patterns=(A, NotIn(pattern=B))), "c", False),
    (AnyOf(patterns=()), "c", False),
    (ButNot(pattern=A, without=B), "a", True),
    (ButNot(pattern=A, without=B), "b", False),
    (ButNot(pattern=A, without=B), None, None),
    (NotIn(pattern=A), "c", True),
    (NotIn(pattern=A), None, None),
    (NotIn(pattern=A), 5, None),
    (NotIn(pattern=ButNot(pattern=A, without=B)), "b", True),
    # of a list, any element passes; under `not`, none does; what is taken away is taken from each
    (A, ("x", "a"), True),
    (NotIn(pattern=A), ("x", "a"), False),
    (NotIn(pattern=A), ("x", "y"), True),
    (NotIn(pattern=A), ("x", 5), None),
    (ButNot(pattern=A, without=B), ("a", "b"), True),
    (ButNot(pattern=A, without=B), ("x", "b"), False),
]


@pytest.mark.parametrize(("pattern", "value", "expected"), COMBINED)
def test_sets_combine_in_three_values(pattern: Pattern, value: Any, expected: bool | None) -> None:
    assert compile_pattern(pattern, TEXT)(event(event__action=value), ()) is expected


def test_an_address_and_its_name_are_one_destination() -> None:
    """`A - B` of a connection whose address is in A and whose name is in B."""
    pattern = ButNot(pattern=words("10.0.0.0/8"), without=words("*.corp.example"))
    e = event(destination__ip="10.0.0.1", destination__domain="x.corp.example")
    assert compile_pattern(pattern, TO)(e, ()) is False


# -- captures ----------------------------------------

CAPTURED = [
    (PATH, ValueType.PATH, {"file__path": r"\\?\C:\A"}, "windows", r"c:\a", True),
    (PATH, ValueType.PATH, {"file__path": r"C:\a\b"}, "windows", r"c:\a", False),
    (PATH, ValueType.PATH, {"file__path": "/a*"}, "linux", "/ab", False),
    (PATH, ValueType.PATH, {}, "linux", "/ab", None),
    (PATH, ValueType.PATH, {"file__path": "/a"}, "linux", None, None),
    (PROGRAM, ValueType.PROGRAM, {"process__executable": "/bin/bash", "process__name": "bash"}, "linux", "bash", True),
    (PROGRAM, ValueType.PROGRAM, {"process__executable": "/bin/bash"}, "linux", "/bin/bash", True),
    (
        PROGRAM,
        ValueType.PROGRAM,
        {"process__executable": "/bin/bash", "process__name": "bash"},
        "linux",
        "/x/bash",
        False,
    ),
    (PROGRAM, ValueType.PROGRAM, {"process__executable": "/bin/Bash"}, "macos", "bash", True),
    (PROGRAM, ValueType.PROGRAM, {}, "linux", "bash", None),
    (TO, ValueType.DESTINATION, {"destination__ip": "::ffff:1.2.3.4"}, "linux", "1.2.3.4", True),
    (TO, ValueType.DESTINATION, {"destination__domain": "A.example"}, "linux", "a.example.", True),
    (TO, ValueType.DESTINATION, {"destination__ip": "1.2.3.4"}, "linux", ("9.9.9.9", "1.2.3.4"), True),
    (TO, ValueType.DESTINATION, {}, "linux", "1.2.3.4", None),
    (IMAGE, ValueType.IMAGE, {"container__image__name": "alpine"}, "linux", "docker.io/library/alpine:latest", True),
    (TEXT, ValueType.TEXT, {"event__action": "a*"}, "linux", "ab", False),
    (TEXT, ValueType.TEXT, {"event__action": ("x", "ab")}, "linux", "ab", True),
    (TEXT, ValueType.TEXT, {"event__action": "5"}, "linux", 5, None),
]


@pytest.mark.parametrize(("target", "type", "fields", "os", "value", "expected"), CAPTURED)
def test_a_captured_value_is_compared_by_its_type_and_never_as_a_pattern(
    target: Target, type: ValueType, fields: dict[str, Any], os: str, value: Any, expected: bool | None
) -> None:
    pattern = FromCapture(capture="c", field="f", type=type)
    test = compile_pattern(pattern, target, lambda capture, field: {("c", "f"): 1}[capture, field])
    assert test(event(os, **fields), ("other", value)) is expected


def test_an_introduced_entity_is_itself() -> None:
    pattern = FromCapture(capture="c", field=None, type=ValueType.ENTITY)
    by_path = compile_pattern(pattern, PATH, lambda capture, field: 0)
    assert by_path(event("linux", file__path="/a/../b"), (("h", "/b"),)) is True
    assert by_path(event("linux", file__path="/b", host="other"), (("h", "/b"),)) is False
    child = process(1, "bash", entity_id="{1}")
    by_process = compile_pattern(pattern, PROGRAM, lambda capture, field: 0)
    e = event(process__name="bash")
    assert by_process(e, (child,)) is None
    e.process = child
    assert by_process(e, (child,)) is True
    assert by_process(e, (process(2, "bash"),)) is False
    by_target = compile_pattern(pattern, Target(ValueType.PROGRAM, "process.target"), lambda capture, field: 0)
    assert by_target(event(process__target__entity_id="{1}"), (child,)) is True
    assert by_target(event(process__target__pid=1001), (child,)) is True
    assert by_target(event(process__target__pid=1001, host="other"), (child,)) is False
    assert by_target(event(), (child,)) is None


# -- wildcards against the obvious matcher ----------------------------------------


def naive(pattern: str, text: str, separator: str) -> bool:
    """`*` tries every length, without its separator; `**` every length."""
    if not pattern:
        return not text
    if pattern.startswith("**") and separator:
        return any(naive(pattern.lstrip("*"), text[i:], separator) for i in range(len(text) + 1))
    if pattern[0] == "*":
        stop = text.find(separator) if separator and separator in text else len(text)
        return any(naive(pattern[1:], text[i:], separator) for i in range(stop + 1))
    if not text or (pattern[0] == "?" and text[0] == separator):
        return False
    return pattern[0] in ("?", text[0]) and naive(pattern[1:], text[1:], separator)


def test_wildcards_agree_with_trying_everything() -> None:
    choose = random.Random(1)
    for _ in range(3000):
        pattern = "".join(choose.choice("ab*?.") for _ in range(choose.randrange(7)))
        text = "".join(choose.choice("ab.") for _ in range(choose.randrange(9)))
        assert any_of([anything(pattern)])(text) is naive(pattern, text, ""), (pattern, text)


def test_wildcards_within_segments_agree_with_trying_everything() -> None:
    """But for whole-segment stars, which are never empty and whose meaning the table of paths shows."""
    choose = random.Random(2)
    for _ in range(3000):
        pattern = "/".join(
            "".join(choose.choice("ab*?") for _ in range(choose.randrange(1, 5))) for _ in range(choose.randrange(1, 4))
        )
        if any(not segment.strip("*") for segment in pattern.split("/")):
            continue
        text = "".join(choose.choice("ab/") for _ in range(choose.randrange(9)))
        assert any_of([segments(pattern, "/")])(text) is naive(pattern, text, "/"), (pattern, text)


# -- hostile values ----------------------------------------

HOSTILE = [
    "a" * 100_000,
    "/" * 100_000,
    "\\" * 100_000,
    "/a" * 50_000,
    "a." * 50_000,
    "*" * 1000,
    "\0",
    "\ud800",
    "/tmp/\ud800",
    "\U0001f600" * 1000,
    '"' * 1001,
    "' \"" * 1000,
    "\u202e\n\r\x1b[31m",
    "İ" * 100,
    " ",
    "~",
    "%TEMP%",
    "..",
    ":",
    "sha256:",
]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_no_value_throws_or_hangs(value: str) -> None:
    sets: list[tuple[Words, Target]] = [
        (words("a*b*c*d*e", "/x", "~/y", '"a b"', "q"), PROGRAM),
        (words("**/a/**/b/**/c", "*.lnk", "%TEMP%", "/tmp/*a*a*a*"), PATH),
        (words("*.a.*", "10.0.0.0/8", "x"), TO),
        (words("docker.io", "a/*:b*", "x"), IMAGE),
        (words("a*a*a*a*a*b", "x"), TEXT),
    ]
    for os in ("windows", "linux", "macos", ""):
        e = event(
            os,
            process__name=value,
            process__executable=value,
            process__command_line=value,
            process__args=(value, value),
            file__path=value,
            destination__ip=value,
            destination__domain=value,
            container__image__name=value,
            event__action=value,
        )
        for pattern, target in sets:
            assert compile_pattern(pattern, target)(e, ()) in (True, False, None)


@pytest.mark.parametrize("value", [5, 1.5, True, (), (5,), [], {}, {"a": 1}, ((),), ("a", None), b"a", float("nan")])
def test_a_value_of_another_type_is_unknown_and_never_an_exception(value: Any) -> None:
    for pattern in (words("a", "b*"), NotIn(pattern=words("a"))):
        for target, field in (
            (PROGRAM, "process__executable"),
            (PATH, "file__path"),
            (TO, "destination__ip"),
            (IMAGE, "container__image__name"),
            (Target(ValueType.NUMBER, "file.path"), "file__path"),
        ):
            compile_pattern(pattern, target)(event(**{field: value}), ())


def test_memory_of_answers_is_bounded() -> None:
    memo: Memo[int] = Memo(len)
    for i in range(3 * ENTRIES):
        assert memo[str(i)] == len(str(i))
    assert len(memo) <= ENTRIES
    before = len(memo)
    assert memo["x" * (LONGEST + 1)] == LONGEST + 1
    assert len(memo) == before


def test_a_set_of_many_wild_words_is_still_one_look_up() -> None:
    many = words(*(f"*name{i}?x" for i in range(5000)))
    test = compile_pattern(many, TEXT)
    assert test(event(event__action="a name4999-x"), ()) is True
    assert test(event(event__action="a name5000-x"), ()) is False
