"""One process, as a host's telemetry knows it: a row of the lineage table.

Compared by identity. What is not known is None; a later record may fill it in.
"""


class Process:
    """A running or ended process.

    number      unique in a run, in the order first seen
    start, end  microseconds; None where the telemetry shows no start or end
    seen        when it was first seen acting, for a row that did not begin with a start
    parent      None where it is not known, or there is none
    needed      until when a match that has come beyond its first step may ask for it
    """

    __slots__ = (
        "command_line",
        "end",
        "entity_id",
        "executable",
        "host",
        "name",
        "needed",
        "number",
        "parent",
        "pid",
        "seen",
        "start",
    )

    def __init__(self, number: int, host: str) -> None:
        self.number = number
        self.host = host
        self.entity_id: str | None = None
        self.pid: int | None = None
        self.name: str | None = None
        self.executable: str | None = None
        self.command_line: str | None = None
        self.start: int | None = None
        self.end: int | None = None
        self.seen = 0
        self.needed = 0
        self.parent: Process | None = None

    def __repr__(self) -> str:
        return f"Process({self.number}, {self.name}, pid={self.pid})"
