"""Slips of the pen: characters, numbers, operators and words that are not the language's own.

Each function looks at a place where the text goes wrong and has an answer or none; `hints` asks them in turn.
"""

import re

from .diagnostic import Fix, Label
from .nearest import nearest
from .source import Span
from .trouble import CLAUSES, DECLARATIONS, RESERVED, Feeds, Hint, Trouble, answer, short

# Terminals whose text is a word, so that a misspelt one can be recognised.
_WORDS = {w.upper(): w for w in (*RESERVED, "all", "among", "outside", "every", "distinct", "sum") if w != "raises"}
TYPOGRAPHY = {
    "“": '"',
    "”": '"',
    "„": '"',
    "‘": "'",
    "’": "'",
    "→": "->",
    "⇒": "->",
    "⟶": "->",
    "–": "-",
    "—": "-",
    "−": "-",
    "≥": ">=",
    "≤": "<=",
    "≠": "!=",
    "×": "*",
    "\u00a0": " ",
    "\u202f": " ",
    "\u3000": " ",
}
# Operators of other languages: what is meant, the terminal, in the first context that accepts it.
_FOREIGN: dict[str, tuple[tuple[str, str], ...]] = {
    "=": (("EQUALS", "=="), ("COLON", ":")),
    "===": (("EQUALS", "=="),),
    "!==": (("DIFFERS", "!="),),
    "<>": (("DIFFERS", "!="),),
    "=~": (("MATCHES", "matches"),),
    "&&": (("AND", "and"), ("BOTH", "&")),
    "||": (("OR", "or"), ("EITHER", "|")),
    "&": (("AND", "and"),),
    "|": (("OR", "or"),),
    "!": (("NOT", "not "),),
    "or": (("EITHER", "|"),),
    "=>": (("ARROW", "->"), ("ATLEAST", ">=")),
    "-->": (("ARROW", "->"),),
    "~~>": (("ARROW", "~>"),),
    ">>": (("ARROW", "->"),),
    ":=": (("EQUAL", "="), ("EQUALS", "==")),
    "==": (("EQUAL", "="),),
    ":": (("EQUAL", "="),),
}
_UNITS = {
    "ms": "ms",
    "millisecond": "ms",
    "s": "s",
    "sec": "s",
    "second": "s",
    "m": "m",
    "min": "m",
    "minute": "m",
    "h": "h",
    "hr": "h",
    "hour": "h",
    "d": "d",
    "day": "d",
    "kb": "KB",
    "mb": "MB",
    "gb": "GB",
    "k": "KB",
    "g": "GB",
    "%": "%",
}
# -- characters and strings ----------------------------------------


def typography(t: Trouble) -> Hint | None:
    plain = TYPOGRAPHY.get(t.came)
    if plain is None:
        return None
    name = "a no-break space" if plain == " " else f"`{t.came}`"
    feeds: Feeds | None = (
        (("ARROW", plain),) if plain == "->" and "ARROW" in t.accepts else () if plain == " " else None
    )
    return answer(
        "C101",
        f"{name} is not a character of the language",
        Label(t.here, f"write `{plain}`" if plain != " " else "here"),
        fix=Fix(t.here, plain),
        feeds=feeds,
        resume=t.here.end,
    )


def open_string(t: Trouble) -> Hint | None:
    if t.sort != "string" or re.match(r""""(?:\\.|[^"\\\r\n])*"|'[^'\r\n]*'""", t.came):
        return None
    quote = t.came[0]
    where = Label(t.here, f"no `{quote}` closes it on this line")
    notes = ("a backslash before the last quote keeps it open",) if t.came.rstrip().endswith(f"\\{quote}") else ()
    return answer("C103", "this string is not closed", where, notes=notes)


def foreign_character(t: Trouble) -> Hint | None:
    if t.came.isascii() or t.sort != "other":
        return None
    where = Label(t.here, "names are made of A-Z, a-z, 0-9 and _; other text is quoted")
    return answer("C101", f"`{t.came}` is not a character of the language", where)


def comment(t: Trouble) -> Hint | None:
    if t.text.startswith(("//", "/*"), t.at) and t.inside != "set" and "STRING" not in t.accepts:
        return answer(
            "C123",
            f"`{t.text[t.at : t.at + 2]}` does not begin a comment here",
            Label(t.here, "comments begin with `#`"),
        )
    if t.came == ";":
        where = Label(t.here, "leave it out")
        return answer("C123", "`;` has no meaning here", where, feeds=(), resume=t.here.end, fix=Fix(t.here, ""))
    return None


