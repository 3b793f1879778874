"""What a place expects, as a table: the plain part of the hints.

A row is found by the token before, what came, what the parser would have accepted and what the innermost bracket holds;
the first that fits answers. The special cases are in `hints`, which asks here last.
"""

import re

import msgspec

from .diagnostic import Label
from .trouble import Hint, Trouble, answer, short


class Row(msgspec.Struct, frozen=True):
    """Token before, what came, what was acceptable; empty means any. The texts may name {came} and {before}."""

    code: str
    message: str
    label: str = ""
    before: str = ""  # terminals
    came: str = ""  # a regular expression of the whole
    wants: str = ""  # terminals, of which one is acceptable
    refuses: str = ""  # terminals, of which none is
    inside: str = ""  # what the innermost bracket holds
    declaration: str = ""
    at_before: bool = False  # mark the token before
    help: str = ""


OPERATORS = (
    "AND OR NOT EQUALS DIFFERS ATMOST ATLEAST LESS MORE IN LIKE MATCHES CONTAINS OUTSIDE "
    "PLUS MINUS STAR SLASH WHERE WHEN"
)
COMPARISON = r"==|!=|<=|>=|<|>|in|like|matches|contains"
TABLE = (
    Row(
        "C122",
        "a set stands in braces",
        "parentheses hold one condition",
        came=",",
        inside="condition",
        help="write `in {{ a, b }}`",
    ),
    Row(
        "C116",
        "an arrow's limit is a duration or a parameter",
        "expected `30s`, `10s..` or `10s..5m`",
        inside="hop",
        help="`->[30s]` is at most 30 seconds, `->[10s..]` at least 10, `->[10s..5m]` at least and at most",
    ),
    Row(
        "C127",
        "an argument is missing after the comma",
        "nothing follows",
        before="COMMA",
        came=r"\)",
        inside="arguments call",
        at_before=True,
    ),
    Row("C127", "`not` stands once, before everything", "one too many", before="NOT", came="not", inside="arguments"),
    Row(
        "C127", "a set is missing", "nothing follows", before="PLUS MINUS", inside="arguments group set", at_before=True
    ),
    Row("C127", "an argument is missing", "no argument here", came=r"[,)]", wants="STRING", inside="arguments"),
    Row("C127", "arguments are separated by commas", "expected `,` or `)`", wants="COMMA", inside="arguments call"),
    Row(
        "C124",
        "a comparison has two sides",
        "a third one",
        came=COMPARISON,
        wants="AND",
        refuses="EQUALS",
        help="join two comparisons with `and`",
    ),
    Row(
        "C125",
        "the condition is incomplete",
        "nothing follows",
        before=OPERATORS,
        wants="NUMBER",
        at_before=True,
    ),
    Row(
        "C115",
        "several measures share one window",
        "the window stands last",
        before="DURATION NAME",
        came=",",
        refuses="COMMA IN",
        inside="repeat",
        help="write `{{>= 3, distinct destination.ip > 2 in 5m}}`",
    ),
    Row("C115", "a field is missing", "of which field?", before="DISTINCT SUM", inside="repeat"),
    Row(
        "C115",
        "a count needs its window",
        "expected `in` and a duration, or `every`",
        wants="IN",
        inside="repeat",
        help="write `{{>= 20 in 1m}}`",
    ),
    Row(
        "C115",
        "a beacon needs its tolerance or its longest interval",
        "expected `+-` or `..`",
        wants="PLUSMINUS",
        inside="repeat",
        help="write `{{>= 6 every 10m +- 1m}}` or `{{>= 6 every 5m..1h}}`",
    ),
    Row(
        "C115",
        "the braces are empty",
        "how often?",
        before="LBRACE",
        came=r"\}",
        inside="repeat",
        help="write `+`, `{{3}}`, `{{3,}}`, `{{3,10}}` or `{{>= 20 in 1m}}`",
    ),
    Row(
        "C115",
        "this is neither a repetition nor a count",
        "`{came}` has no place here",
        inside="repeat",
        help="repetitions are `{{3}}`, `{{3,}}`, `{{3,10}}`; counts have a comparison: `{{>= 20 in 1m}}`",
    ),
    Row(
        "C131",
        "this key has no value",
        "nothing follows",
        before="COLON COMMA",
        inside="header",
        at_before=True,
        help="write `key: value`, and quote values with white space",
    ),
    Row(
        "C131",
        "values are separated by commas",
        "expected `,`, another key or `}}`",
        wants="COMMA",
        inside="header",
        help="a value with white space is quoted",
    ),
    Row("C131", "an entry is `key: value`", "not a key with a colon", inside="header"),
    Row("C132", "an entry is `key: field` or `introduces: entity = field`", "not an entry", inside="kind"),
    Row(
        "C127",
        "the map is read at a field",
        "expected a field and `]`",
        inside="lookup",
        help="write `Map[container.image.name]`",
    ),
    Row(
        "C131",
        "an `analytic` block has an id and braces",
        "expected an id, a title, or `{{`",
        declaration="ANALYTIC",
        help='write `analytic AN1316 "title" {{ platform: macos }}`',
    ),
    Row(
        "C114", "`and` joins two kinds of one event", "no kind follows", before="AND", refuses="NUMBER", at_before=True
    ),
    Row("C125", "a comparison is missing", "expected an operator before it", came=r"[\"'0-9].*", wants="EQUALS"),
    Row("C125", "a field's name is incomplete", "no name follows the dot", before="NAME PATH", came=r"\..*"),
    Row("C104", "this bracket closes nothing", "none is open here", came=r"[)}\]]", refuses="RPAR RBRACE RSQB"),
    Row(
        "C133",
        "an exception gives its reason",
        "expected a quoted reason",
        before="EXCEPT",
        wants="STRING",
        help='write `except "reason" when CONDITION`',
    ),
    Row(
        "C133",
        "`on` names one capture",
        "expected `when`",
        wants="WHEN",
        declaration="EXCEPT",
        help='write `except "reason" on capture when CONDITION`',
    ),
    Row("C133", "`on` is followed by a capture", "expected a capture", before="ON"),
    Row("C133", "a date is written 2027-01-31", "expected a date", wants="DATE", declaration="EXCEPT"),
    Row("C133", "an exception's owner is quoted", "expected a quoted name", before="OWNER"),
    Row(
        "C133",
        "a severity has a level and `when`",
        "expected `when`",
        declaration="SEVERITY",
        wants="WHEN NAME",
        help="write `severity high when CONDITION`",
    ),
    Row(
        "C134",
        "a test has a quoted title",
        "expected a title",
        before="TEST",
        help='write `test "title" raises 1 {{ ... }}`',
    ),
    Row(
        "C134",
        "a test says how many alerts it raises",
        "expected `raises`, a number and event lines in braces",
        wants="RAISES",
        help='write `test "title" raises 1 {{ ... }}`, or `raises 0`',
    ),
    Row("C132", "a kind declaration is `kind name: step`", "expected a colon", wants="COLON", declaration="KIND"),
    Row("C132", "a kind is one step, without capture or repetition", "not part of a kind", declaration="KIND"),
    Row("C135", "a chain's name is followed by a colon", "expected a colon", wants="COLON", declaration="CHAIN"),
    Row(
        "C130",
        "a parameter is `Name = value`",
        "expected a name and `=`",
        wants="ASSIGN",
        before="PARAM",
        help='write `param Name = value "what it means"`',
    ),
    Row("C130", "this parameter has no value", "nothing follows", before="EQUAL", at_before=True),
    Row(
        "C105",
        "a duration is missing",
        "expected a duration such as `15m`, or a parameter",
        wants="DURATION",
        refuses="NUMBER",
    ),
    Row("C111", "a step is missing", "expected a step", before="BOTH EITHER BANG", at_before=True),
    Row(
        "C125",
        "a field is missing",
        "expected a field or a capture's field",
        before="PER COMMA BY DISTINCT SUM",
        wants="PATH",
    ),
    Row("C114", "a link names a capture", "expected a capture", before="BY UNDER OF FROM", wants="NAME"),
    Row("C114", "`as` is followed by a name", "expected a name", before="AS", wants="NAME"),
)


