"""A deterministic stream of real-shaped Sysmon: a small fleet at work, with planted chains.

What most lines of a host's log are (handles opened, libraries loaded, registry values set), processes that start and end,
files and connections of browsers and Office, and, now and then, a macro that drops a script and calls home.
"""

import json
from pathlib import Path
from random import Random
from typing import Any

BEGIN = 1_700_000_000_000
OFFICE = "C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE"
EDGE = "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe"
SYSTEM32 = "C:\\Windows\\System32\\"


def write(file: Path, lines: int, hosts: int, seed: int, plant_every: int = 10_000) -> int:
    """Write the stream; gives the number of planted chains."""
    fleet = [_Host(Random(f"{seed}/{n}"), n) for n in range(hosts)]
    rng = Random(seed)
    planted = 0
    at = BEGIN
    with file.open("w") as out:
        written = 0
        while written < lines:
            at += rng.randint(1, 40)
            host = fleet[rng.randrange(hosts)]
            if written // plant_every > planted:
                planted += 1
                events = host.attack()
            else:
                events = [host.noise()]
            for event in events:
                at += 5
                out.write(json.dumps(host.record(at, *event), separators=(",", ":")))
                out.write("\n")
                written += 1
    return planted


class _Host:
    def __init__(self, rng: Random, number: int) -> None:
        self.rng = rng
        self.name = f"WS{number:03d}.corp.example"
        self.count = 0
        self.records = 0
        self.explorer = self.process("C:\\Windows\\explorer.exe")
        self.service = self.process(SYSTEM32 + "svchost.exe")
        self.running = [self.process(EDGE), self.process(SYSTEM32 + "notepad.exe")]

    def process(self, image: str) -> dict[str, Any]:
        self.count += 1
        guid = f"{{9d1f{self.count:04x}-{self.count:04x}-6400-{self.count & 0xFFFF:04x}-000000000700}}"
        return {"ProcessGuid": guid, "ProcessId": 1000 + 4 * self.count, "Image": image}

    def noise(self) -> tuple[int, dict[str, Any]]:
        rng = self.rng
        draw = rng.random()
        actor = rng.choice([self.explorer, self.service, *self.running])
        if draw < 0.5:
            return 10, {
                "SourceProcessGUID": actor["ProcessGuid"],
                "SourceProcessId": actor["ProcessId"],
                "SourceImage": actor["Image"],
                "TargetProcessGUID": self.service["ProcessGuid"],
                "TargetProcessId": self.service["ProcessId"],
                "TargetImage": self.service["Image"],
                "GrantedAccess": "0x1000",
                "CallTrace": "C:\\Windows\\SYSTEM32\\ntdll.dll+9d1e4|C:\\Windows\\System32\\KERNELBASE.dll+2bcbe" * 4,
            }
        if draw < 0.7:
            return 7, {**actor, "ImageLoaded": f"{SYSTEM32}lib{rng.randrange(200)}.dll", "Signed": "true"}
        if draw < 0.9:
            target = f"HKU\\S-1-5-21-1004\\Software\\Vendor\\Setting{rng.randrange(500)}"
            return 13, {**actor, "EventType": "SetValue", "TargetObject": target, "Details": "DWORD (0x00000001)"}
        if draw < 0.93:
            path = f"C:\\Users\\ann\\AppData\\Local\\Microsoft\\Edge\\User Data\\{rng.randrange(10**6)}.tmp"
            return 11, {**self.running[0], "TargetFilename": path, "CreationUtcTime": "2023-11-14 22:13:20.000"}
        if draw < 0.96:
            return 3, self.connection(self.running[0], f"198.51.100.{rng.randrange(1, 250)}", 443)
        if draw < 0.985 or len(self.running) < 3:
            child = self.process(SYSTEM32 + rng.choice(["conhost.exe", "backgroundTaskHost.exe", "dllhost.exe"]))
            self.running = [self.running[0], *self.running[-10:], child]
            return 1, self.start(child, self.service)
        ended = self.running.pop()
        return 5, dict(ended)

    def attack(self) -> list[tuple[int, dict[str, Any]]]:
        word, script = self.process(OFFICE), self.process(SYSTEM32 + "wscript.exe")
        path = f"C:\\Users\\ann\\AppData\\Local\\Temp\\u{self.count}.js"
        return [
            (1, self.start(word, self.explorer)),
            (11, {**word, "TargetFilename": path, "CreationUtcTime": "2023-11-14 22:13:20.000"}),
            (1, self.start(script, word)),
            (3, self.connection(script, "203.0.113.77", 80)),
        ]

    def start(self, child: dict[str, Any], parent: dict[str, Any]) -> dict[str, Any]:
        return {
            **child,
            "CommandLine": child["Image"],
            "CurrentDirectory": "C:\\",
            "User": "CORP\\ann",
            "Hashes": "SHA256=" + "0" * 64,
            "ParentProcessGuid": parent["ProcessGuid"],
            "ParentProcessId": parent["ProcessId"],
            "ParentImage": parent["Image"],
            "ParentCommandLine": parent["Image"],
        }

    def connection(self, actor: dict[str, Any], ip: str, port: int) -> dict[str, Any]:
        return {
            **actor,
            "Protocol": "tcp",
            "Initiated": True,
            "SourceIp": "10.0.0.7",
            "SourcePort": self.rng.randint(49152, 65535),
            "DestinationIp": ip,
            "DestinationPort": port,
        }

    def record(self, at: int, event_id: int, data: dict[str, Any]) -> dict[str, Any]:
        self.records += 1
        seconds, ms = divmod(at, 1000)
        day, rest = divmod(seconds - BEGIN // 1000, 86_400)
        clock = f"{rest // 3600:02d}:{rest % 3600 // 60:02d}:{rest % 60:02d}.{ms:03d}"
        date = f"2023-11-{15 + day:02d}"
        return {
            "Event": {
                "System": {
                    "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}},
                    "EventID": event_id,
                    "TimeCreated": {"#attributes": {"SystemTime": f"{date}T{clock}Z"}},
                    "EventRecordID": self.records,
                    "Channel": "Microsoft-Windows-Sysmon/Operational",
                    "Computer": self.name,
                },
                "EventData": {"RuleName": "-", "UtcTime": f"{date} {clock}", **data},
            }
        }