def no_least(t: Trouble) -> Hint | None:
    """`->[..5m]`."""
    if t.inside != "hop" or t.came != ".." or not t.is_before("LSQB"):
        return None
    where = Label(t.here, "nothing stands before it")
    fix = Fix(t.here, "", "a limit alone is at most so long")
    return answer("C116", "`..` begins an arrow's limit", where, feeds=(), resume=t.here.end, fix=fix)


# -- words outside of braces ----------------------------------------


def bare_word(t: Trouble) -> Hint | None:
    """A path, an address or a wildcard outside of braces."""
    if "STRING" not in t.accepts or t.inside in ("header", "set", "map"):
        return None
    match = re.compile(r"""[^\s,(){}"'#]+""").match(t.text, t.at)
    if match is None or not (t.sort == "path" or t.came == "*" or _is_address(t)):
        return None
    word, here = match[0], Span(*match.span())
    what = "addresses" if _is_address(t) else "paths and wildcards"
    member = t.is_before("IN") or t.inside == "arguments"
    mend = f"{{ {word} }}" if member else f"'{word}'" if "\\" in word else f'"{word}"'
    feeds: Feeds = (("LBRACE", "{"), ("WORD", word), ("RBRACE", "}")) if member else (("STRING", mend),)
    return answer(
        "C122",
        f"{what} are bare only in the braces of a set",
        Label(here, "not in braces or quotes"),
        fix=Fix(here, mend),
        feeds=feeds,
        resume=here.end,
    )


def _is_address(t: Trouble) -> bool:
    return t.came.startswith("::") or re.match(r"[0-9]+(?:\.[0-9]+){2,}|[0-9A-Fa-f]+:[0-9A-Fa-f:]", t.came) is not None


# -- numbers ----------------------------------------


def number(t: Trouble) -> Hint | None:
    if t.sort != "number":
        return None
    if "ASSIGN" in t.accepts and re.match(r"[ \t]*=(?!=)", t.after):
        return answer("C105", f"`{short(t.came)}` is not a name", Label(t.here, "a name does not begin with a digit"))
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", t.came):
        where = Label(t.here, "dates stand only after the `until` of an exception")
        return answer("C126", "a date has no place here", where, feeds=_any_number(t), resume=t.here.end)
    joined = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)[ \t]*([A-Za-z]+|%)", t.came)
    if joined:
        given = joined[2].casefold()
        unit = _UNITS.get(given) or _UNITS.get(given.removesuffix("s"))
        if joined[2] in ("M", "K", "B") or given == "bytes":
            helps = ("minutes are `m`, bytes are `KB`, `MB` and `GB`",)
            return answer(
                "C105",
                f"`{t.came}` has no unit of the language",
                t.here,
                helps=helps,
                feeds=_any_number(t),
                resume=t.here.end,
            )
        if given in ("week", "weeks", "w"):
            days = f"{int(float(joined[1]) * 7)}d"
            return answer(
                "C105",
                "there are no weeks",
                Label(t.here, f"write `{days}`"),
                fix=Fix(t.here, days),
                feeds=_any_number(t),
                resume=t.here.end,
            )
        if unit is not None and not (unit in ("ms", "s", "m", "h", "d") and "." in joined[1]):
            meant = joined[1] + unit
            if meant != t.came:
                return answer(
                    "C105",
                    f"`{t.came}` is not a number of the language",
                    Label(t.here, f"did you mean `{meant}`?"),
                    fix=Fix(t.here, meant),
                    feeds=_any_number(t),
                    resume=t.here.end,
                )
    if re.fullmatch(r"(?:[0-9]+(?:ms|[smhd]))+[0-9]+", t.came):
        where = Label(t.here, "the last number has no unit")
        return answer("C105", f"`{t.came}` is not a duration", where, feeds=_any_number(t), resume=t.here.end)
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", t.came) and {"DURATION", "NUMBER"} & t.accepts == {"DURATION"}:
        helps = (f"write `{t.came}s`, `{t.came}m` or `{t.came}h`",)
        return answer(
            "C105",
            "a duration needs its unit",
            Label(t.here, "of what?"),
            helps=helps,
            feeds=(("DURATION", "1s"),),
            resume=t.here.end,
        )
    if not re.fullmatch(r"[0-9]+(?:\.[0-9]+)?(?:%|KB|MB|GB)?|(?:[0-9]+(?:ms|[smhd]))+", t.came) or len(t.came) > 9:
        helps = ("durations are `90s` or `1h30m`, bytes `500MB`, shares `40%`; a name does not begin with a digit",)
        return answer(
            "C105",
            f"`{short(t.came)}` is not a number of the language",
            t.here,
            helps=helps,
            feeds=_any_number(t),
            resume=t.here.end,
        )
    return None


def _any_number(t: Trouble) -> Feeds | None:
    """Something to read on with, where a number or duration may stand."""
    for type_, text in (("NUMBER", "1"), ("DURATION", "1s")):
        if type_ in t.accepts:
            return ((type_, text),)
    return None


