"""Paths: one file, one name, however it is written; and never one name for two files."""

import pytest
from chainrun.engine import paths
from chainrun.engine.paths import ShortNames
from hypothesis import given
from hypothesis import strategies as st

NORMAL_FORMS = [
    ("windows", r"C:\Users\bob\a.exe", r"C:\Users\bob\a.exe"),
    ("windows", r"\\?\C:\a", r"C:\a"),
    ("windows", r"\??\C:\Windows\system32\conhost.exe", r"C:\Windows\system32\conhost.exe"),
    ("windows", r"\\.\C:\a", r"C:\a"),
    ("windows", r"\\.\pipe\lsass", r"\\.\pipe\lsass"),
    ("windows", r"\\?\UNC\server\share\a", r"\\server\share\a"),
    ("windows", r"\Device\Mup\server\share\a", r"\\server\share\a"),
    ("windows", r"\Device\LanmanRedirector\;Z:00000001\server\a", r"\\server\a"),
    ("windows", r"\Device\HarddiskVolume3\Users\a", r"C:\Users\a"),
    ("windows", r"\device\harddiskvolume12\Users\a", r"C:\Users\a"),
    ("windows", r"\Device\HarddiskVolume3", "C:\\"),
    ("windows", r"\\?\GLOBALROOT\Device\HarddiskVolume2\a", r"C:\a"),
    ("windows", r"\\.\HarddiskVolume2\a", r"C:\a"),
    # a shadow copy is not the volume that it is a copy of
    (
        "windows",
        r"\Device\HarddiskVolumeShadowCopy1\Windows\NTDS\ntds.dit",
        r"\Device\HarddiskVolumeShadowCopy1\Windows\NTDS\ntds.dit",
    ),
    ("windows", r"\SystemRoot\System32\smss.exe", r"C:\Windows\System32\smss.exe"),
    ("windows", r"%SystemRoot%\system32\csrss.exe", r"C:\Windows\system32\csrss.exe"),
    ("windows", r"\SystemRootkit\a", r"\SystemRootkit\a"),
    ("macos", "/private/var/folders/a", "/var/folders/a"),
    ("macos", "/private/tmp", "/tmp"),
    ("macos", "/private/etc/hosts", "/etc/hosts"),
    ("macos", "/private/variable", "/private/variable"),
    ("macos", "/private", "/private"),
    ("macos", "/System/Volumes/Data/Users/a", "/Users/a"),
    ("macos", "/System/Volumes/Data", "/"),
    ("macos", "/System/Volumes/Data/private/tmp/a", "/tmp/a"),
    ("macos", "/System/Volumes/Database", "/System/Volumes/Database"),
    ("linux", "/private/var/a", "/private/var/a"),
    ("linux", "/tmp/a (deleted)", "/tmp/a"),
    ("linux", r"/tmp/a\b", r"/tmp/a\b"),
    ("", r"\\?\C:\a", r"C:\a"),
    ("", "/private/tmp/a", "/private/tmp/a"),
    ("windows", "", ""),
    ("macos", "", ""),
    ("linux", "", ""),
]


@pytest.mark.parametrize(("os", "written", "normal"), NORMAL_FORMS)
def test_a_path_has_one_form_to_show(os: str, written: str, normal: str) -> None:
    assert paths.normalise(written, os) == normal


SAME_FILE = [
    ("windows", r"C:\Users\Bob\A.EXE", "c:/users/bob/a.exe"),
    ("windows", r"C:\a\b\..\c", r"C:\a\c"),
    ("windows", r"C:\a\.\c\\d", r"C:\a\c\d"),
    ("windows", r"C:\a\..\..\..\b", r"C:\b"),
    ("windows", "C:\\a\\", r"C:\a"),
    ("windows", r"\\?\C:\a", r"c:\A"),
    ("windows", r"\\SERVER\share\a", r"\\?\UNC\server\share\A"),
    ("linux", "/a//b/./c/", "/a/b/c"),
    ("linux", "/a/../../b", "/b"),
    ("linux", "/", "//"),
    ("macos", "/Users/Bob/X", "/System/Volumes/Data/users/bob/x"),
    ("macos", "/a/caf\u00e9", "/a/CAFE\u0301"),
]
OTHER_FILE = [
    ("linux", "/a/B", "/a/b"),
    ("linux", "/a/b", "a/b"),
    ("linux", "/a/..b", "/..b"),
    ("linux", r"/a\b", "/a/b"),
    ("linux", "a/../../b", "b"),
    ("windows", r"C:\a", r"D:\a"),
    ("windows", r"\\server\share", r"\server\share"),
    ("windows", r"\\.\pipe\a", r"\\pipe\a"),
    ("windows", r"C:\a.b", r"C:\ab"),
    ("macos", "/private/variable", "/variable"),
]


@pytest.mark.parametrize(("os", "one", "other"), SAME_FILE)
def test_two_spellings_of_a_file_have_one_key(os: str, one: str, other: str) -> None:
    assert paths.key(one, os) == paths.key(other, os)


@pytest.mark.parametrize(("os", "one", "other"), OTHER_FILE)
def test_two_files_have_two_keys(os: str, one: str, other: str) -> None:
    assert paths.key(one, os) != paths.key(other, os)


@given(st.text(alphabet="aB.\\/:?~ %\0é", max_size=40), st.sampled_from(["windows", "linux", "macos", ""]))
def test_a_key_is_the_key_of_itself(path: str, os: str) -> None:
    """Else a path that passed through two formats would not join with one that passed through one."""
    os = paths.platform_of(os, path)
    first = paths.key(path, os)
    if first == paths.normalise(first, os):  # `C:\\a\\..\\` before a volume's name can bring one to the front
        assert paths.key(first, os) == first


