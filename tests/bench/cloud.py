"""An account of AWS as CloudTrail and its flow logs tell of it: AN1318's telemetry."""

from collections.abc import Iterator
from random import Random
from typing import Any

from .streams import Clock, Planted, Record, Stage, Story

ACCOUNT, REGION, NETWORK = "444455556666", "us-west-2", "vpc-8aeee14dfb6ff0cf2"
CALLS = ("DescribeImages", "DescribeInstances", "ListBuckets", "GetCallerIdentity", "GetObject", "AssumeRole")
AGENT = (
    "APN/1.0 HashiCorp/1.0 Terraform/1.1.2 terraform-provider-aws/3.76.1 aws-sdk-go/1.44.157 (go1.19.3; linux; amd64)"
)


class Account:
    """Machines that talk, people who call, most of them by key; of 100 records 70 are flows."""

    def __init__(self, seed: int, machines: int = 200, people: int = 200) -> None:
        self.rng = Random(seed)
        self.clock = Clock()
        self.machines = [self._machine(n) for n in range(machines)]
        self.stage = Stage([f"person{n:03d}@corp.example" for n in range(people)])
        self.calls = 0
        self.attacks = self.decoys = 0

    def life(self, at: int) -> Iterator[Record]:
        rng = self.rng
        if rng.random() < 0.7:
            yield self._flow(at, rng.choice(self.machines), f"198.51.100.{rng.randrange(1, 250)}")
        else:
            yield self._call(at, rng.choice(CALLS), f"service{rng.randrange(40)}")

    def attack(self, at: int) -> Story:
        """Somebody of the company signs in to the console, launches a machine of nobody's image, and it calls home."""
        self.attacks += 1
        return self._story(at, 180_000, is_attack=True)

    def decoy(self, at: int) -> Story:
        """The machine is refused, talks inside the network only, or for the first time after half an hour."""
        self.decoys += 1
        if self.decoys % 3 == 0:
            return self._story(at, 180_000, refused=True)
        return self._story(at, 180_000, to="10.0.3.9") if self.decoys % 3 == 1 else self._story(at, 32 * 60_000)

    def _story(
        self, at: int, wait: int, to: str = "203.0.113.9", refused: bool = False, is_attack: bool = False
    ) -> Story:
        person, machine = self.stage.next(), self._machine(1_000 + self.attacks * 100 + self.decoys)
        at -= at % 1000  # CloudTrail tells of whole seconds
        login = self._call(at, "ConsoleLogin", person, is_console=True)
        image = {"instancesSet": {"items": [{"imageId": "ami-0f3b1c2d4e5a69788", "maxCount": 1, "minCount": 1}]}}
        launched = {"instancesSet": {"items": [self._launched(at, machine)]}}
        launch = self._call(at + 100_000, "RunInstances", person, is_console=True)
        launch["requestParameters"] = image
        if refused:
            launch |= {"errorCode": "Client.UnauthorizedOperation", "responseElements": None}
        else:
            launch["responseElements"] = launched
        home = at + wait
        records = [(at, login), (at + 100_000, launch), (home + 58_000, self._flow(home, machine, to))]
        return Story(records, Planted("instance", "", home) if is_attack else None)

    def _machine(self, number: int) -> dict[str, str]:
        digits = f"{Random(number).getrandbits(64):016x}"
        address = f"10.{number // 60_000}.{number // 250 % 250}.{number % 250 + 1}"
        return {"id": f"i-0{digits}", "interface": f"eni-0{digits}", "address": address}

    def _launched(self, at: int, machine: dict[str, str]) -> dict[str, Any]:
        card = {"networkInterfaceId": machine["interface"], "privateIpAddress": machine["address"], "vpcId": NETWORK}
        return {
            "instanceId": machine["id"],
            "imageId": "ami-0f3b1c2d4e5a69788",
            "instanceType": "t2.micro",
            "instanceState": {"code": 0, "name": "pending"},
            "launchTime": at,
            "privateIpAddress": machine["address"],
            "vpcId": NETWORK,
            "networkInterfaceSet": {"items": [card]},
        }

    def _call(self, at: int, name: str, who: str, is_console: bool = False) -> Record:
        self.calls += 1
        by_key = {
            "type": "IAMUser",
            "principalId": f"AIDA{who.upper()}",
            "arn": f"arn:aws:iam::{ACCOUNT}:user/{who}",
            "accountId": ACCOUNT,
            "accessKeyId": "AKIATFQR7NSC8Q4X20BJ",
            "userName": who,
        }
        role = f"AROA8C13092BF95815CD:{who}"
        federated = {
            "type": "AssumedRole",
            "principalId": role,
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_DevAdmin_c1fa85b0b8bf00aa/{who}",
            "accountId": ACCOUNT,
            "accessKeyId": "ASIA90247FEADE885014",
            "sessionContext": {
                "sessionIssuer": {"type": "Role", "principalId": "AROA8C13092BF95815CD", "userName": "DevAdmin"},
                "attributes": {"creationDate": "2023-09-06T05:00:00Z", "mfaAuthenticated": "false"},
            },
        }
        is_login = name == "ConsoleLogin"
        source = "signin" if is_login else "sts" if name in ("AssumeRole", "GetCallerIdentity") else "ec2"
        return {
            "eventVersion": "1.08",
            "userIdentity": federated if is_console else by_key,
            "eventTime": self.clock.text(at, "T")[:19] + "Z",
            "eventSource": f"{source}.amazonaws.com",
            "eventName": name,
            "awsRegion": REGION,
            "sourceIPAddress": f"73.252.165.{1 + self.calls % 250}",
            "userAgent": AGENT,
            "requestParameters": None,
            "responseElements": {"ConsoleLogin": "Success"} if is_login else None,
            "requestID": f"847ec549-3b60-4da5-9290-{self.calls:012x}",
            "eventID": f"18f86658-6758-d3f9-898b-{self.calls:012x}",
            "readOnly": not is_console,
            "eventType": "AwsConsoleSignIn" if is_login else "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": ACCOUNT,
            "eventCategory": "Management",
            "tlsDetails": {"tlsVersion": "TLSv1.2", "cipherSuite": "ECDHE-RSA-AES128-GCM-SHA256"},
        }

    def _flow(self, at: int, machine: dict[str, str], to: str) -> Record:
        return {
            "version": 5,
            "account_id": ACCOUNT,
            "interface_id": machine["interface"],
            "instance_id": machine["id"],
            "srcaddr": machine["address"],
            "dstaddr": to,
            "srcport": self.rng.randint(32768, 60999),
            "dstport": 443,
            "protocol": 6,
            "packets": 12,
            "bytes": 5_321,
            "start": at // 1000,
            "end": at // 1000 + 58,
            "action": "ACCEPT",
            "log_status": "OK",
            "vpc_id": NETWORK,
            "subnet_id": "subnet-a4bd452c268b8272d",
            "tcp_flags": 3,
            "type": "IPv4",
            "pkt_srcaddr": machine["address"],
            "pkt_dstaddr": to,
            "region": REGION,
            "flow_direction": "egress",
        }