# -- words of the language ----------------------------------------


def foreign_operator(t: Trouble) -> Hint | None:
    if t.is_before("NOT") and t.came in ("==", "!=", "<", ">", "<=", ">="):
        return answer(
            "C123",
            f"`not {t.came}` is no operator",
            Label(t.last.to(t.here), "write `!=`, or `not` before the whole comparison"),
        )
    broken = re.compile(r"[-~=][ \t]*>|[-~>]+(?![^\s])").match(t.text, t.at)
    if broken and "ARROW" in t.accepts and "MINUS" not in t.accepts and t.came not in _FOREIGN and not t.is_arrow:
        here = Span(*broken.span())
        return answer(
            "C123",
            f"`{broken[0]}` is not an arrow",
            Label(here, "write `->`"),
            fix=Fix(here, "->"),
            feeds=(("ARROW", "->"),),
            resume=here.end,
        )
    if t.came == "=" and t.inside == "arguments":
        label = Label(t.here, "write `:`")
        return answer("C123", "`=` does not name an argument", label, fix=Fix(t.here, ":"))
    if t.came == ":=" and t.is_before("NAME"):
        return answer("C123", "`:=` is not `=`", Label(t.here, "write `=`"), fix=Fix(t.here, "="))
    word = re.match(r"or\b", t.came)
    for type_, meant in _FOREIGN.get(word[0] if word else t.came, ()):
        # `&&` between steps asks for both, in a condition for `and`; only a condition takes `or`
        if type_ in t.accepts and not (t.came == "&&" and type_ == "AND" and "OR" not in t.accepts):
            message = f"`{t.came}` is no operator here"
            if t.came in ("=", "==", "=>"):
                message = f"`{t.came}` does not {'compare' if type_ != 'EQUAL' else 'assign'}"
            if type_ in ("ARROW", "COLON") or (t.came == ":" and type_ == "EQUAL"):
                message = f"`{t.came}` is not `{meant}`"
            return answer(
                "C123",
                message,
                Label(t.here, f"write `{meant.strip()}`"),
                fix=Fix(t.here, meant),
                feeds=((type_, meant),),
                resume=t.here.end,
            )
    return None


def misspelt(t: Trouble) -> Hint | None:
    if t.sort == "name" and t.came not in RESERVED:
        known = [w for type_, w in _WORDS.items() if type_ in t.accepts]
        meant = nearest(t.came, [*known, "raises"] if "RAISES" in t.accepts else known)
        # a step of that name with arguments or an arrow behind it is a step, whatever it looks like
        if meant and meant != t.came and not t.after.startswith("("):
            feeds: Feeds | None = ((meant.upper(), meant),) if meant != "raises" else None
            return answer(
                "C109",
                f"`{t.came}` is not a word of the language",
                Label(t.here, f"did you mean `{meant}`?"),
                fix=Fix(t.here, meant),
                feeds=feeds,
                resume=t.here.end,
            )
    if t.is_before("NAME") and t.before is not None and not t.ended and (t.sort in ("name", "string") or t.came == "="):
        first = _start_of_line(t.text, t.last.start) == t.last.start
        meant = nearest(t.before, DECLARATIONS)
        if first and meant:
            return answer(
                "C109",
                f"`{t.before}` is not a word of the language",
                Label(t.last, f"did you mean `{meant}`?"),
                fix=Fix(t.last, meant),
            )
    return None


def _start_of_line(text: str, at: int) -> int:
    start = text.rfind("\n", 0, at) + 1
    return start + len(text[start:at]) - len(text[start:at].lstrip())


def reserved(t: Trouble) -> Hint | None:
    if t.came == "=" and t.before is not None and t.before in RESERVED and not t.new_line:
        word, where = str(t.before), t.last
    elif t.came in RESERVED and ("NAME" in t.accepts or ("ASSIGN" in t.accepts and t.after.lstrip().startswith("="))):
        assigned = re.match(r"[ \t]*=(?!=)", t.after) is not None
        if (t.inside != "arguments" and "NUMBER" in t.accepts and t.came in CLAUSES) or (
            t.came == "not" and t.is_before("NOT")
        ):
            return None
        if t.is_before("ARROW", "BOTH", "EITHER", "BANG") and not re.match(r"\s*(?:[-~]>|$)", t.after):
            return None
        names = ("AS", "KIND", "CHAIN", "PARAM", "BY", "UNDER", "OF", "FROM")
        if t.came in ("and", "or", "where", "in", "as") and not assigned and not t.is_before(*names):
            return None
        word, where = t.came, t.here
    else:
        return None
    return answer(
        "C108", f"`{word}` is a word of the language and cannot be a name", Label(where, "choose another name")
    )
