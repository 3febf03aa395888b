"""The filter of system calls, run by a small machine of the test's own: what the kernel would answer."""

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.process.isolation.filter import ALLOW, KILL, REFUSE, UNKNOWN, filter_program
from sparewatt.process.isolation.layers import Room
from sparewatt.process.isolation.syscalls import (
    AARCH64,
    ATTRIBUTES,
    MACHINES,
    NEWEST_KNOWN,
    PRIVILEGES,
    PROGRAMS,
    SOCKETS,
    SPEAKING,
    STARTING,
    X86_64,
    Machine,
)

PID = 4321
CLONE_THREAD = 0x10000
CLONE_NEWUSER = 0x10000000
both = pytest.mark.parametrize("machine", MACHINES.values(), ids=lambda machine: machine.name)


def answer(machine: Machine, number: int, *arguments: int, room: Room | None = None, audit: int | None = None) -> int:
    """What the program returns for one call."""
    program = filter_program(machine, room or Room(), PID)
    code = list(struct.iter_unpack("<HBBI", program))
    padded = (*arguments, *(0,) * (6 - len(arguments)))
    data = struct.pack("<IIQ6Q", number, machine.audit if audit is None else audit, 0, *padded)
    at = accumulator = 0
    while True:
        operation, yes, no, value = code[at]
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, value)
            case 0x06:
                return int(value)
            case 0x15 | 0x25 | 0x45:
                holds = {0x15: accumulator == value, 0x25: accumulator > value, 0x45: bool(accumulator & value)}
                at += yes if holds[operation] else no
            case other:
                raise AssertionError(f"no such instruction: {other:#x}")


@both
def test_no_socket_no_program_no_privilege(machine: Machine) -> None:
    for table in (SOCKETS, SPEAKING, PROGRAMS, PRIVILEGES, ATTRIBUTES):
        for number in machine.numbers(table):
            assert answer(machine, number) == REFUSE
    assert REFUSE & 0xFFFF == errno.EACCES


@both
def test_threads_can_be_started_and_processes_cannot(machine: Machine) -> None:
    assert answer(machine, machine.clone, CLONE_THREAD | 0x3D0F00) == ALLOW
    assert answer(machine, machine.clone, 0x11) == REFUSE
    assert answer(machine, machine.clone3, 0) == UNKNOWN, "libraries then use clone, whose flags can be seen"


@both
def test_signals_reach_only_the_process_itself(machine: Machine) -> None:
    for number in (machine.kill, machine.tgkill, machine.rt_sigqueueinfo, machine.rt_tgsigqueueinfo):
        assert answer(machine, number, PID) == ALLOW
        assert answer(machine, number, PID + 1) == REFUSE
        assert answer(machine, number, 0) == REFUSE
    assert answer(machine, machine.prlimit64, 0) == ALLOW
    assert answer(machine, machine.prlimit64, PID) == ALLOW
    assert answer(machine, machine.prlimit64, 1) == REFUSE


@both
def test_drivers_are_spoken_to_and_terminals_are_not_typed_into(machine: Machine) -> None:
    assert answer(machine, machine.ioctl, 3, 0xC020462A) == ALLOW
    assert answer(machine, machine.ioctl, 0, 0x5412) == REFUSE
    assert answer(machine, machine.ioctl, 0, 0x541C) == REFUSE


@both
def test_a_cards_driver_may_have_local_sockets_that_reach_nobody(machine: Machine) -> None:
    room = Room(accelerator=True)
    assert answer(machine, machine.socket, 1, room=room) == ALLOW
    for family in (0, 2, 10, 16, 17):
        assert answer(machine, machine.socket, family, room=room) == REFUSE
    for number in machine.numbers(SPEAKING):
        assert answer(machine, number, room=room) == REFUSE


@both
def test_calls_of_another_machine_end_the_process(machine: Machine) -> None:
    other = AARCH64 if machine is X86_64 else X86_64
    assert answer(machine, 0, audit=other.audit) == KILL
    assert answer(machine, 0, audit=0x40000003) == KILL


@both
@given(number=st.integers(NEWEST_KNOWN + 1, 2**32 - 1))
def test_calls_that_nobody_knew_are_not_there(machine: Machine, number: int) -> None:
    assert answer(machine, number) == UNKNOWN


@both
def test_reading_writing_and_memory_are_left_alone(machine: Machine) -> None:
    usual = {X86_64.name: (0, 1, 3, 9, 10, 11, 202, 257, 231), AARCH64.name: (63, 64, 57, 222, 226, 215, 98, 56, 94)}
    assert [answer(machine, number) for number in usual[machine.name]] == [ALLOW] * 9


def test_a_merging_process_may_touch_its_files() -> None:
    assert answer(X86_64, 280, room=Room(keeper=True)) == ALLOW


@both
def test_what_may_start_a_compiler_gains_nothing_else_by_it(machine: Machine) -> None:
    room = Room(compiler=True)
    for number in machine.numbers({name: PROGRAMS[name] for name in STARTING}):
        assert answer(machine, number, room=room) == ALLOW
    assert answer(machine, machine.clone, 0x11, room=room) == ALLOW
    assert answer(machine, machine.clone, CLONE_THREAD | 0x3D0F00, room=room) == ALLOW
    assert answer(machine, machine.clone, 0x11 | CLONE_NEWUSER, room=room) == REFUSE
    assert answer(machine, machine.clone3, 0, room=room) == UNKNOWN
    touching = {name: numbers for name, numbers in PROGRAMS.items() if name not in STARTING}
    for table in (touching, SOCKETS, SPEAKING, PRIVILEGES, ATTRIBUTES):
        for number in machine.numbers(table):
            assert answer(machine, number, room=room) == REFUSE
