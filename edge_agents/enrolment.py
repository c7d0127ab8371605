"""`hub agent enrol CODE`: a new box gets its identity, and a configuration that leads it to the broker."""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devices.enrolment_code import read_code
from edge_agents.enrolment_line import EnrolmentError, HubLine
from edge_agents.identity import About, Identity, Request, write

_KEPT = ("agent", "mqtt", "outbox", "enrolment")


def command(argv: list[str]) -> int:
    """Enrol this machine. Exit codes: 0 enrolled, 1 it did not work, 2 the command line is wrong."""
    parser = argparse.ArgumentParser(
        prog="hub agent enrol",
        description="Get a certificate from the hub for a one-time code; write the agent's file.",
    )
    parser.add_argument("code", nargs="+", help="the code, or the whole text of its QR code")
    parser.add_argument("--hub", metavar="URL", help="https://host[:port]; the QR code's text has it already")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the agent's TOML file")
    parser.add_argument(
        "--identity", type=Path, metavar="FOLDER", help="for key and certificate [identity, beside the file]"
    )
    try:
        options = parser.parse_args(argv)
    except SystemExit as error:
        return int(error.code or 0)
    config = options.config.absolute()
    try:
        about = enrol(
            " ".join(options.code), options.hub, config, options.identity or config.parent / "identity"
        )
    except EnrolmentError as error:
        sys.stderr.write(f"Not enrolled: {error}\n")
        return 1
    sys.stdout.write(f"Enrolled as {about.group}/{about.node}. Next: hub agent --config {options.config}\n")
    return 0


def enrol(typed: str, hub: str | None, config: Path, folder: Path) -> About:
    """Enrol by a code and write `config`, whose other settings stay; raises EnrolmentError.

    The secret of the code leaves this machine only towards the hub that the code speaks of. What can fail
    without the hub is tried first: a code works once.
    """
    code = read_code(typed)
    if code is None:
        raise EnrolmentError("the code is mistyped or not whole", "compare it, letter by letter")
    url = hub or typed.strip().rpartition("#")[0].removesuffix("/enrol")
    if not url:
        raise EnrolmentError("the code alone does not say where the hub is", "add --hub https://host:port")
    present = _present(config)
    identity = Identity(folder.absolute())
    try:
        identity.prepare()
    except OSError as error:
        fix = "run this as the account of the agent, or name a folder of its own with --identity"
        raise EnrolmentError(f"{folder} cannot be written ({error.strerror})", fix) from None
    line = HubLine(url)
    authority = line.authority(code.authority)
    key = Request()
    body = {"code": str(code), "csr": key.signed()[1]}
    answer = line.post("", body, authority, ignore_times=False)
    about = identity.take(key.pem, answer)
    text = configuration(present, about, answer, line.url, identity)
    if config.exists():
        before = config.with_name(f"{config.name}.before")
        write(before, config.read_bytes())
    write(config, text.encode(), mode=0o640)
    return about


def configuration(
    present: str, about: About, answer: Mapping[str, Any], hub_url: str, identity: Identity
) -> str:
    """The text of a configuration file: what was in the present one, with what enrolment decides."""
    sections: dict[str, dict[str, Any]] = {name: {} for name in _KEPT}
    sections |= {name: each for name, each in tomllib.loads(present).items() if isinstance(each, dict)}
    sections["agent"] |= {"group": about.group, "node": about.node, "host_id": str(answer["host_id"])}
    secrets_before = {"username", "password", "password_file"}
    sections["mqtt"] = {k: v for k, v in sections["mqtt"].items() if k not in secrets_before} | {
        "url": str(answer["mqtt_url"]),
        "ca_file": str(identity.authority),
        "cert_file": str(identity.file),
        "key_file": str(identity.file),
    }
    sections["enrolment"] = {"hub_url": hub_url}
    lines = [
        "# Written by `hub agent enrol`: the sections before the devices are written again when it runs."
    ]
    for name, section in sections.items():
        if section:
            lines += ["", f"[{name}]", *(f"{key} = {_value(value)}" for key, value in section.items())]
    begin = present.find("[[devices]]")
    devices = present[begin:] if begin >= 0 else ""
    return "\n".join([*lines, "", devices])


def _present(config: Path) -> str:
    try:
        text = config.read_text(encoding="utf-8") if config.exists() else ""
        found = tomllib.loads(text)
        for name, section in found.items():
            if name != "devices":
                [_value(value) for value in section.values()]
    except OSError as error:
        raise EnrolmentError(f"{config} cannot be read ({error.strerror})", "run this as its owner") from None
    except (ValueError, AttributeError, TypeError):
        fix = "mend it, move it away, or name another file with --config"
        raise EnrolmentError(f"{config} is there and is no agent's file", fix) from None
    if found.get("devices") and any(f"\n[{name}]" in text[text.find("[[devices]]") :] for name in _KEPT):
        fix = "move the sections [[devices]] to the end of the file"
        raise EnrolmentError(f"{config} has other sections behind its devices", fix)
    return text


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if not isinstance(value, str | bool | int | float):
        raise TypeError("a section of an agent's file holds plain values")
    return json.dumps(value, ensure_ascii=False)  # TOML writes these as JSON does
