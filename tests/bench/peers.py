"""What others do with the same bytes: from the floor, which is reading them, to the whole job in another engine.

Each takes a stream of `windows` and gives something that shows it did its work.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

EVENT_IDS = rb'"EventID"\s*:\s*"?(?:1|3|11|22)[^0-9]'  # of Sysmon: the records that AN1314's steps are made of
BLOCK = 1 << 20


def cat(file: Path) -> int:
    """The bytes of a file, read by another process."""
    with subprocess.Popen(["cat", str(file)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        size = 0
        while block := process.stdout.read(BLOCK):
            size += len(block)
    return size


def hyperscan_one_pattern() -> Callable[[Path], int]:
    """How many lines Hyperscan finds that can be steps. Raises ImportError where there is none."""
    import hyperscan  # type: ignore[import-not-found]

    database = hyperscan.Database()
    database.compile(expressions=[EVENT_IDS], ids=[0], flags=[0])

    def scan(file: Path) -> int:
        found = 0

        def hit(*_: Any) -> None:
            nonlocal found
            found += 1

        rest = b""
        with file.open("rb") as lines:
            while block := lines.read(BLOCK):
                whole, _, rest = (rest + block).rpartition(b"\n")
                database.scan(whole, match_event_handler=hit)
        return found

    return scan


class Record(msgspec.Struct, gc=False):
    """The twelve fields that the job reads."""

    EventID: int
    Hostname: str | None = None
    UtcTime: str | None = None
    ProcessGuid: str | None = None
    ProcessId: str | None = None
    Image: str | None = None
    ParentProcessGuid: str | None = None
    ParentImage: str | None = None
    CommandLine: str | None = None
    TargetFilename: str | None = None
    DestinationIp: str | None = None
    QueryName: str | None = None


def msgspec_every_line(file: Path) -> int:
    """How many lines can be steps, by decoding every one."""
    decode = msgspec.json.Decoder(Record).decode
    with file.open("rb") as lines:
        return sum(decode(line).EventID in (1, 3, 11, 22) for line in lines)


# The same chains, written by hand for these records. It knows neither apps that were open before, nor short names, nor
# other spellings of a path, and tells of all at the end.
SQL = r"""
with recursive event as materialized (
  select Hostname host, EventID id, UtcTime::timestamp moment, ProcessGuid guid, lower(Image) image,
         ParentProcessGuid parent, lower(ParentImage) parent_image, lower(TargetFilename) file
  from read_json('{file}', format = 'newline_delimited', columns = {columns}) where EventID in (1, 3, 11, 22)
),
app as (
  select * from event where id = 1 and parent_image <> image
    and regexp_matches(image, '\\(winword|excel|powerpnt|acrord32|chrome|msedge|firefox|7zfm|winrar|explorer)\.exe$')
),
written as (
  select * from event where id = 11
    and regexp_matches(file, '^.:\\users\\[^\\]+\\(downloads|appdata\\local\\temp|appdata\\roaming)\\')
    and not regexp_matches(file, 'appdata\\roaming\\microsoft\\windows\\recent\\')
),
began as (
  select c.host, c.guid, c.moment, a.moment as opened, 'lolbin' as chain
  from app a
  join written d on d.host = a.host and d.guid = a.guid and d.moment >= a.moment
  join event c on c.id = 1 and c.host = a.host and c.parent = a.guid and c.moment >= d.moment
  where regexp_matches(c.image, '\\(powershell|cmd|wscript|cscript|mshta|rundll32|regsvr32|msiexec|curl|tar)\.exe$')
  union
  select c.host, c.guid, c.moment, a.moment, 'dropped'
  from app a
  join written d on d.host = a.host and d.moment >= a.moment
  join event c on c.id = 1 and c.host = a.host and c.image = d.file and c.moment >= d.moment
  where regexp_matches(c.parent_image, '\\(winword|excel|powerpnt|chrome|msedge|firefox|7zfm|winrar|explorer)\.exe$')
),
lineage as (
  select host, guid, moment, opened, chain, guid as root from began
  union
  select e.host, e.guid, l.moment, l.opened, l.chain, l.root
  from lineage l join event e on e.id = 1 and e.host = l.host and e.parent = l.guid
)
select l.chain, l.host, min(e.moment) from lineage l
join event e on e.id in (3, 22) and e.host = l.host and e.guid = l.guid
  and e.moment >= l.moment and e.moment <= l.opened + interval 15 minutes
group by l.chain, l.host, l.root
"""


def duckdb_sql() -> Callable[[Path], list[tuple[str, str, Any]]]:
    """The whole job in SQL, on one thread: chain, host and moment. Raises ImportError where there is no DuckDB."""
    import duckdb  # type: ignore[import-not-found]

    types = {name: "INTEGER" if name == "EventID" else "VARCHAR" for name in Record.__struct_fields__}

    def find(file: Path) -> list[tuple[str, str, Any]]:
        with duckdb.connect(config={"threads": 1}) as connection:
            rows: list[tuple[str, str, Any]] = connection.execute(SQL.format(file=file, columns=types)).fetchall()
        return rows

    return find
