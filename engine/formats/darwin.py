"""What only macOS writes: audit tokens, wait statuses, the names of extended attributes.

A process of macOS is named by its pid and a version that every start of a program under that pid raises. An audit
token holds both, as an object or (eslogger of message version 10) as a list. Listed by name in `converters`.
"""

from typing import Any

from .instants import epoch_milliseconds
from .pieces import Convert
from .values import number, pid, text

# The order of audit_token_t in <bsm/audit.h>.
_TOKEN = ("auid", "euid", "egid", "ruid", "rgid", "pid", "asid", "pidversion")
_QUARANTINE = "com.apple.quarantine"


def token_of(part: str) -> Convert:
    """A member of an audit token; `id` is what identifies the process: a `uuid` beside the others, else pid and
    version."""
    if part != "id" and part not in _TOKEN:
        raise ValueError(part)

    def convert(value: Any) -> Any:
        token = dict(zip(_TOKEN, value, strict=False)) if type(value) is list else value
        if type(token) is not dict:
            return None
        if part != "id":
            return token.get(part)
        if type(uuid := token.get("uuid")) is str and uuid:
            return uuid.lower()
        who, version = pid(token.get("pid")), number(token.get("pidversion"))
        return None if who is None or version is None else f"{who}.{version}"

    return convert


def signal(value: Any) -> int | None:
    """The signal that ended a process, by its wait status; 0 where it ended by itself."""
    found = number(value)
    return found & 0x7F if type(found) is int else None


def exit_status(value: Any) -> int | None:
    """What a process that ended by itself returned, by its wait status."""
    found = number(value)
    return found >> 8 & 0xFF if type(found) is int and not found & 0x7F else None


def bsm_time(value: Any) -> int | None:
    """The moment of an audit record's header: seconds, and milliseconds apart."""
    if type(value) is not dict:
        return None
    seconds, milliseconds = number(value.get("time_seconds_epoch")), number(value.get("time_milliseconds_offset", 0))
    if type(seconds) is not int or type(milliseconds) is not int or not 0 <= milliseconds < 1_000:
        return None
    return epoch_milliseconds(seconds * 1_000 + milliseconds)


def quarantine(value: Any) -> str | None:
    """What a file's attributes say of its quarantine: its flags from the attribute itself (`0081;65f0c1a2;Safari;…`),
    or from the names of all its attributes `set` or `none`."""
    if type(value) is list:
        return "set" if _QUARANTINE in value else "none"
    found = text(value)
    return None if found is None else found.partition(";")[0].lower()
