"""A fleet of Windows hosts as Sysmon tells of them, flat, with the message beside the fields: AN1314's telemetry.

What most lines of a host's log are (handles opened, libraries loaded, registry values set), by processes of which few are
anybody's app. The shares of the record types, their fields and their sizes are those of real host logs.
"""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from .streams import HOUR, Clock, Planted, Record, Stage, Story, Timed, guids

Row = dict[str, Any]  # a process: ProcessGuid, ProcessId, Image

SYSTEM32 = "C:\\Windows\\System32\\"
EXPLORER = "C:\\Windows\\explorer.exe"
EDGE = "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe"
OFFICE = "C:\\Program Files\\Microsoft Office\\root\\Office16\\"
APPS = (
    OFFICE + "WINWORD.EXE",
    OFFICE + "EXCEL.EXE",
    OFFICE + "POWERPNT.EXE",
    EDGE,
    "C:\\Program Files\\7-Zip\\7zFM.exe",
)
LOLBINS = ("wscript.exe", "cmd.exe", "mshta.exe", "WindowsPowerShell\\v1.0\\powershell.exe", "rundll32.exe")
SERVICES = (
    "svchost.exe",
    "lsass.exe",
    "SearchIndexer.exe",
    "WmiPrvSE.exe",
    "VBoxService.exe",
    "wermgr.exe",
    "csrss.exe",
)
HELPERS = ("conhost.exe", "backgroundTaskHost.exe", "dllhost.exe", "RuntimeBroker.exe", "taskhostw.exe")
PROFILE = "C:\\Users\\ann\\"

# Of a hundred lines: everything that Sysmon can tell, and what is left of it on a fleet that was tuned.
FULL = {10: 46.0, 7: 30.0, 13: 9.0, 12: 6.0, 5379: 6.4, 11: 1.3, 3: 0.6, 22: 0.35, 1: 0.15, 5: 0.2}
DENSE = {11: 44.0, 3: 15.0, 22: 8.0, 1: 3.0, 5: 2.5, 23: 15.0, 26: 12.5}

# How often a process of each sort acts: services, Explorer, the browser, whatever was started last.
_ACTS = (80, 2, 3, 15)

_TITLES = {
    1: "Process Create",
    3: "Network connection detected",
    5: "Process terminated",
    7: "Image loaded",
    10: "Process accessed",
    11: "File created",
    12: "Registry object added or deleted",
    13: "Registry value set",
    22: "Dns query",
    23: "File Delete archived",
    26: "File Delete logged",
    5379: "Credential Manager credentials were read.",
}
_STACK = "|".join(
    f"C:\\Windows\\System32\\{dll}.dll+{at:x}" for at, dll in enumerate(("ntdll", "KERNELBASE", "RPCRT4") * 6, 0x9D4C4)
)


class Fleet:
    """Hosts of one network, each with its processes. `shares`: how many of a hundred records are of which type."""

    def __init__(self, seed: int, hosts: int = 200, shares: Mapping[int, float] = FULL) -> None:
        self.rng = Random(seed)
        self.clock, self.local = Clock(), Clock()
        self.hosts = [Host(Random(f"{seed}/{n}"), n, self) for n in range(hosts)]
        self.types = list(shares)
        self.weights = list(shares.values())
        self.stage = Stage(self.hosts)
        self.attacks = self.decoys = 0

    def life(self, at: int) -> Iterator[Record]:
        host = self.rng.choice(self.hosts)
        (type_,) = self.rng.choices(self.types, self.weights)
        yield host.life(at, type_)

    def attack(self, at: int) -> Story:
        """A document drops a script, whose host or a child of that calls home; or a program is saved, and then run."""
        host = self.stage.next()
        self.attacks += 1
        number, kind = self.attacks, self.attacks % 4
        if kind == 3:
            saver, program = host.process(EDGE), PROFILE + f"Downloads\\setup{number}.exe"
            run = host.process(program)
            records = [
                host.start(at, saver, host.explorer),
                host.file(at + 40_000, saver, program),
                host.start(at + 90_000, run, host.explorer),
                host.connection(at + 91_000, run, "203.0.113.80", 443),
            ]
            return Story(records, Planted("dropped", host.name, records[-1][0]))
        app, child = host.process(APPS[number % 3]), host.process(SYSTEM32 + LOLBINS[number % 5])
        records = [
            host.start(at, app, host.explorer),
            host.file(at + 5_000, app, PROFILE + f"AppData\\Local\\Temp\\u{number}.js"),
            host.start(at + 7_000, child, app),
        ]
        if kind == 2:
            deeper = host.process(SYSTEM32 + "curl.exe")
            records += [host.start(at + 8_000, deeper, child), host.connection(at + 9_000, deeper, "203.0.113.77", 80)]
        else:
            records.append(host.connection(at + 8_500, child, "203.0.113.77", 80))
        return Story(records, Planted("lolbin", host.name, records[-1][0]))

    def decoy(self, at: int) -> Story:
        """The same, with one thing off: the file comes too late, lies elsewhere, is another's, or time runs out."""
        host = self.stage.next()
        self.decoys += 1
        number = self.decoys
        app, child = host.process(APPS[number % 3]), host.process(SYSTEM32 + LOLBINS[number % 5])
        other = host.process(SYSTEM32 + "spoolsv.exe")
        drop = PROFILE + f"AppData\\Local\\Temp\\d{number}.js"
        opened, started = host.start(at, app, host.explorer), host.start(at + 7_000, child, app)
        home = host.connection(at + 8_500, child, "203.0.113.77", 80)
        written = (
            host.file(at + 7_900, app, drop),
            host.file(at + 5_000, app, f"C:\\Work\\d{number}.js"),
            host.file(at + 5_000, other, drop),
            host.file(at + 5_000, app, drop),
        )[number % 4]
        if number % 4 == 3:
            home = host.connection(at + 16 * 60_000, child, "203.0.113.77", 80)
        return Story(sorted((opened, written, started, home), key=lambda timed: timed[0]))


