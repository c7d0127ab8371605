"""The section `[discovery]` of an agent's file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, field_validator

from devices.protocols.options import PORT_FIX
from devices.sections import Section
from edge_agents.connection import MqttSettings
from edge_agents.discovery.rules import check_networks


class DiscoverySection(Section):
    """What is searched for devices that nobody configured yet."""

    every_h: float = Field(24, ge=0, le=24 * 30, description="hours between 0 (never by itself) and 720")
    methods: list[Literal["mdns", "ssdp", "snmp", "pjlink", "mqtt"]] = Field(
        ["mdns", "ssdp", "snmp", "pjlink", "mqtt"], description="some of mdns, ssdp, snmp, pjlink, mqtt"
    )
    networks: list[str] = Field(
        default_factory=list,
        description='private networks such as ["10.12.3.0/24"], at most 1024 addresses; [] for its own',
    )
    community: SecretStr = Field(SecretStr("public"), description="text: as whom SNMP is asked")
    brokers: list[str] = Field(
        ["mqtt://127.0.0.1:1883"], description="mqtt://host:port of the room's brokers, or [] for none"
    )
    mdns_port: int = Field(5353, ge=1, le=65535, description=PORT_FIX)
    ssdp_port: int = Field(1900, ge=1, le=65535, description=PORT_FIX)
    snmp_port: int = Field(161, ge=1, le=65535, description=PORT_FIX)
    pjlink_port: int = Field(4352, ge=1, le=65535, description=PORT_FIX)

    @field_validator("networks")
    @classmethod
    def _may_be_searched(cls, networks: list[str]) -> list[str]:
        return check_networks(networks)

    @field_validator("brokers")
    @classmethod
    def _are_brokers(cls, urls: list[str]) -> list[str]:
        for url in urls:
            MqttSettings.from_url(url)
        return urls
