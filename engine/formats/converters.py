"""The closed list of named converters: from what a record holds to what a canonical field holds.

A format file names them behind a path, `data.ProcessGuid | guid`, several in a row, some with an argument,
`message | labelled(Process ID)`. Each takes any JSON value and gives a canonical one, or None where the value says
nothing or is of the wrong type: a field is dropped, its event is not. None of them raises anything but ValueError,
TypeError and LookupError, which mean the same. Looked up by `spec`, called by `intake`.
"""

from collections.abc import Callable

import msgspec
from chainrun.dsl.types import ValueType

from . import audit, darwin, instants, packed, pieces, values
from .pieces import Convert


class Converter(msgspec.Struct, frozen=True):
    """`make` gives the function, from the platform and the argument. `cuts`: it only cuts a piece out of a text, so the
    conversion that the field's type asks for comes after it."""

    make: Callable[[str, str], Convert]
    takes_argument: bool = False
    cuts: bool = False


def _plain(convert: Convert, *, cuts: bool = False) -> Converter:
    return Converter(lambda os, argument: convert, cuts=cuts)


CONVERTERS: dict[str, Converter] = {
    "text": _plain(values.text),
    "texts": _plain(values.texts),
    "number": _plain(values.number),
    "pid": _plain(values.remembered(values.pid)),
    "hex": _plain(values.remembered(values.hexadecimal)),
    "boolean": _plain(values.boolean),
    "time": _plain(instants.moment),
    "iso": _plain(instants.iso),
    "epoch_seconds": _plain(instants.epoch_seconds),
    "epoch_milliseconds": _plain(instants.epoch_milliseconds),
    "epoch_microseconds": _plain(instants.epoch_microseconds),
    "epoch_nanoseconds": _plain(instants.epoch_nanoseconds),
    "filetime": _plain(instants.filetime),
    "seconds_nanos": _plain(instants.seconds_nanos),
    "seconds": _plain(instants.epoch_seconds),  # how long something took, in microseconds as moments are
    "milliseconds": _plain(instants.epoch_milliseconds),
    "nanoseconds": _plain(instants.epoch_nanoseconds),
    "guid": _plain(values.remembered(values.guid)),
    "exec_pid": _plain(values.exec_pid),
    "path": Converter(lambda os, _: pieces.path_of(os)),
    "paths": Converter(lambda os, _: pieces.path_texts_of(os)),
    "file": Converter(lambda os, _: pieces.file_of(os)),
    "rooted": _plain(pieces.rooted, cuts=True),
    "stream": _plain(pieces.stream),
    "address": _plain(values.address),
    "addresses": _plain(values.address_texts),
    "multicast": _plain(values.multicast),
    "domain": _plain(values.domain),
    "host": _plain(values.host),
    "machine": _plain(values.machine),
    "container_id": _plain(values.container_id),
    "transport": _plain(values.remembered(values.transport)),
    "direction": _plain(values.direction),
    "outcome": _plain(values.outcome),
    "dns_code": _plain(values.dns_code),
    "lower": _plain(values.lower),
    "account_name": _plain(values.remembered(values.account_name)),
    "account_domain": _plain(values.remembered(values.account_domain)),
    "integrity": _plain(values.remembered(values.integrity)),
    "elevated": _plain(values.elevated),
    "hash": Converter(lambda _, name: pieces.hash_of(name), takes_argument=True),
    "zone": Converter(lambda _, name: pieces.zone_of(name), takes_argument=True),
    "registry_path": _plain(pieces.registry_path),
    "registry_value": _plain(pieces.registry_value),
    "channel_provider": _plain(pieces.channel_provider),
    "labelled": Converter(lambda _, label: pieces.labelled_of(label), takes_argument=True, cuts=True),
    "before": Converter(lambda _, mark: pieces.before_of(mark), takes_argument=True, cuts=True),
    "after": Converter(lambda _, mark: pieces.after_of(mark), takes_argument=True, cuts=True),
    "before_last": Converter(lambda _, mark: pieces.before_last_of(mark), takes_argument=True, cuts=True),
    "after_last": Converter(lambda _, mark: pieces.after_last_of(mark), takes_argument=True, cuts=True),
    "from": Converter(lambda _, mark: pieces.from_of(mark), takes_argument=True, cuts=True),
    "having": Converter(lambda _, mark: pieces.having_of(mark), takes_argument=True, cuts=True),
    "split": Converter(lambda _, mark: pieces.split_of(mark), takes_argument=True, cuts=True),
    "item": Converter(lambda _, place: pieces.item_of(place), takes_argument=True, cuts=True),
    "pair": Converter(lambda _, name: pieces.pair_of(name), takes_argument=True, cuts=True),
    "always": Converter(lambda _, said: pieces.always_of(said), takes_argument=True),
    "key": Converter(lambda _, name: pieces.key_of(name), takes_argument=True, cuts=True),
    "lists": Converter(lambda _, names: pieces.lists_of(names), takes_argument=True, cuts=True),
    "where": Converter(lambda _, test: pieces.where_of(test), takes_argument=True, cuts=True),
    "system_call": _plain(audit.system_call),
    "socket_address": _plain(audit.socket_address, cuts=True),
    "socket_port": _plain(audit.socket_port),
    "at": Converter(lambda _, path: pieces.at_of(path), takes_argument=True, cuts=True),
    "json": _plain(pieces.parsed, cuts=True),
    "fill": Converter(lambda _, template: pieces.fill_of(template), takes_argument=True, cuts=True),
    "entry": Converter(lambda _, name: packed.entry_of(name), takes_argument=True, cuts=True),
    "bracketed": Converter(lambda _, name: packed.bracketed_of(name), takes_argument=True, cuts=True),
    "base64": _plain(packed.base64, cuts=True),
    "numbered": _plain(packed.numbered, cuts=True),
    "means": Converter(lambda _, written: packed.means_of(written), takes_argument=True, cuts=True),
    "digest": _plain(packed.digest),
    "token": Converter(lambda _, part: darwin.token_of(part), takes_argument=True, cuts=True),
    "signal": _plain(darwin.signal),
    "exit_status": _plain(darwin.exit_status),
    "bsm_time": _plain(darwin.bsm_time),
    "quarantine": _plain(darwin.quarantine),
}

_BY_TYPE = {
    ValueType.NUMBER: "number",
    ValueType.BYTES: "number",
    ValueType.TIME: "time",
    ValueType.BOOLEAN: "boolean",
    ValueType.PROGRAM: "path",
    ValueType.PATH: "path",
}


def default_converter(field: str, type: ValueType, many: bool) -> str:
    """The converter that a canonical field's type asks for where the format names none."""
    if field.endswith(".pid"):
        return "pid"
    if type is ValueType.DESTINATION:
        return ("addresses" if many else "address") if field.endswith("ip") else "domain"
    if many:
        return "paths" if type is ValueType.PATH else "texts"
    return _BY_TYPE.get(type, "text")
