"""Words that can never match what they are tested against.

One function a type of word; each says why the word matches nothing and what was probably meant. Which type a word has
is decided by where its set is used (`Parameters.use`), never by its looks.
"""

import ipaddress
import re

from chainrun.dsl import model
from chainrun.dsl.diagnostic import Fix
from chainrun.dsl.source import Span
from chainrun.dsl.types import ValueType

from .faults import Faults

NOUNS = {
    ValueType.PROGRAM: "programs",
    ValueType.PATH: "file paths",
    ValueType.DESTINATION: "destinations",
    ValueType.IMAGE: "image references",
    ValueType.TEXT: "text",
    ValueType.NUMBER: "numbers",
    ValueType.REGEX: "regular expressions",
    ValueType.SCHEDULE: "a schedule",
}

_EMPTY = {
    ValueType.PROGRAM: "C413",
    ValueType.PATH: "C412",
    ValueType.IMAGE: "C412",
    ValueType.DESTINATION: "C414",
    ValueType.REGEX: "C415",
}
_ROOTED = re.compile(r"[/\\~%$]|[A-Za-z?*]:|\*+[/\\]")
_SLASH = re.compile(r"/|\\(?![*?])")  # an escaped wildcard is no separator
_ADDRESS_LIKE = re.compile(r"[0-9.]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_LABEL = re.compile(r"[\w*?](?:[\w*?-]*[\w*?])?")
_TIMES = r"(?:[01]\d|2[0-3]):[0-5]\d"
_DAY = "(?:mon|tue|wed|thu|fri|sat|sun)"
SCHEDULE = re.compile(
    rf"(?:{_DAY}(?:-{_DAY})?(?:,{_DAY}(?:-{_DAY})?)* )?{_TIMES}-(?:{_TIMES}|24:00)(?: (?P<zone>[A-Za-z0-9_+/-]+))?",
    re.IGNORECASE,
)


class Written:
    """A word where it stands. `whole` where something is taken from the set it is in, so that `*` is not over-broad."""

    __slots__ = ("faults", "span", "whole", "word")

    def __init__(self, word: model.Word, span: Span, faults: Faults, whole: bool = False) -> None:
        self.word = word
        self.span = span
        self.faults = faults
        self.whole = whole


# Fields whose values have one form, by the end of their names: the form, and what it is.
_FORMS = {
    "file.extension": (re.compile(r"[^.].*"), "an extension has no dot before it"),
    "file.name": (re.compile(r"[^/\\]*"), "a file name has no slash; `file.path` has"),
    "event.outcome": (re.compile("success|failure|unknown"), "an outcome is `success`, `failure` or `unknown`"),
    "hash.md5": (re.compile("[0-9A-Fa-f]{32}"), "an MD5 has 32 hexadecimal digits"),
    "hash.sha1": (re.compile("[0-9A-Fa-f]{40}"), "a SHA-1 has 40 hexadecimal digits"),
    "hash.sha256": (re.compile("[0-9A-Fa-f]{64}"), "a SHA-256 has 64 hexadecimal digits"),
}


def check_form(written: Written, field: str) -> None:
    """Report a word that no value of this field equals, whatever the telemetry."""
    form, noun = _FORMS.get(".".join(field.split(".")[-2:]), (None, ""))
    text = written.word.text
    if form is None or form.fullmatch(text) or re.search("[*?]", text):
        return
    bare = text.lstrip(".")
    helps = (f"`{bare}`",) if bare and field == "file.extension" else ()
    written.faults.error("C418", f"`{field}` is never `{text}`", written.span, noun, helps=helps)


def check_word(written: Written, role: ValueType) -> None:
    """Report a word that cannot match anything as this type."""
    text = written.word.text
    if not text and role in _EMPTY:
        written.faults.error(_EMPTY[role], "an empty word", written.span, f"it matches no {NOUNS[role]}")
        return
    if text and _is_everything(text, role):
        if not written.whole:
            written.faults.error(
                "C415",
                f"`{text}` matches everything",
                written.span,
                "every value passes",
                helps=("leave the test out",)
                if role is ValueType.REGEX
                else ("leave the test out, or take something from it: `{ * } - Internal`",),
            )
        return
    match role:
        case ValueType.PATH:
            _path(written, text)
        case ValueType.PROGRAM:
            _program(written, text)
        case ValueType.DESTINATION:
            _destination(written, text)
        case ValueType.NUMBER:
            _number(written, text)
        case ValueType.REGEX:
            regex(text, written.span, written.faults)
        case ValueType.IMAGE if re.search(r"\s|://", text):
            written.faults.error(
                "C412",
                f"`{text}` is not an image reference",
                written.span,
                "an image is never called so",
                notes=("an image reference is `registry/namespace/name:tag@digest` in its parts",),
            )


def _is_everything(text: str, role: ValueType) -> bool:
    match role:
        case ValueType.REGEX:
            return text in (".*", "^.*$", "^.*", ".*$", "(?i).*", "(?s).*", "^")
        case ValueType.PATH:
            return text.strip("*/\\") == ""
        case _:
            return text.strip("*") == ""


def _path(written: Written, text: str) -> None:
    if not _ROOTED.match(text):
        name = text.lstrip("*")
        written.faults.error(
            "C412",
            f"`{text}` is not a file path",
            written.span,
            "a path begins at a root, at `~` or at a `%VARIABLE%`",
            notes=("a word matches that path and everything beneath it",),
            helps=(f"anywhere: `**/{text}`" + (f', or test `file.extension == "{name[1:]}"`' if "*." in text else ""),),
        )


def _program(written: Written, text: str) -> None:
    head = text.split(" ", 1)[0]
    if "://" in text or (_ADDRESS_LIKE.fullmatch(text.split("/")[0]) and re.search(r"[.:/]", text)):
        written.faults.error("C413", f"`{text}` is not a program", written.span, "no program is called so")
    elif _SLASH.search(head) and not _ROOTED.match(head):
        written.faults.error(
            "C413",
            f"`{text}` is not a program",
            written.span,
            "with a slash it is a whole path, and that begins at a root",
            helps=(f"`**/{text}`, or the file name alone: `{_SLASH.split(head.rstrip('/'))[-1]}`",),
        )


def _destination(written: Written, text: str) -> None:
    faults, span = written.faults, written.span
    host, slash, _ = text.partition("/")
    if "://" in text:
        faults.error(
            "C414",
            f"`{text}` is a URL, not a destination",
            span,
            "a destination is an address, a CIDR or a domain",
            helps=(f"`{text.split('://', 1)[1].split('/', 1)[0]}`",),
        )
    elif _ADDRESS_LIKE.fullmatch(host):
        _address(written, text, host, slash)
    elif slash:
        faults.error("C414", f"`{text}` is not a destination", span, "neither a CIDR nor a domain")
    elif ":" in host:
        faults.error(
            "C414",
            f"`{text}` is not a destination",
            span,
            "a destination has no port",
            helps=(f"`{host.split(':', 1)[0]}`, and `port: {host.split(':', 1)[1] or 443}` as an argument of its own",),
        )
    elif text.startswith("*") and not text.startswith("*."):
        faults.error(
            "C414",
            f"`{text}` cuts a label of the domain",
            span,
            "domains match by whole labels, never by a part of one",
            helps=(f"`{text.lstrip('*')}`, or `*.{text.lstrip('*.')}` for every name below it",),
        )
    elif re.fullmatch(r"[0-9.]+\*[0-9.*]*", text):
        faults.error("C414", f"`{text}` is not an address", span, "ranges of addresses are written as CIDR")
    elif not all(_LABEL.fullmatch(label) for label in text.removesuffix(".").split(".")):
        faults.error("C414", f"`{text}` is not a destination", span, "no domain is called so")


def _address(written: Written, text: str, host: str, slash: str) -> None:
    faults, span = written.faults, written.span
    try:
        if not slash:
            ipaddress.ip_address(host)
            return
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        faults.error("C414", f"`{text}` is not an address", span, "no such address or range exists")
        return
    if str(network.network_address) != str(ipaddress.ip_address(host)):
        faults.error(
            "C411",
            f"`{text}` has bits beyond its prefix",
            span,
            f"/{network.prefixlen} begins at {network.network_address}",
            notes=("it is not clear whether the address or the range was meant",),
            fix=Fix(span, str(network), "the range"),
            helps=(f"the address alone: `{host}`",),
        )


def _number(written: Written, text: str) -> None:
    if not re.fullmatch(r"-?\d+(?:\.\d+)?", text):
        written.faults.error("C416", f"`{text}` is not a number", written.span, "a number is tested here")


def regex(text: str, span: Span, faults: Faults) -> bool:
    """Whether RE2 takes the pattern; what it says is shown where it does not."""
    import re2  # type: ignore[import-untyped]  # a compiled library, loaded only for chains that have a regular expression

    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(text, options)
    except re2.error as refused:
        reason = refused.args[0] if refused.args else "refused"
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        back = bool(re.search(r"\\[1-9]|\(\?(?:[=!]|<[=!])", text))
        faults.error(
            "C408",
            "this regular expression cannot be run",
            span,
            reason,
            notes=("RE2 matches in linear time whatever the input, so it has no look-around and no back-references",)
            if back
            else (),
        )
        return False
    return True


def schedule(text: str, span: Span, faults: Faults) -> bool:
    """Whether the text is a schedule: days, hours and a time zone that exists."""
    found = SCHEDULE.fullmatch(text)
    if found is None:
        faults.error(
            "C409",
            f"`{text}` is not a schedule",
            span,
            "days, hours, a time zone",
            helps=('"mon-fri 08:00-18:00 Europe/Berlin"',),
        )
        return False
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # reads the zone database, for chains with a schedule only

    try:
        ZoneInfo(found["zone"] or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        faults.error("C409", f"no time zone is called `{found['zone']}`", span, "the last word is a time zone")
        return False
    return True
