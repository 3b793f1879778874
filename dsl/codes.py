"""Every diagnostic's code, title and long explanation, as a table.

C1xx is what the text says wrongly (parser), C2xx to C6xx what it means wrongly (check, overrides, loader). `chainrun
help CODE` prints a row; the tests hold each row to its own examples: `wrong` raises the code, `right` does not.
"""

import msgspec


class Code(msgspec.Struct, frozen=True):
    """One page of help. `wrong` and `right` are whole files, or empty where no short file shows the fault."""

    title: str
    explanation: str
    wrong: str = ""
    right: str = ""


CODES: dict[str, Code] = {
    # -- C10x: characters, words and numbers ---------------------------------------------
    "C100": Code(
        "something stands where it cannot",
        "The language has no such order of words here. The message lists what could stand in this place.",
        "* open",
        "open",
    ),
    "C101": Code(
        "a character that a chain file cannot hold",
        "Chain files are plain text. Control characters, characters that turn the direction of writing, "
        "typographic quotes and arrows are refused, because a reader could not see what the program sees. A byte "
        "order mark is refused too.",
        "open → write within 5m",
        "open -> write within 5m",
    ),
    "C102": Code(
        "the file is not UTF-8",
        "Chain files are UTF-8 without a byte order mark. Save the file again with that encoding.",
    ),
    "C103": Code(
        "a string that is not closed",
        "A string ends on the line where it begins, with the quote that opened it. A quote inside is written "
        '`\\"`; a Windows path that ends in a backslash is best written with single quotes.',
        'Owner = "secops\nopen',
        'Owner = "secops"\nopen',
    ),
    "C104": Code(
        "a bracket that is not closed",
        "Each `{`, `(` and `[` needs its partner. In a set, `#` begins a comment, which may have eaten the closing "
        "brace.",
        "Shells = { bash, zsh\nspawn(Shells)",
        "Shells = { bash, zsh }\nspawn(Shells)",
    ),
    "C105": Code(
        "a number or duration that cannot be read",
        "Durations are written without white space, from `ms`, `s`, `m`, `h` and `d`: `90s`, `1h30m`. Bytes are "
        "`KB`, `MB` and `GB`, a share is `40%`. A duration is always positive.",
        "TimeWindow = 5 min\nopen",
        "TimeWindow = 5m\nopen",
    ),
    "C106": Code(
        "an escape that strings do not have",
        'Between double quotes a backslash begins `\\"`, `\\\\`, `\\n`, `\\t`, `\\u{1F600}`, `\\*` or `\\?`. '
        "Between single quotes a backslash is a backslash, which is what Windows paths and regular expressions "
        "want.",
        'write("C:\\Windows")',
        "write('C:\\Windows')",
    ),
    "C107": Code(
        "nested too deeply, or too long",
        "Parentheses nest 50 deep, an expression has 200 operators, a chain 100 arrows. Words that are tried one after "
        "another belong into a set: `process.name in { a, b, c }`; events of one kind are counted or repeated.",
    ),
    "C108": Code(
        "a reserved word as a name",
        "The words of the language are never names of parameters, kinds, chains or captures. Choose another name; "
        "parameters are CamelCase by convention, which no reserved word is.",
        "test = 5m\nopen",
        "Test = 5m\nopen",
    ),
    "C109": Code(
        "a misspelt word of the language",
        "The word is close to one that could stand here.",
        "open -> egress whithin 5m",
        "open -> egress within 5m",
    ),
    # -- C11x: chains ---------------------------------------------------------------------
    "C110": Code(
        "two steps without an arrow",
        "Steps are joined by `->` (caused by what stands before), `~>` (merely later), `&` (both) or `|` (either).",
        "open write -> egress within 5m",
        "open -> write -> egress within 5m",
    ),
    "C111": Code(
        "an arrow without a step",
        "An arrow leads from a step to a step: one stands before it and one behind it. The first arrow may be "
        "missing its left side because a line was deleted.",
        "open ->",
        "open -> write within 5m",
    ),
    "C112": Code(
        "arrows inside parentheses",
        "Parentheses group steps and alternatives of steps, never a sequence: `!`, `&`, `?`, `as` and repetition "
        "take one event each. A member of `&` or `|` may carry its own arrow: `open -> ( -> write & ~> mount )`.",
        "(open -> write){3} within 5m",
        "open -> write{3} within 5m",
    ),
    "C113": Code(
        "more than one chain without a name",
        "A file holds either one chain without a name or chains that all have one.",
        "open -> write within 5m\nspawn -> egress within 5m",
        "chain drop: open -> write within 5m\nchain call: spawn -> egress within 5m",
    ),
    "C114": Code(
        "a misplaced part of a step",
        "The parts of a step stand in this order: kind, arguments, link, `where`, then `?`, `+`, `{…}`, `as` and "
        "`without prior`. A step with `where` is repeated only in parentheses. `!` stands once, before its step.",
        "open -> write{>= 20 in 1m} by app within 5m",
        "open as app -> write by app {>= 20 in 1m} within 5m",
    ),
    "C115": Code(
        "a malformed repetition or count",
        "Repetitions are `+`, `{3}`, `{3,}` and `{3,10}`. Counts have a comparison and a window: `{>= 20 in 1m}`, "
        "`{distinct destination.ip >= 10 in 5m by source.ip}`, `{sum destination.bytes > 500MB in 1h}`, "
        '`{share(event.outcome == "failure") > 40% in 5m}`; beacons are `{>= 6 every 10m +- 1m}` or `{>= 6 every '
        "5m..1h}`.",
        "open{3 in 1m}",
        "open{>= 3 in 1m}",
    ),
    "C116": Code(
        "a malformed limit of an arrow",
        "An arrow's limits are durations or parameters: `->[30s]` is at most, `->[10s..]` at least, `->[10s..5m]` at "
        "least and at most.",
        "open ->[] write within 5m",
        "open ->[30s] write within 5m",
    ),
    "C117": Code(
        "`without prior` is incomplete",
        "`without prior STEP in D` looks back from its step: the prior step has a kind, arguments and links, no "
        "`where`, and the look-back is obligatory. A filter on the prior step belongs into a `kind` declaration.",
        "signin without prior signin",
        "signin without prior signin in 30d",
    ),
    "C118": Code(
        "a clause that is out of place",
        "`within`, `per`, `once per` and `until` follow the chain's last step. The lines `severity`, `except` and "
        "`test` come after them.",
        'open -> write except "x" when open.process.pid == 1 within 5m',
        'open -> write within 5m\nexcept "x" when open.process.pid == 1',
    ),
    "C119": Code(
        "the header is out of place",
        "A file has at most one `analytic` block, and it stands before the chains.",
        "open\nanalytic X { platform: linux }",
        "analytic X { platform: linux }\nopen",
    ),
    # -- C12x: words, sets and conditions --------------------------------------------------
    "C120": Code(
        "a word that needs quotes, or a comma that is missing",
        "Words of a set are separated by commas. A word that holds white space, a comma, a brace, a quote or `#` "
        "is quoted.",
        "Programs = { C:\\Program Files\\x.exe }\nopen",
        "Programs = { 'C:\\Program Files\\x.exe' }\nopen",
    ),
    "C121": Code(
        "a set and a map in one",
        "A map holds only entries `word: { words }`, a set only words, and the sets of a map hold no maps.",
        "M = { a, b: { c } }\nopen",
        "M = { a: { x }, b: { c } }\nopen",
    ),
    "C122": Code(
        "a bare word outside of braces",
        "Paths, addresses and wildcards are written bare only inside the braces of a set. Elsewhere they are "
        "quoted, or stand in a set of one.",
        "egress where destination.ip in 10.0.0.0/8",
        "egress where destination.ip in { 10.0.0.0/8 }",
    ),
    "C123": Code(
        "an operator that the language does not have",
        "Conditions use `== != < <= > >= in like matches contains and or not`; arrows are `->`, `->?` and `~>`.",
        "open where process.pid = 4",
        "open where process.pid == 4",
    ),
    "C124": Code(
        "comparisons in a row",
        "A comparison has two sides. Join two of them with `and`.",
        "open where 1 < process.pid < 5",
        "open where 1 < process.pid and process.pid < 5",
    ),
    "C125": Code(
        "a condition that is incomplete",
        "An operator lacks its right side, or a condition is missing altogether.",
        "open where process.pid == -> write within 5m",
        "open where process.pid == 4 -> write within 5m",
    ),
    "C126": Code(
        "a date out of place",
        "A date stands only after the `until` of an exception. In conditions, time is compared by durations and "
        "schedules.",
        "event where file.created > 2027-01-31",
        'open\nexcept "migration" when open.process.pid == 4 until 2027-01-31',
    ),
    "C127": Code(
        "malformed arguments",
        "Arguments are separated by commas, a name stands before its `:`, and `not` stands once, before "
        "everything. The parenthesis follows the name directly.",
        "spawn (bash)",
        "spawn({ bash })",
    ),
    # -- C13x: declarations ------------------------------------------------------------------
    "C130": Code(
        "a malformed parameter",
        'A parameter is `param Name = value "what it means"`; the word `param` and the description may be left out.',
        "param TimeWindow 5m\nopen",
        "param TimeWindow = 5m\nopen",
    ),
    "C131": Code(
        "a malformed `analytic` block",
        "Entries are `key: value, value`; a value with white space is quoted. Every key has a value.",
        "analytic X { platform: windows server }\nopen",
        'analytic X { platform: windows, "server" }\nopen',
    ),
    "C132": Code(
        "a malformed kind declaration",
        "`kind name: STEP { introduces: entity = field tests: field name: field }`. The step filters one kind; it "
        "has no arrows, no captures and no repetition.",
        "kind drop: open -> write",
        "kind drop: write(UserPaths)",
    ),
    "C133": Code(
        "a malformed `severity` or `except` line",
        '`severity LEVEL when CONDITION`; `except "reason" on capture when CONDITION owner "team" until '
        "2027-01-31`, of which `on`, `owner` and `until` may be left out.",
        "open\nexcept when process.pid == 4",
        'open\nexcept "lab" when process.pid == 4',
    ),
    "C134": Code(
        "a malformed test",
        '`test "title" raises N { … }`, or `raises N name` for one chain of several. Each line of the body is one '
        "event: a time, a kind, a value, then `field=value` pairs; a value with white space, a brace, a quote or `#` "
        'is quoted. Or it is `events "FILE"`, or begins with `expect`. docs/testing.md has all forms.',
        'open\ntest "it alerts" { 0s open }',
        'open\ntest "it alerts" raises 1 { 0s open }',
    ),
    "C135": Code(
        "a malformed chain name",
        "`chain name: …`, with a colon after the name.",
        "chain drop open -> write within 5m",
        "chain drop: open -> write within 5m",
    ),
    "C198": Code(
        "a file that is too long",
        "A chain file is something to read: a few dozen lines, at most 256 KB. Long lists of words stand in files of "
        'their own, one word a line, which a site file takes in: `"HighRiskChildren" = "@children.txt"`.',
    ),
    "C199": Code(
        "too many faults",
        "After so many faults the rest of the file is not read. Mend these first.",
    ),
    # -- C2xx: names and what they mean ----------------------------------------
    "C201": Code(
        "a kind that does not exist",
        "A step begins with a kind of event. The base kinds are listed by `chainrun kinds`; a file declares its\n"
        "own with `kind name: STEP`.",
        "open -> egres within 5m",
        "open -> egress within 5m",
    ),
    "C202": Code(
        "a parameter that does not exist",
        "A name stands for a parameter of the file or of the prelude. A text is quoted.",
        "spawn(Shell)",
        "spawn(Shells)",
    ),
    "C203": Code(
        "a capture that does not exist",
        "A capture is the name that a step gets with `as`; it is known inside its own chain.",
        "open as app -> spawn by ap within 5m",
        "open as app -> spawn by app within 5m",
    ),
    "C204": Code(
        "a field that does not exist",
        "Fields have the names of the Elastic Common Schema, as far as telemetry here has them. What only the record\n"
        'has is read as `raw."Some.Field"`, labels as `labels.name`.',
        'open where process.nam == "x"',
        'open where process.name == "x"',
    ),
    "C205": Code(
        "an argument that a kind does not have",
        "Named arguments are short names of fields; `chainrun kinds` lists those of each kind. Other fields are\n"
        "tested in `where`.",
        "spawn(parrent: { bash })",
        "spawn(parent: { bash })",
    ),
    "C206": Code(
        "a function that does not exist",
        "Conditions have a small, fixed set of functions; docs/language.md lists them.",
        "event where lenght(file.name) > 3",
        "event where length(file.name) > 3",
    ),
    "C207": Code(
        "a key that an `analytic` block does not have",
        "The block holds platform, attack, strategy, severity, version and reference.",
        "analytic X { platfrom: linux }\nopen",
        "analytic X { platform: linux }\nopen",
    ),
    "C208": Code(
        "a name that is declared twice",
        "Parameters, kinds and chains have one declaration each in a file. A parameter may have the name of one\n"
        "of the prelude's and then takes its place.",
        "A = 5m\nA = 6m\nopen -> write within A",
        "A = 5m\nopen -> write within A",
    ),
    "C209": Code(
        "two captures of one name",
        "A name means one step. Branches of an alternative share a name when the whole alternative is captured.",
        "(write as x | read as x) -> exec(x) within 5m",
        "(write | read) as x ~> exec(x) within 5m",
    ),
    "C210": Code(
        "a name that means something else already",
        "`process.name` is a field; a capture or parameter called `process` would make it two things.",
        "spawn as process -> egress by process within 5m",
        "spawn as child -> egress by child within 5m",
    ),
    "C211": Code(
        "a capture that is read too early",
        "A step can read only what happened before it. The step's own fields need no name.",
        "open where process.pid == child.process.pid -> spawn as child within 5m",
        "open as app -> spawn where process.parent.pid == app.process.pid within 5m",
    ),
    "C212": Code(
        "a capture that may not be bound",
        "After an optional step, or one branch of an alternative, there may be no such event. Exceptions and\n"
        "severities may read it all the same: there, what is missing is unknown.",
        "open -> (write as drop)? ~> exec(drop) within 5m",
        "open -> write as drop ~> exec(drop) within 5m",
    ),
    "C213": Code(
        "a capture of something that did not happen",
        "An absent step has no event whose fields could be read.",
        "open -> !write as w -> spawn where process.pid == w.process.pid within 5m",
        "open -> !write -> spawn within 5m",
    ),
    "C214": Code(
        "a set that is used as two types of word",
        "How a word matches depends on what it is tested against: a file name, a path with everything beneath it,\n"
        "whole labels of a domain. One set therefore has one type; make two sets of it.",
        "X = { bash }\nwrite(X) -> spawn(X) within 5m",
        "X = { bash }\nP = { /tmp }\nwrite(P) -> spawn(X) within 5m",
    ),
    "C215": Code(
        "a definition that leads back to itself",
        "Parameters may include one another, and kinds may filter one another, but not in a circle.",
        "A = { ...B }\nB = { ...A }\nspawn(A)",
        "A = { ...B }\nB = { bash }\nspawn(A)",
    ),
    "C216": Code(
        "a capture that cannot be passed as an argument",
        "Whole, a capture stands for what its step introduces, else for what it tests. Any other value is passed\n"
        "as a field of the capture.",
        "egress as e ~> write(e) within 5m",
        "write as d ~> exec(d) within 5m",
    ),
    "C217": Code(
        "a field as an argument",
        "Arguments are sets, parameters, captures and fields of captures. Two fields of one event are compared in\n"
        "`where`.",
        "spawn(process.parent.name)",
        "spawn where process.name == process.parent.name",
    ),
    "C218": Code(
        "a field without its step",
        "`except` and `severity` look at whole matches, which have several events: name the step's capture. With\n"
        "`on capture` an exception looks at one event, and fields need no name.",
        'open as app\nexcept "x" when process.name == "y"',
        'open as app\nexcept "x" when app.process.name == "y"',
    ),
    "C219": Code(
        "an event that cannot be caused so",
        "`->`, `by` and `under` say who acts. A process makes no cloud calls, and a file makes nothing at all.\n"
        "`~>` only asks that the event comes later in the same scope.",
        "spawn -> signin within 5m",
        "spawn ~> signin within 5m",
    ),
    "C220": Code(
        "alternatives that leave no single subject",
        "After `->` the event is caused by what stands before. Where the branches of an alternative introduce\n"
        "different things, there is no telling by what.",
        "(signin | spawn) -> egress within 5m",
        "(signin | spawn) ~> egress within 5m",
    ),
    "C221": Code(
        "a step that the platform's telemetry never shows",
        "The `platform` of the analytic has no records of this kind.",
        "analytic X { platform: linux }\nregistry",
        "analytic X { platform: windows }\nregistry",
    ),
    "C222": Code(
        "a declared kind that cannot be",
        "A declared kind filters one kind; it may add what it introduces (an entity, and the field that\n"
        "identifies it), what its positional argument tests, and named arguments.",
        "kind k: spawn and exec\nk",
        "kind k: spawn(Shells)\nk",
    ),
    "C223": Code(
        "members of a group in order",
        "The members of `A & B` come in any order, so that one cannot read the other before it happened, nor be\n"
        "linked to it. Fields of two members that are single steps can be compared with `==`, which does not depend\n"
        "on the order.",
        "(spawn as a & write where file.size > a.file.size) -> egress within 5m",
        "(spawn as a & write where user.name == a.user.name) -> egress within 5m",
    ),
    # -- C3xx: time and form ----------------------------------------
    "C301": Code(
        "a chain without a time limit",
        "A chain of two or more events says with `within` how long it may take from the first to the last.\n"
        "Without a limit every first event would have to be remembered for ever.",
        "open -> write",
        "open -> write within 15m",
    ),
    "C302": Code(
        "an absence without a limit",
        "That something does not happen can be said only of a time that ends.",
        "open -> !write",
        "open -> !write within 5m",
    ),
    "C303": Code(
        "an arrow that is longer than its chain",
        "`within` limits the whole chain; an arrow's limit beyond it never decides, and least times beyond it\n"
        "never fit.",
        "open ->[1h] write within 5m",
        "open ->[1m] write within 5m",
    ),
    "C304": Code(
        "limits in the wrong order",
        "`[10s..5m]` is at least and at most; the shorter comes first.",
        "open ->[5m..10s] write within 1h",
        "open ->[10s..5m] write within 1h",
    ),
    "C305": Code(
        "a limit of zero or less, or of centuries",
        "A time limit is a positive duration of at most a hundred years.",
        "W = 5m - 5m\nopen -> write within W",
        "W = 5m\nopen -> write within W",
    ),
    "C306": Code(
        "bounds that cannot be",
        "Repetitions are counted from 1, the lower bound first. Counts are compared with `>` or `>=`; a share\n"
        "with `<` too.",
        "open -> write{5,3} within 5m",
        "open -> write{3,5} within 5m",
    ),
    "C307": Code(
        "forms that do not fit into one another",
        "`!`, `&`, `?`, `as`, `without prior` and repetition take a step or an alternative of steps; `&` counts too,\n"
        "`?`, `as` and `without prior` counts and repetitions. `!` stands alone between arrows.",
        "open -> (write & mount){3} within 5m",
        "open -> (write | mount){3} within 5m",
    ),
    "C308": Code(
        "a chain in which nothing has to happen",
        "An alert needs an event. A chain of absences and optional steps has none that must be there.",
        "open? -> write? within 5m",
        "open -> write? within 5m",
    ),
    "C309": Code(
        "a clause that is given twice",
        "A chain has one `within`, one `per`, one `once per` and one `until`.",
        "open -> write within 5m within 6m",
        "open -> write within 5m",
    ),
    "C310": Code(
        "a group that is too large",
        "`A & B & C & D`: up to four members, each a step, an alternative of steps or a counted step, may come in any\n"
        "order.",
        "(open & write & spawn & egress & mount) -> exit within 5m",
        "(open & write & spawn & egress) -> exit within 5m",
    ),
    "C312": Code(
        "a file without a chain",
        "A file holds at least one chain; the smallest is one step.",
        "A = 5m",
        "open",
    ),
    "C313": Code(
        "a limit of an absence that has no meaning",
        "An absence between two steps lasts from the one to the other; how long that may be is said on the arrow\n"
        "after it. One behind the last step lasts for the limit of its own arrow, one before the first looks back by\n"
        "the arrow after it. None has a least time.",
        "open ->[5m] !write -> spawn within 1h",
        "open -> !write ->[5m] spawn within 1h",
    ),
    "C314": Code(
        "an `until` that ends nothing",
        "`until` ends chains that have begun and are not complete. Without a link it takes what the chain's subject\n"
        "itself does, so that the subject must be able to; of a chain of one event there is nothing to end.",
        "open -> spawn until signoff within 5m",
        "open -> spawn until exit within 5m",
    ),
    # -- C4xx: types and words ----------------------------------------
    "C401": Code(
        "types that do not fit",
        "Each field has a type, and so has each parameter: texts, programs, paths, destinations, images, numbers,\n"
        "durations, times, true or false. Only values of one type are compared, and only a set has members.",
        'open where process.pid == "4"',
        "open where process.pid == 4",
    ),
    "C402": Code(
        "a value where a condition is needed",
        "`and`, `or`, `not` and `where` take what is true or false. Whether a field is there is asked with\n"
        "`exists(field)`.",
        "open where process.name",
        "open where exists(process.name)",
    ),
    "C403": Code(
        "an order of texts",
        "`<` and its like compare numbers, durations and times.",
        'open where process.name > "a"',
        "open where process.pid > 4",
    ),
    "C404": Code(
        "a text operator on something else",
        "`like`, `matches` and `contains` look into texts, for a text that the chain holds.",
        'open where process.pid like "1*"',
        'open where process.name like "a*"',
    ),
    "C405": Code(
        "a function that is called wrongly",
        "The number and types of a function's arguments are fixed; docs/language.md shows them.",
        "event where length(file.name, 3) > 3",
        "event where length(file.name) > 3",
    ),
    "C406": Code(
        "a comparison with `null`",
        "A test of a missing field is unknown, so nothing equals `null`. `exists(field)` is the one way to ask.",
        "open where process.name == null",
        "open where not exists(process.name)",
    ),
    "C407": Code(
        "a unit that is missing or does not fit",
        "Durations, bytes, percentages and plain numbers are not mixed, and a unit is never guessed.",
        "W = 15\nopen -> write within W",
        "W = 15m\nopen -> write within W",
    ),
    "C408": Code(
        "a regular expression that RE2 refuses",
        "Expressions run in linear time, whatever the input: RE2's syntax, without look-around and\nback-references.",
        "spawn where process.command_line matches '(a)\\1'",
        "spawn where process.command_line matches '(a)+'",
    ),
    "C409": Code(
        "a schedule that cannot be read",
        'A schedule is days, hours and a time zone: `"mon-fri 08:00-18:00 Europe/Berlin"`; days and zone may be\n'
        "left out (every day, UTC).",
        'signin where time in "8 to 6"',
        'signin where time in "08:00-18:00"',
    ),
    "C411": Code(
        "a CIDR with bits beyond its prefix",
        "`10.1.2.3/8` is either the address 10.1.2.3 or the range 10.0.0.0/8. Write the one that is meant.",
        "egress({ 10.1.2.3/8 })",
        "egress({ 10.0.0.0/8 })",
    ),
    "C412": Code(
        "a word that matches no path, or no image",
        "A path begins at a root, at `~` or at a `%VARIABLE%`; `**/name` is that name anywhere.",
        "write({ *.exe })",
        "write({ **/*.exe })",
    ),
    "C413": Code(
        "a word that matches no program",
        "A program is a file name, or a whole path from its root.",
        "spawn({ bin/bash })",
        "spawn({ /bin/bash })",
    ),
    "C414": Code(
        "a word that matches no destination",
        "A destination is an address, a CIDR, or a domain of whole labels; `*.example.com` is every name below\n"
        "it. It has no scheme and no port.",
        "egress({ https://example.com/x })",
        "egress({ example.com })",
    ),
    "C415": Code(
        "a word that matches everything",
        "A test that always passes is better left out. Where something is taken from it, `*` means everything\nelse.",
        "spawn({ * })",
        "spawn({ bash })",
    ),
    "C416": Code(
        "a word that is no number",
        "The field is a number, and so are the words that it is tested with.",
        "connect(port: { https })",
        "connect(port: { 443 })",
    ),
    "C417": Code(
        "arguments that do not fit the kind",
        "A kind has at most one positional argument, and takes each named one once. Sets are joined with `+`.",
        "spawn({ bash }, { zsh })",
        "spawn({ bash } + { zsh })",
    ),
    "C418": Code(
        "a word that its field never holds",
        "Some fields have values of one form: an extension has no dot, a file name no slash, an outcome is success,\n"
        "failure or unknown, a hash has as many hexadecimal digits as its kind.",
        "write where file.extension in { .js }",
        "write where file.extension in { js }",
    ),
    "C419": Code(
        "a set without words",
        "A warning. A test against an empty set never passes, so that its step never happens; where the words are the\n"
        "user's to give, the description of the parameter says so. `not` of an empty set always passes.",
    ),
    # -- C5xx: parameters and overrides ----------------------------------------
    "C501": Code(
        "a value that a parameter cannot have",
        "A parameter is a constant: a duration, a number, a text, true or false, a set of words, a map, or sets\n"
        "joined by `+` and `-`.",
        "A = null\nopen -> write within A",
        "A = 5m\nopen -> write within A",
    ),
    "C502": Code(
        "an override of a parameter that no file has",
        "`--set` and site files change parameters that the loaded analytics, or the prelude's sets that they use,\n"
        "have.",
    ),
    "C503": Code(
        "a site table of an analytic that does not exist",
        "A table of a site file has the name of an analytic, or is `[all]`.",
    ),
    "C504": Code(
        "an override of another type",
        "An override has the type of the parameter that it changes, with its unit: `--set TimeWindow=10m`, not\n`=10`.",
    ),
    "C505": Code(
        "a `--set` that cannot be read",
        "`--set Name=value` replaces, `--set 'Name+={ words }'` adds, `--set 'Name-={ words }'` takes away.",
    ),
    "C506": Code(
        "`+=` or `-=` on something that is not a set",
        "Words are added to sets, and taken from them. Anything else is replaced with `=`.",
    ),
    "C507": Code(
        "a site file that cannot be read",
        'A site file is TOML: a table an analytic and `[all]`, with `Name = …`, `"Name+" = [ … ]` and `"Name-" =\n'
        "[ … ]`.",
    ),
    "C508": Code(
        "an exception of a site file that cannot be read",
        "`[[AN1316.except]]` has a `reason` and a `when`, and may have `on`, `owner` and `until`.",
    ),
    "C509": Code(
        "a file of words that holds something else",
        "A site file takes in words with `@name.txt`: a text of one word a line and `#` comments. Words need no\n"
        "quotes and no commas.",
    ),
    "C510": Code(
        "parameters that were never set",
        "With `--require-tuned` every parameter of an analytic has to be set, by a site file or on the command line;\n"
        "`chainrun params` shows them. Where the default is right, set it to the same.",
    ),
    # -- C6xx: files, the header, warnings ----------------------------------------
    "C601": Code(
        "a file that cannot be opened",
        "The file does not exist, is a folder, or may not be read.",
    ),
    "C602": Code(
        "two files with one analytic",
        "Files that are loaded together have different analytic ids: an override, an exception or an alert that names\n"
        "one must not mean two. A file without an `analytic` block is called by its file name.",
    ),
    "C603": Code(
        "a severity that does not exist",
        "Severities are informational, low, medium, high and critical.",
        "analytic X { severity: urgent }\nopen",
        "analytic X { severity: high }\nopen",
    ),
    "C604": Code(
        "a severity that always holds",
        "`severity LEVEL when capture` is for a step that may be missing.",
        "open as app\nseverity high when app",
        "open -> (write as drop)? -> spawn within 5m\nseverity high when drop",
    ),
    "C605": Code(
        "a platform that does not exist",
        "Platforms are ATT&CK's, in one word: windows, macos, linux, containers, iaas, saas, identity, office,\n"
        "network, esxi; `cloud` is any of the cloud's.",
        "analytic X { platform: mac }\nopen",
        "analytic X { platform: macos }\nopen",
    ),
    "C606": Code(
        "a parameter that nothing uses",
        "A warning. Changing it changes nothing; where the analytic's text names it and no telemetry carries it,\n"
        "its description says so.",
    ),
    "C607": Code(
        "a capture that nothing uses",
        "A warning. The name still stands in the alert.",
    ),
    "C609": Code(
        "a key with too many values",
        "Each key of the `analytic` block stands once; several platforms, techniques or references are separated\n"
        "by commas.",
        "analytic X { severity: low, high }\nopen",
        "analytic X { severity: low }\nopen",
    ),
    "C610": Code(
        "a reference to ATT&CK that has another form",
        "Techniques are `T1204` or `T1204.002`, detection strategies `DET0478`.",
        "analytic X { attack: 1204 }\nopen",
        "analytic X { attack: T1204 }\nopen",
    ),
    "C611": Code(
        "a day that does not exist",
        "The `until` of an exception is a day of the calendar, its end in UTC: `2027-01-31`.",
        'open as a\nexcept "x" when a.process.pid == 4 until 2027-02-30',
        'open as a\nexcept "x" when a.process.pid == 4 until 2027-02-28',
    ),
    "C612": Code(
        "an exception past its date",
        "A warning of `chainrun check`, which looks at the calendar; a run goes by the time of the events. Behind the\n"
        "day of its `until` an exception no longer applies, and what it held back raises alerts again.",
    ),
    "C613": Code(
        "a severity that never comes into force",
        "A warning. An alert is written as soon as all that must happen has happened: optional steps at the very end\n"
        "are not waited for, so that they decide nothing. Put the step before one that must happen, or write a second\n"
        "chain with it.",
    ),
    "C620": Code(
        "a line of a test that no event can be",
        "A line of a test is one event: its kind, the value that the kind tests, and fields of the vocabulary with\n"
        "values of their types: `pid=10`, `file.size=5MB`, `host.ip=10.0.0.1,10.0.0.2`. docs/testing.md has them all.",
        'open\ntest "it alerts" raises 1 { 0s open Safari pid=ten }',
        'open\ntest "it alerts" raises 1 { 0s open Safari pid=10 }',
    ),
    "C621": Code(
        "an expectation that no alert can meet",
        "A test speaks of the chains and steps of its file. A step is called by its capture, else by its kind, or by\n"
        "its number where several have one name.",
        'open as app\ntest "it alerts" raises 1 {\n  0s open Safari\n  expect ap: 0s\n}',
        'open as app\ntest "it alerts" raises 1 {\n  0s open Safari\n  expect app: 0s\n}',
    ),
    "C622": Code(
        "a case that says nothing, or of nothing",
        "In the folder `NAME.cases` beside `NAME.chain` each file of events has a file of expectations beside it:\n"
        "`macro.jsonl` and `macro.expect`, whose first line is `raises 1` or `raises 0 chain`.",
    ),
}


def explain(code: str) -> Code | None:
    """The page of a code, whatever its case, or None."""
    return CODES.get(code.upper())
