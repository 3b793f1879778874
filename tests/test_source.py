"""Bytes to lines: inputs as users name them, archives whole and broken, lines cut anywhere."""

import bz2
import gzip
import io
import lzma
import os
import random
import sys
import threading
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from chainrun.engine.intake.lines import Line, Splitter
from chainrun.engine.intake.source import READ, Input, InputError, Reader, find_inputs, wait
from hypothesis import given
from hypothesis import strategies as st

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def names(inputs: list[Input]) -> list[str]:
    return [i.name for i in inputs]


def read_all(path: Path) -> tuple[bytes, InputError | None]:
    reader = Reader(Input(str(path), 0, path.stat().st_size))
    data = b""
    while (chunk := reader.read()) != b"":
        data += chunk or b""
    reader.close()
    return data, reader.error


def split(*chunks: bytes, longest: int = 1 << 20) -> list[Line]:
    splitter = Splitter(longest)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    return lines + list(splitter.end())


# -- what names stand for ----------------------------------------


def test_inputs_come_in_the_order_given_and_each_once(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl"):
        (tmp_path / name).write_text("{}\n")
    b, a = str(tmp_path / "b.jsonl"), str(tmp_path / "a.jsonl")
    inputs, errors = find_inputs([b, a, b])
    assert names(inputs) == [b, a]
    assert [i.rank for i in inputs] == [0, 1]
    assert errors == []


def test_a_folder_gives_its_telemetry_sorted_with_the_folders_below_and_nothing_hidden(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / ".git").mkdir()
    for name in (
        "z.log",
        "b.json.zst",
        "c.log.bz2",
        "d.tar.gz",
        "a.json",
        "m.NDJSON",
        "deep/c.jsonl.gz",
        "notes.txt",
        ".hidden.json",
        ".git/x.json",
    ):
        (tmp_path / name).write_text("")
    inputs, _ = find_inputs([str(tmp_path)])
    assert [str(Path(n).relative_to(tmp_path)) for n in names(inputs)] == [
        "a.json",
        "b.json.zst",
        "c.log.bz2",
        "deep/c.jsonl.gz",
        "m.NDJSON",
        "z.log",
    ]


def test_a_glob_that_the_shell_left_alone_is_expanded(tmp_path: Path) -> None:
    for name in ("2.jsonl", "1.jsonl", "1.txt"):
        (tmp_path / name).write_text("")
    inputs, _ = find_inputs([str(tmp_path / "*.jsonl")])
    assert [Path(n).name for n in names(inputs)] == ["1.jsonl", "2.jsonl"]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path: Path) -> None:
    file = tmp_path / "a[1].jsonl"
    file.write_text("")
    assert names(find_inputs([str(file)])[0]) == [str(file)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.jsonl", "does not exist"),
        ("*.jsonl", "matches no file"),
        ("empty", "holds no .json, .jsonl, .ndjson or .log, nor an archive of one (.gz, .bz2, .xz, .zst)"),
        ("nul\0.json", "cannot be read: embedded null byte"),
    ],
)
def test_what_cannot_be_found_is_an_error_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "good.json").write_text("")
    inputs, errors = find_inputs([name, "good.json"])
    assert names(inputs) == ["good.json"]
    assert errors == [InputError(name, message)]


def test_no_name_is_standard_input_which_may_be_a_file_or_a_pipe(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"{}\n")
    with file.open("rb") as stdin:
        assert find_inputs([], stdin)[0] == [Input("-", 0, 3)]
    assert find_inputs(["-", "-"], io.BytesIO(b"{}"))[0] == [Input("-", 0, None)]
    reading, writing = os.pipe()
    assert find_inputs(["-"], reading)[0][0].is_pipe
    os.close(reading)
    os.close(writing)


def test_a_file_that_vanished_is_an_error_of_its_reader(tmp_path: Path) -> None:
    reader = Reader(Input(str(tmp_path / "gone"), 0, 1))
    assert reader.read() == b""
    assert reader.error == InputError(str(tmp_path / "gone"), "does not exist")