def expected(t: Trouble) -> Hint | None:
    for row in TABLE:
        if (
            (not row.before or t.is_before(*row.before.split()))
            and (not row.came or re.fullmatch(row.came, t.came))
            and (not row.wants or t.accepts & set(row.wants.split()))
            and not (row.refuses and t.accepts & set(row.refuses.split()))
            and (not row.inside or t.inside in row.inside.split())
            and (not row.declaration or t.declaration == row.declaration)
        ):
            words = {"came": short(t.came) or "the end of the file", "before": str(t.before or "")}
            where = Label(t.last if row.at_before else t.here, row.label.format(**words))
            return answer(row.code, row.message.format(**words), where, helps=(row.help.format(),) if row.help else ())
    return None


def anything(t: Trouble) -> Hint | None:
    expected = [words for type_, words in _EXPECTED if type_ in t.accepts][:4]
    place = f"after `{short(t.before)}`" if t.before is not None else "at the start"
    message = f"the file ends {place}" if t.ended else f"`{short(t.came)}` cannot stand {place}"
    label = "expected " + _listed(expected) if expected else "not here"
    return answer("C100", message, Label(t.here, label))


_EXPECTED = (  # the most telling first
    ("RPAR", "`)`"),
    ("RBRACE", "`}`"),
    ("RSQB", "`]`"),
    ("ARROW", "an arrow"),
    ("CALL", "a step"),
    ("EQUALS", "a comparison"),
    ("AND", "`and`"),
    ("WITHIN", "a clause"),
    ("PARAM", "a declaration"),
    ("PRIOR", "`prior`"),
    ("AMONG", "`among`"),
    ("IN", "`in`"),
    ("WHEN", "`when`"),
    ("COMMA", "`,`"),
    ("COLON", "`:`"),
    ("EQUAL", "`=`"),
    ("PATH", "a field or a name"),
    ("DURATION", "a duration"),
    ("STRING", "a quoted string"),
    ("WORD", "a word"),
)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]
