"""Modbus TCP: a map of registers read in few requests, against a simulated device and an outside server."""

import struct
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType as SimulatedType
from pymodbus.simulator import SimData, SimDevice

from devices.kind import kind
from devices.protocols.failures import RefusedError
from devices.protocols.modbus.options import WORDS, Register, registers_of
from devices.protocols.modbus.plan import read_from, requests_for, value_of, words_for
from devices.wire.datatypes import DataType
from simulators.protocols.modbus import ModbusDevice
from simulators.protocols.served import LineFault
from tests.devices.protocols.lines import (
    REASONS,
    ROOM,
    driver_of,
    free_port,
    polled,
    reason,
    simulated,
    survives,
)
from tests.devices.protocols.replay import recorded, replay

AIR: list[dict[str, Any]] = [
    {"metric": "Power", "address": 0, "table": "coil"},
    {"metric": "Mode", "address": 10, "values": {"cool": 1, "dry": 2, "fan": 4}},
    {"metric": "Setpoint", "address": 11, "type": "int16", "scale": 0.5},
    {"metric": "Fan", "address": 13, "values": {"auto": 0, "low": 1, "medium": 2, "high": 3}},
    {"metric": "Room Temperature", "address": 0, "table": "input", "type": "int16", "scale": 0.1},
    {"metric": "Electric Power", "address": 1, "table": "input", "type": "float32"},
    {
        "metric": "Energy",
        "address": 3,
        "table": "input",
        "type": "uint32",
        "scale": 0.01,
        "word_order": "little",
    },
    {"metric": "Filter Hours", "address": 20, "table": "input"},
    {
        "metric": "Fault",
        "address": 21,
        "table": "input",
        "values": {"": 0, "compressor": 1, "refrigerant": 2, "drain": 3},
    },
]


def map_of(kind_id: str, registers: Sequence[dict[str, Any]], **more: Any) -> Any:
    return registers_of(kind_id).model_validate({"host": "127.0.0.1", "registers": registers, **more})


@pytest.mark.parametrize("path", recorded("modbus"))
async def test_recorded_conversations(path: Path) -> None:
    await replay(path)


async def test_an_air_conditioner_of_four_types_of_register() -> None:
    device = simulated("air_conditioner")
    async with ModbusDevice(device, map_of("air_conditioner", AIR, unit=17)) as server:
        assert isinstance(server, ModbusDevice)
        driver = driver_of("air_conditioner", port=server.port, unit=17, registers=AIR)
        await driver.connect()
        values = await driver.poll()
        assert server.requests == 3, "one a table: unused addresses between are read over"
        assert set(values) == {metric.name for metric in kind("air_conditioner").metrics}
        assert values == pytest.approx(device.read(), abs=0.06)
        wanted = {"Power": True, "Mode": "dry", "Setpoint": 22.5, "Fan": "high"}
        for metric, value in wanted.items():
            await driver.write(metric, value)
        device.step(ROOM, 1)
        assert {name: value for name, value in (await driver.poll()).items() if name in wanted} == wanted
        for metric, value in (("Setpoint", 1e9), ("Mode", "heat"), ("Energy", 0.0), ("Weather", 1)):
            with pytest.raises(RefusedError):
                await driver.write(metric, value)
        server.moods = {"read_only"}
        with pytest.raises(RefusedError, match="exception 0x04"):
            await driver.write("Power", False)
        assert await reason(driver.poll()) == "fine"
        assert server.sessions == 1, "one connection, kept open"
        await driver.close()


async def test_a_device_that_minds_is_asked_for_nothing_it_has_not() -> None:
    async with ModbusDevice(simulated("air_conditioner"), map_of("air_conditioner", AIR)) as server:
        assert isinstance(server, ModbusDevice)
        server.moods = {"strict"}
        driver = driver_of("air_conditioner", port=server.port, registers=AIR)
        assert await polled(driver) == "fine"
        before = server.requests
        await driver.poll()
        assert server.requests - before == 5, "learnt: no request fails any more"
        await driver.close()
        wrong = [*AIR[:1], {"metric": "Setpoint", "address": 999}]
        driver = driver_of("air_conditioner", port=server.port, registers=wrong)
        assert await polled(driver) == "protocol_error"
        await driver.close()


@pytest.mark.parametrize(
    ("mood", "said"), [("behind_gateway", "unplugged"), ("wrong_unit", "timeout|protocol_error")]
)
async def test_moods_have_reasons(mood: str, said: str) -> None:
    async with ModbusDevice(simulated("air_conditioner"), map_of("air_conditioner", AIR)) as server:
        assert isinstance(server, ModbusDevice)
        server.moods = {mood}
        driver = driver_of("air_conditioner", port=server.port, registers=AIR, answer_s=0.2)
        assert await polled(driver) in said.split("|")
        await driver.close()


async def test_nobody_there_and_one_that_hangs_up_between_polls() -> None:
    assert await polled(driver_of("air_conditioner", port=free_port(), registers=AIR)) == "refused"
    async with ModbusDevice(simulated("air_conditioner"), map_of("air_conditioner", AIR)) as server:
        driver = driver_of("air_conditioner", port=server.port, registers=AIR)
        assert await polled(driver) == "fine"
        await server.hang_up()
        assert await reason(driver.poll()) == "fine"
        assert server.sessions == 2
        await driver.close()