def test_a_folder_gives_no_pipes_and_tells_of_names_that_json_cannot_hold(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.jsonl")
    (tmp_path / "a.jsonl").write_text("")
    Path(os.fsdecode(bytes(tmp_path) + b"/b\xff.jsonl")).write_text("")
    inputs, errors = find_inputs([str(tmp_path)])
    assert names(inputs) == [str(tmp_path / "a.jsonl")]
    message = "has a name that is not UTF-8, and alerts could not tell of it"
    assert errors == [InputError(f"{tmp_path}/b\\xff.jsonl", message)]
    assert find_inputs([str(tmp_path / "b*.jsonl")])[1] == errors


def test_a_folder_below_that_cannot_be_listed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.jsonl").write_text("")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("deep"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    inputs, errors = find_inputs([str(tmp_path)])
    assert names(inputs) == [str(tmp_path / "a.jsonl")]
    assert errors == [InputError(str(tmp_path / "deep"), "cannot be read: permission denied")]


# -- archives ----------------------------------------

TEXT = b"".join(b'{"line": %d, "padding": "%s"}\n' % (n, b"x" * (n % 97)) for n in range(40_000))


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda text: gzip.compress(text, mtime=0),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "Zstandard": zstd.compress,
}
packers = pytest.mark.parametrize("kind", PACKERS)


