"""How commands and requests are called on the wire; see docs/commands.md."""

from __future__ import annotations

COMMAND_ID, COMMAND_EXPIRES = "Command/Id", "Command/Expires"
"""Beside the written metric of a DCMD: which command it is, and until when it counts by its clock."""
COMMAND_RESULT = "Command/Result"
"""What a device's agent says of its commands: JSON `{"id", "state", "detail", "at_ms"}`."""
AGENT_REQUEST, AGENT_RESULT = "Agent/Request", "Agent/Result"
"""What an agent is asked for in an NCMD, and its answer: JSON with `id` and `kind`, `id` and `state`."""
