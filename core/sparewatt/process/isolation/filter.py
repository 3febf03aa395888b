"""The filter of system calls as a program for the kernel's classic BPF; pure.

The kernel runs it before each call with the call's number, the machine and its six arguments. Pointers cannot be
followed, so only numbers are judged.
"""

import errno
import struct
from typing import Final

from sparewatt.process.isolation.layers import Room
from sparewatt.process.isolation.syscalls import (
    ATTRIBUTES,
    NEWEST_KNOWN,
    PRIVILEGES,
    PROGRAMS,
    SOCKETS,
    SPEAKING,
    STARTING,
    Machine,
)

# Offsets into `struct seccomp_data`, little-endian: number, machine, instruction pointer, arguments of 8 bytes.
_NUMBER: Final = 0
_MACHINE: Final = 4
_ARGUMENTS: Final = 16

_LOAD: Final = 0x20
_JUMP_EQUAL: Final = 0x15
_JUMP_GREATER: Final = 0x25
_JUMP_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06

ALLOW: Final = 0x7FFF0000
KILL: Final = 0x80000000
_FAIL: Final = 0x00050000
REFUSE: Final = _FAIL | errno.EACCES
UNKNOWN: Final = _FAIL | errno.ENOSYS

_CLONE_THREAD: Final = 0x00010000
# All of CLONE_NEW…: in namespaces of its own a process has rights that it was never given.
_CLONE_NAMESPACES: Final = 0x7E020000
_AF_UNIX: Final = 1
# Both put characters into a terminal as if they had been typed.
_TIOCSTI: Final = 0x5412
_TIOCLINUX: Final = 0x541C

Instruction = tuple[int, int, int, int]


def filter_program(machine: Machine, room: Room, pid: int) -> bytes:
    """The program for a process `pid` of `room` on `machine`; allows what no rule refuses."""
    code: list[Instruction] = [
        (_LOAD, 0, 0, _MACHINE),
        (_JUMP_EQUAL, 1, 0, machine.audit),
        # Another machine's calls (32 bits, say) have other numbers.
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_GREATER, 0, 1, NEWEST_KNOWN),
        (_RETURN, 0, 0, UNKNOWN),
        # Its flags lie in memory, where a filter cannot look; without it libraries fall back to `clone`.
        *_answer(machine.clone3, UNKNOWN),
        *(_unless_bit(machine.clone, _CLONE_NAMESPACES) if room.compiler else _if_bit(machine.clone, _CLONE_THREAD)),
    ]
    for number in (machine.kill, machine.tgkill, machine.rt_sigqueueinfo, machine.rt_tgsigqueueinfo):
        code += _if_argument(number, 0, (pid,))
    code += _if_argument(machine.prlimit64, 0, (0, pid))
    code += _unless_argument(machine.ioctl, 1, (_TIOCSTI, _TIOCLINUX))
    programs = {name: numbers for name, numbers in PROGRAMS.items() if not (room.compiler and name in STARTING)}
    refused = [*machine.numbers(SPEAKING), *machine.numbers(programs), *machine.numbers(PRIVILEGES)]
    if room.accelerator:
        code += _if_argument(machine.socket, 0, (_AF_UNIX,))
    else:
        refused += machine.numbers(SOCKETS)
    if not room.keeper:
        refused += machine.numbers(ATTRIBUTES)
    for number in refused:
        code += _answer(number, REFUSE)
    code.append((_RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in code)


def _answer(number: int, answer: int) -> list[Instruction]:
    return [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, answer)]


def _if_bit(number: int, bit: int) -> list[Instruction]:
    """Allow call `number` only with `bit` in its first argument."""
    return [
        (_JUMP_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _ARGUMENTS),
        (_JUMP_ANY_BIT, 1, 0, bit),
        (_RETURN, 0, 0, REFUSE),
        (_RETURN, 0, 0, ALLOW),
    ]


def _unless_bit(number: int, bits: int) -> list[Instruction]:
    """Allow call `number` only without any of `bits` in its first argument."""
    return [
        (_JUMP_EQUAL, 0, 4, number),
        (_LOAD, 0, 0, _ARGUMENTS),
        (_JUMP_ANY_BIT, 0, 1, bits),
        (_RETURN, 0, 0, REFUSE),
        (_RETURN, 0, 0, ALLOW),
    ]


def _if_argument(number: int, argument: int, allowed: tuple[int, ...]) -> list[Instruction]:
    """Allow call `number` only with one of these values, of 32 bits, in an argument."""
    tests = [(_JUMP_EQUAL, len(allowed) - index, 0, value) for index, value in enumerate(allowed)]
    return _argument_rule(number, argument, [*tests, (_RETURN, 0, 0, REFUSE), (_RETURN, 0, 0, ALLOW)])


def _unless_argument(number: int, argument: int, refused: tuple[int, ...]) -> list[Instruction]:
    """Allow call `number` unless an argument has one of these values, of 32 bits."""
    tests = [(_JUMP_EQUAL, len(refused) - index, 0, value) for index, value in enumerate(refused)]
    return _argument_rule(number, argument, [*tests, (_RETURN, 0, 0, ALLOW), (_RETURN, 0, 0, REFUSE)])


def _argument_rule(number: int, argument: int, judge: list[Instruction]) -> list[Instruction]:
    return [(_JUMP_EQUAL, 0, 1 + len(judge), number), (_LOAD, 0, 0, _ARGUMENTS + 8 * argument), *judge]