@packers
def test_an_archive_is_known_by_its_content_not_its_name(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(PACKERS[kind](TEXT))
    assert read_all(file) == (TEXT, None)


@packers
def test_joined_archives_and_zero_padding_are_one_text(tmp_path: Path, kind: str) -> None:
    pack = PACKERS[kind]
    file = tmp_path / "a.archive"
    file.write_bytes(pack(TEXT) + pack(b"") + b"\0" * 512 + pack(b"last") + b"\0" * 8)
    assert read_all(file) == (TEXT + b"last", None)


def test_frames_that_are_to_be_skipped_are(tmp_path: Path) -> None:
    file = tmp_path / "a.zst"  # as parallel packers write it
    skipped = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
    file.write_bytes(skipped + zstd.compress(b"one\n") + skipped + zstd.compress(b"two\n"))
    assert read_all(file) == (b"one\ntwo\n", None)


@cache
def several_blocks(kind: str) -> tuple[bytes, bytes]:
    rng = random.Random(1)
    text = b"".join(b"%030x\n" % rng.getrandbits(120) for _ in range(80_000))
    return text, PACKERS[kind](text)


@packers
@pytest.mark.parametrize("missing", [1, 4, 8, 9, 100, 5_000])
def test_a_truncated_archive_gives_what_it_holds_and_an_error(tmp_path: Path, missing: int, kind: str) -> None:
    text, packed = several_blocks(kind)
    file = tmp_path / "a.archive"
    file.write_bytes(packed[:-missing])
    data, error = read_all(file)
    assert text.startswith(data)
    assert len(data) > len(text) // 2
    assert error is not None
    assert error.message == f"ends in the middle of a {kind} archive; what it holds until there was read"


@packers
def test_every_cut_of_a_small_archive_is_noticed(tmp_path: Path, kind: str) -> None:
    whole = PACKERS[kind](b'{"a": 1}\n')
    file = tmp_path / "a.archive"
    for length in range(4 if kind != "xz" else 6, len(whole)):
        file.write_bytes(whole[:length])
        data, error = read_all(file)
        assert error is not None
        assert b'{"a": 1}\n'.startswith(data)


@packers
def test_damage_anywhere_is_an_error_and_never_another_text(tmp_path: Path, kind: str) -> None:
    packed = PACKERS[kind](TEXT)
    checked = (
        packed if kind != "Zstandard" else zstd.compress(TEXT, options={zstd.CompressionParameter.checksum_flag: 1})
    )
    rng = random.Random(2)
    file = tmp_path / "a.archive"
    for _ in range(30):
        damaged = bytearray(checked)
        damaged[rng.randrange(10, len(damaged))] ^= 1 << rng.randrange(8)
        file.write_bytes(damaged)
        data, error = read_all(file)
        assert (data, error) == (TEXT, None) or error is not None  # (some bits of a header mean nothing)


def test_a_damaged_archive_gives_what_came_before(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(TEXT))
    packed[-6] ^= 0xFF  # the checksum
    file = tmp_path / "a.gz"
    file.write_bytes(packed)
    data, error = read_all(file)
    assert data == TEXT
    assert error is not None
    assert error.message == "is damaged (incorrect data check); what came before the damage was read"


def test_damage_takes_nothing_of_what_lies_before_it(tmp_path: Path) -> None:
    rng = random.Random(1)
    text = b"".join(b"%030x\n" % rng.getrandbits(120) for _ in range(20_000))
    packed = bytearray(gzip.compress(text))
    middle = len(packed) // 2
    packed[middle : middle + 64] = b"\xff" * 64
    file = tmp_path / "a.gz"
    file.write_bytes(packed)
    data, error = read_all(file)
    sound = len(text) * 45 // 100
    assert data[:sound] == text[:sound]
    assert error is not None and error.message.startswith("is damaged (")


def test_bytes_after_an_archive_are_reported(tmp_path: Path) -> None:
    file = tmp_path / "a.gz"
    file.write_bytes(gzip.compress(TEXT) + b"{}\n")
    data, error = read_all(file)
    assert data == TEXT
    assert error is not None
    assert "after its gzip archive" in error.message


@packers
def test_a_bomb_comes_in_blocks_and_is_left_alone_before_long(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "a.archive"
    file.write_bytes(PACKERS[kind](b"\0" * (96 << 20)))
    reader = Reader(Input(str(file), 0, None))
    sizes = []
    while chunk := reader.read():
        sizes.append(len(chunk))
    reader.close()
    assert 16 << 20 <= sum(sizes) <= 64 << 20
    assert max(sizes) <= READ
    assert reader.error is not None
    assert reader.error.message.startswith("unpacks to more than 200 times its size")


def test_a_window_larger_than_we_bear_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.zst"
    options = {zstd.CompressionParameter.window_log: 30, zstd.CompressionParameter.enable_long_distance_matching: 1}
    packer = zstd.ZstdCompressor(options=options)
    file.write_bytes(packer.compress(TEXT) + packer.flush())
    data, error = read_all(file)
    assert data == b""
    assert error is not None and error.message.startswith("is damaged (")


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"PK\x03\x04", "is a zip archive"),
        (b"ElfFile\x00\x00", "is a binary Windows event log"),
        (b"\xff\xfe{\x00}\x00", "is UTF-16 text"),
    ],
)
def test_a_file_of_another_sort_is_refused_with_the_way_out(tmp_path: Path, head: bytes, message: str) -> None:
    file = tmp_path / "a"
    file.write_bytes(head)
    data, error = read_all(file)
    assert data == b""
    assert error is not None
    assert error.message.startswith(message)