class Host:
    """One host: its processes, and the records of what they do."""

    def __init__(self, rng: Random, number: int, fleet: Fleet) -> None:
        self.rng = rng
        self.fleet = fleet
        self.name = f"ws{number:03d}"
        self.computer = f"WS{number:03d}.corp.example"
        self.address = f"10.0.{number // 250}.{number % 250 + 1}"
        self._guids = guids(rng)
        self._pid = 600
        self.services = [self.process(SYSTEM32 + rng.choice(SERVICES)) for _ in range(12)]
        self.explorer = self.process(EXPLORER)
        self.browser = self.process(EDGE)
        self.started = [self.process(SYSTEM32 + rng.choice(HELPERS)) for _ in range(4)]

    def process(self, image: str) -> Row:
        self._pid += 4 * self.rng.randint(1, 9)
        return {"ProcessGuid": next(self._guids), "ProcessId": str(self._pid), "Image": image}

    # -- what goes on anyway ----------------------------------------

    def life(self, at: int, type_: int) -> Record:
        rng = self.rng
        (crowd,) = rng.choices((self.services, (self.explorer,), (self.browser,), self.started), _ACTS)
        actor = rng.choice(crowd)
        match type_:
            case 1:
                child = self.process(SYSTEM32 + rng.choice(HELPERS))
                self.started = [*self.started[-11:], child]
                return self.start(at, child, rng.choice(self.services))[1]
            case 3:
                return self.connection(at, actor, f"198.51.100.{rng.randrange(1, 250)}", 443)[1]
            case 5:
                ended = self.started.pop(0) if len(self.started) > 2 else self.process(SYSTEM32 + "conhost.exe")
                return self.record(at, 5, {**ended, "User": "CORP\\ann"})
            case 7:
                dll = f"lib{rng.randrange(300)}"
                return self.record(
                    at, 7, {**actor, "ImageLoaded": f"{SYSTEM32}{dll}.dll", **_version(dll), **_signed(dll)}
                )
            case 10:
                return self.record(at, 10, self._access(actor))
            case 11:
                return self.file(at, actor, self._written_by(actor))[1]
            case 12 | 13:
                key = f"HKU\\S-1-5-21-3550837308-1106\\SOFTWARE\\Microsoft\\Vendor{rng.randrange(40)}\\Setting{rng.randrange(500)}"
                said = {"EventType": "CreateKey"} if type_ == 12 else {"EventType": "SetValue"}
                more = {} if type_ == 12 else {"Details": "DWORD (0x00000001)"}
                return self.record(at, type_, {**said, **actor, "TargetObject": key, **more, "User": "CORP\\ann"})
            case 22:
                name = f"host{rng.randrange(300)}.cdn.example"
                answer = {
                    "QueryName": name,
                    "QueryStatus": "0",
                    "QueryResults": f"::ffff:198.51.100.{rng.randrange(1, 250)};",
                }
                return self.record(at, 22, {**actor, **answer, "User": "CORP\\ann"})
            case 23 | 26:
                gone = {"TargetFilename": self._written_by(actor), "Hashes": _hashes("gone"), "IsExecutable": "false"}
                return self.record(at, type_, {**actor, "User": "CORP\\ann", **gone})
            case _:
                return self._credentials_read(at)

    def _written_by(self, actor: Row) -> str:
        """Where a process writes of itself: Explorer its lists of recent files, a browser its cache."""
        n = self.rng.randrange(10**6)
        if actor is self.explorer:
            return f"{PROFILE}AppData\\Roaming\\Microsoft\\Windows\\Recent\\file{n}.lnk"
        if actor is self.browser:
            return f"{PROFILE}AppData\\Local\\Microsoft\\Edge\\User Data\\Default\\Cache\\f_{n:06x}"
        return f"C:\\ProgramData\\Microsoft\\Windows\\WER\\ReportArchive\\{n:06d}\\Report.wer"

    def _access(self, actor: Row) -> Row:
        target = self.rng.choice(self.services)
        return {
            "SourceProcessGUID": actor["ProcessGuid"],
            "SourceProcessId": actor["ProcessId"],
            "SourceThreadId": "700",
            "SourceImage": actor["Image"],
            "TargetProcessGUID": target["ProcessGuid"],
            "TargetProcessId": target["ProcessId"],
            "TargetImage": target["Image"],
            "GrantedAccess": "0x1000",
            "CallTrace": _STACK,
            "SourceUser": "NT AUTHORITY\\SYSTEM",
            "TargetUser": "NT AUTHORITY\\SYSTEM",
        }

    # -- records that stories are made of ----------------------------------------

    def start(self, at: int, child: Row, parent: Row) -> Timed:
        image = child["Image"]
        data = {
            **child,
            **_version(image.rpartition("\\")[2]),
            "CommandLine": f'"{image}"',
            "CurrentDirectory": "C:\\Windows\\system32\\",
            "User": "CORP\\ann",
            "LogonGuid": "{ec2b781c-4748-64f7-408e-070000000000}",
            "LogonId": "0x78e40",
            "TerminalSessionId": "1",
            "IntegrityLevel": "Medium",
            "Hashes": _hashes(image),
            "ParentProcessGuid": parent["ProcessGuid"],
            "ParentProcessId": parent["ProcessId"],
            "ParentImage": parent["Image"],
            "ParentCommandLine": f'"{parent["Image"]}"',
            "ParentUser": "CORP\\ann",
        }
        return at, self.record(at, 1, data)

    def file(self, at: int, actor: Row, path: str) -> Timed:
        created = self.fleet.clock.text(at)
        return at, self.record(
            at, 11, {**actor, "TargetFilename": path, "CreationUtcTime": created, "User": "CORP\\ann"}
        )

    def connection(self, at: int, actor: Row, ip: str, port: int) -> Timed:
        data = {
            **actor,
            "User": "CORP\\ann",
            "Protocol": "tcp",
            "Initiated": "true",
            "SourceIsIpv6": "false",
            "SourceIp": self.address,
            "SourceHostname": "-",
            "SourcePort": str(self.rng.randint(49152, 65535)),
            "SourcePortName": "-",
            "DestinationIsIpv6": "false",
            "DestinationIp": ip,
            "DestinationHostname": "-",
            "DestinationPort": str(port),
            "DestinationPortName": "-",
        }
        return at, self.record(at, 3, data)

    def record(self, at: int, type_: int, data: Row) -> Record:
        """A record of Sysmon: `UtcTime` is right, the record's own times are local ones with a false Z."""
        said = {"RuleName": "-", "UtcTime": self.fleet.clock.text(at), **data}
        return self._record(at, type_, "Microsoft-Windows-Sysmon", "Microsoft-Windows-Sysmon/Operational", said)

    def _credentials_read(self, at: int) -> Record:
        said = {
            "SubjectUserSid": "S-1-5-18",
            "SubjectUserName": self.name + "$",
            "SubjectLogonId": "0x3e7",
            "TargetName": "MicrosoftAccount:user=02btkgmhyoxofsop",
            "CountOfCredentialsReturned": "0",
            "ReadOperation": "%%8100",
            "ClientProcessId": self.services[0]["ProcessId"],
        }
        return self._record(at, 5379, "Microsoft-Windows-Security-Auditing", "Security", said)

    def _record(self, at: int, type_: int, source: str, channel: str, said: Row) -> Record:
        local = self.fleet.local.text(at - 7 * HOUR, "T") + "Z"
        message = "\r\n".join((f"{_TITLES[type_]}:", *(f"{name}: {value}" for name, value in said.items())))
        return {
            "SourceName": source,
            "ProviderGuid": "{5770385f-c22a-43e0-bf4c-06f5698ffbd9}",
            "Level": "4",
            "Keywords": "0x8000000000000000",
            "Channel": channel,
            "Hostname": self.computer,
            "TimeCreated": local,
            "@timestamp": local,
            "EventID": type_,
            "Message": message,
            "Task": str(type_),
            **said,
        }


def _version(name: str) -> Row:
    return {
        "FileVersion": "10.0.19041.1865 (WinBuild.160101.0800)",
        "Description": f"The {name} of Windows",
        "Product": "Microsoft® Windows® Operating System",
        "Company": "Microsoft Corporation",
        "OriginalFileName": name,
    }


def _hashes(name: str) -> str:
    digits = f"{Random(name).getrandbits(256):064X}"
    return f"SHA1={digits[:40]},MD5={digits[:32]},SHA256={digits},IMPHASH={digits[32:]}"


def _signed(dll: str) -> Row:
    signature = {"Signed": "true", "Signature": "Microsoft Windows", "SignatureStatus": "Valid"}
    return {"Hashes": _hashes(dll), **signature, "User": "NT AUTHORITY\\SYSTEM"}