STREAMS = [
    (r"C:\x\a.exe:Zone.Identifier", r"C:\x\a.exe", "Zone.Identifier"),
    (r"C:\x\a.exe:Zone.Identifier:$DATA", r"C:\x\a.exe", "Zone.Identifier"),
    (r"C:\x\a.exe::$DATA", r"C:\x\a.exe", None),
    (r"C:\x\a.exe", r"C:\x\a.exe", None),
    ("C:", "C:", None),
    ("C:a.exe", "C:a.exe", None),
    ("C:a.exe:s", "C:a.exe", "s"),
    ("C:/x/a:s", "C:/x/a", "s"),
    (r"\\?\C:\a:s", r"\\?\C:\a", "s"),
    (r"\\?\C:", r"\\?\C:", None),
    (r"\\server\share\a:s", r"\\server\share\a", "s"),
    ("/tmp/a:b", "/tmp/a:b", None),
    ("a:b", "a:b", None),
    ("", "", None),
]


@pytest.mark.parametrize(("path", "file", "stream"), STREAMS)
def test_a_stream_is_told_from_its_file_and_from_a_drive(path: str, file: str, stream: str | None) -> None:
    assert paths.split_stream(path) == (file, stream)


def test_a_short_name_is_the_one_long_sibling_that_it_fits() -> None:
    names = ShortNames()
    names.learn(r"C:\Users\stevie.marie\AppData\Local\Temp\a.exe")
    names.learn(r"C:\Users\Administrator\My Documents Folder\x")
    assert names.resolve(r"C:\Users\STEVIE~1.MAR\AppData\b") == r"C:\Users\stevie.marie\AppData\b"
    assert names.resolve(r"c:\users\admini~1\MYDOCU~1\x") == r"c:\users\Administrator\My Documents Folder\x"


def test_a_short_name_of_another_folder_is_left_as_it_is() -> None:
    names = ShortNames()
    names.learn(r"C:\Users\stevie.marie\a")
    for path in (r"C:\Other\STEVIE~1.MAR", r"C:\Users\STEVIE~1", r"C:\Users\STEVIE~1.MAX", r"C:\Users\STEVE~1.MAR"):
        assert names.resolve(path) == path


def test_a_short_name_that_fits_two_is_neither() -> None:
    names = ShortNames()
    names.learn(r"C:\Users\Administrator\a")
    names.learn(r"C:\Users\Administrators Friend\a")
    names.learn(r"C:\Users\Administrator\a")
    assert names.resolve(r"C:\Users\ADMINI~1\a") == r"C:\Users\ADMINI~1\a"


def test_a_name_in_another_case_is_the_same_name() -> None:
    names = ShortNames()
    names.learn(r"C:\Users\Administrator\a")
    names.learn(r"C:\USERS\ADMINISTRATOR\b")
    assert names.resolve(r"C:\Users\ADMINI~1\a") == r"C:\Users\Administrator\a"


def test_the_names_in_every_root_need_not_be_learnt() -> None:
    names = ShortNames()
    names.learn(r"C:\ProgramData\x")
    assert names.resolve(r"C:\PROGRA~1\x") == r"C:\Program Files\x"
    assert names.resolve(r"C:\PROGRA~2\x") == r"C:\Program Files (x86)\x"
    assert names.resolve(r"C:\Users\PROGRA~1\x") == r"C:\Users\PROGRA~1\x"


def test_a_long_name_with_a_tilde_is_no_short_name() -> None:
    names = ShortNames()
    names.learn(r"C:\a\backup of mine")
    for path in (r"C:\a\~backup", r"C:\a\backup~old", r"C:\a\backupoffice~1", r"~$report.docx"):
        assert names.resolve(path) == path


def test_a_short_name_is_its_own_hosts() -> None:
    names = ShortNames()
    names.learn(r"C:\Users\stevie.marie\a", "one")
    assert names.resolve(r"C:\Users\STEVIE~1.MAR\a", "one") == r"C:\Users\stevie.marie\a"
    assert names.resolve(r"C:\Users\STEVIE~1.MAR\a", "two") == r"C:\Users\STEVIE~1.MAR\a"
    names.learn(r"C:\Users\stevie.marple\a", "two")
    assert names.resolve(r"C:\Users\STEVIE~1.MAR\a", "one") == r"C:\Users\stevie.marie\a"
    assert names.resolve(r"C:\PROGRA~1\a", "two") == r"C:\Program Files\a"


def test_a_flood_of_files_in_one_folder_costs_no_folder_its_name() -> None:
    names = ShortNames(limit=100)
    for i in range(1000):
        names.learn(rf"C:\Users\stevie.marie\a long file name {i}.{i}")
    assert len(names) <= 100
    assert names.resolve(r"C:\Users\STEVIE~1.MAR") == r"C:\Users\stevie.marie"


def test_short_names_are_bounded_and_keep_what_is_in_use() -> None:
    names = ShortNames(limit=100)
    for i in range(1000):
        names.learn(rf"C:\Users\stevie.marie\Some Folder {i}\a long file name.txt")
    assert len(names) <= 100
    assert names.resolve(r"C:\Users\STEVIE~1.MAR") == r"C:\Users\stevie.marie"


@pytest.mark.parametrize(
    "path", ["\\a" * 50_000, "a" * 100_000, "\\" * 5000, "C:\\" + "a b\\" * 900, "~1\\" * 1000, "\0"]
)
def test_a_hostile_path_neither_hangs_nor_throws(path: str) -> None:
    names = ShortNames()
    names.learn(path)
    names.resolve(path)
    for os in ("windows", "linux", "macos", ""):
        paths.key(path, os)
    paths.split_stream(path)