@packers
def test_an_archive_over_a_pipe_that_gives_one_byte_at_a_time(kind: str) -> None:
    class Slow(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            return super().read1(1)

    reader = Reader(Input("-", 0, None), Slow(PACKERS[kind](b"one\ntwo\n")))
    data = b""
    while (chunk := reader.read()) != b"":
        data += chunk or b""
    assert data == b"one\ntwo\n"
    assert reader.error is None


# -- pipes ----------------------------------------


def test_a_slow_pipe_is_read_without_waiting_for_a_full_block() -> None:
    reading, writing = os.pipe()
    reader = Reader(Input("-", 0, None), reading)
    os.write(writing, b"{")
    assert reader.read() == b"{"
    assert wait([reader], 0) == []
    os.write(writing, b"}\n")
    assert wait([reader], 0) == [reader]
    assert reader.read() == b"}\n"
    closing = threading.Timer(0.05, os.close, [writing])
    closing.start()
    assert wait([reader], 10) == [reader]
    assert reader.read() == b""
    closing.join()
    os.close(reading)


def test_a_named_pipe_waits_for_its_writer_without_blocking(tmp_path: Path) -> None:
    name = tmp_path / "fifo.jsonl"
    os.mkfifo(name)
    reader = Reader(Input(str(name), 0, None))
    assert wait([reader], 0) == []
    assert reader.read() is None
    with name.open("wb", buffering=0) as writer:
        assert reader.read() is None
        writer.write(b"{}\n")
        assert wait([reader], 10) == [reader]
        assert reader.read() == b"{}\n"
        assert reader.read() is None
    assert wait([reader], 10) == [reader]
    assert reader.read() == b""
    reader.close()


@pytest.mark.parametrize(
    "part", [b"\x1f", b"\x1f\x8b", gzip.compress(b"", mtime=0), gzip.compress(b"", mtime=0) + b"\x1f"]
)
def test_an_archive_that_does_not_go_on_is_not_waited_for(part: bytes) -> None:
    reading, writing = os.pipe()
    reader = Reader(Input("-", 0, None), reading)
    os.write(writing, part)
    assert reader.read() is None
    assert wait([reader], 0) == []
    os.close(writing)
    assert wait([reader], 10) == [reader]
    os.close(reading)


# -- lines ----------------------------------------


def test_lines_have_numbers_and_offsets() -> None:
    assert split(b"one\n\ntwo\r\nthree") == [(1, 0, b"one"), (2, 4, b""), (3, 5, b"two"), (4, 10, b"three")]


def test_only_a_line_feed_ends_a_line() -> None:
    text = "a\x0b\x0c\x1c\x85\u2028b\rc".encode()
    assert split(text) == [(1, 0, text)]


def test_nul_and_invalid_utf_8_are_the_decoders_business() -> None:
    assert split(b"\0\n\xff\xfe\n") == [(1, 0, b"\0"), (2, 2, b"\xff\xfe")]


def test_a_byte_order_mark_before_the_first_line_is_not_part_of_it() -> None:
    assert split(b"\xef\xbb\xbf{}\n\xef\xbb\xbf{}\n") == [(1, 0, b"{}"), (2, 6, b"\xef\xbb\xbf{}")]


def test_a_line_at_the_limit_is_kept_and_one_byte_more_is_not() -> None:
    assert split(b"1234\n12345\nab\n", longest=4) == [(1, 0, b"1234"), (2, 5, None), (3, 11, b"ab")]


def test_a_line_that_never_ends_is_not_held() -> None:
    splitter = Splitter(100)
    for _ in range(1_000):
        assert list(splitter.feed(b"x" * 99)) == []
        assert sum(map(len, splitter._parts)) <= 100
    assert list(splitter.feed(b"\nnext\n")) == [(1, 0, None), (2, 99_001, b"next")]
    assert list(splitter.end()) == []


TEXTS = st.lists(st.sampled_from([b"\n", b"\r\n", b"\r", b"", b"{}", b"\xef\xbb\xbf", b"\0", b"\xff", b"longer"]))


@given(parts=TEXTS, cuts=st.lists(st.integers(0, 60)))
def test_however_a_text_is_cut_its_lines_are_the_same(parts: list[bytes], cuts: list[int]) -> None:
    text = b"".join(parts)
    places = sorted({0, len(text), *(c for c in cuts if c < len(text))})
    chunks = [text[a:b] for a, b in pairwise(places)]
    assert split(*chunks, longest=7) == split(text, longest=7)


@given(parts=TEXTS)
def test_offsets_point_at_the_lines(parts: list[bytes]) -> None:
    text = b"".join(parts)
    lines = split(text)
    assert [number for number, _, _ in lines] == list(range(1, len(lines) + 1))
    for number, offset, line in lines:
        assert line is not None
        at = offset + 3 if number == 1 and text.startswith(b"\xef\xbb\xbf") else offset
        assert text[at : at + len(line)] == line
        assert offset == 0 or text[offset - 1 : offset] == b"\n"