@pytest.mark.parametrize("fault", REASONS)
async def test_a_bad_line_has_a_reason_and_heals(fault: LineFault) -> None:
    async with ModbusDevice(simulated("air_conditioner"), map_of("air_conditioner", AIR)) as server:
        driver = driver_of("air_conditioner", port=server.port, registers=AIR, answer_s=0.15)
        # an answer that bears another request's number is nobody's: it is passed over, and none comes
        mistaken = {"timeout"} if fault is LineFault.CHECKSUM else REASONS[fault]
        await survives(driver, server, fault, mistaken)


async def test_a_slow_line_is_only_slow() -> None:
    async with ModbusDevice(simulated("air_conditioner"), map_of("air_conditioner", AIR)) as server:
        server.fault = LineFault.TRICKLE
        driver = driver_of("air_conditioner", port=server.port, registers=AIR)
        assert await polled(driver) == "fine"
        await driver.close()


@pytest.fixture
async def pymodbus_server() -> AsyncIterator[int]:
    """The library's own server with sixteen registers: a float in 0-1, 215 in 2, 65535 in 3."""
    high, low = struct.unpack(">HH", struct.pack(">f", 812.5))
    words = SimData(0, values=[high, low, 215, 65535, *([0] * 12)], datatype=SimulatedType.REGISTERS)
    port = free_port()
    server = ModbusTcpServer(SimDevice(1, [words]), address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    try:
        yield port
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]


async def test_pymodbus_own_server(pymodbus_server: int) -> None:
    registers = [
        {"metric": "Electric Power", "address": 0, "type": "float32"},
        {"metric": "Room Temperature", "address": 2, "scale": 0.1},
        {"metric": "Filter Hours", "address": 3, "null": 65535},
        {"metric": "Setpoint", "address": 5, "scale": 0.1},
        {"metric": "Energy", "address": 6, "type": "int32", "word_order": "little"},
    ]
    driver = driver_of("air_conditioner", port=pymodbus_server, registers=registers)
    await driver.connect()
    values = await driver.poll()
    assert (values["Electric Power"], values["Room Temperature"]) == (812.5, 21.5)
    assert values["Filter Hours"] is None
    await driver.write("Setpoint", 24.5)
    await driver.write("Energy", 70_000)
    values = await driver.poll()
    assert (values["Setpoint"], values["Energy"]) == (24.5, 70_000)
    await driver.close()


@pytest.mark.parametrize(
    ("registers", "says"),
    [
        ([], "at least 1"),
        ([{"metric": "Humidity", "address": 0}], "has no such metric; it has Power, Mode"),
        ([{"metric": "Mode", "address": 0}], r"say its words as values = \{"),
        ([{"metric": "Mode", "address": 0, "values": {"heat": 1}}], "heat.*not among its words cool"),
        ([{"metric": "Energy", "address": 0, "table": "coil"}], "is a number; a bit has none"),
        ([{"metric": "Energy", "address": 0, "scale": 0}], "same value"),
        ([{"metric": "Energy", "address": 1}, {"metric": "Energy", "address": 2}], "there twice: Energy"),
    ],
)
def test_a_map_that_cannot_be_is_refused(registers: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        map_of("air_conditioner", registers)


def one_register(table: str) -> st.SearchStrategy[Register]:
    return st.builds(
        Register,
        metric=st.just("Energy"),
        address=st.integers(0, 300),
        table=st.just(table),
        type=st.sampled_from(sorted(WORDS)),
    )


@given(
    st.lists(st.one_of(one_register("holding"), one_register("input"), one_register("coil")), min_size=1),
    st.integers(2, 125),
    st.integers(0, 20),
)
def test_every_register_is_read_whole_within_what_one_request_may(
    registers: list[Register], most: int, gap: int
) -> None:
    requests = requests_for(registers, most=most, gap=gap)
    blocks = {one: range(one.address, one.address + one.count) for one in requests}
    for register in registers:
        assert read_from(blocks, register)[0] == register.address
    assert all(one.count <= (2000 if one.table == "coil" else most) for one in requests)
    assert len(requests) <= len(requests_for(registers, most=most, gap=0)) <= len(registers)


@given(
    st.sampled_from(["int16", "uint16", "int32", "uint32"]),
    st.sampled_from(["big", "little"]),
    st.integers(-(2**31), 2**32 - 1),
    st.sampled_from([1.0, 0.1, 0.01, 10.0]),
)
def test_what_is_written_is_read(type_: Any, order: Any, raw: int, scale: float) -> None:
    register = Register(metric="Energy", address=0, type=type_, word_order=order, scale=scale)
    bits, signed = 16 * WORDS[type_], type_.startswith("int")
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    value = raw * scale
    if low <= raw <= high:
        words = words_for(register, value)
        assert len(words) == WORDS[type_]
        assert value_of(register, words, DataType.Double) == pytest.approx(value, abs=1e-6)
    else:
        with pytest.raises(ValueError, match="does not fit"):
            words_for(register, value)
