"""The one error tree.

An error is an id with parameters; its words live in `sparewatt.wording`, in every language. The class says what
kind of trouble it is and therefore how a program ends: each class has its own exit code (see `docs/exit-codes.md`).
Bugs are not in this tree: they crash and a supervisor restarts the process.

    SparewattError
    ├── InputError         what a person or a file said cannot be used; they can correct it
    ├── UnavailableError   something needed is not there now (coordinator, torch, device, keyring, engine)
    ├── ConflictError      somebody else holds it (a running engine, a port, a device, a newer revision)
    ├── StorageError       a disk is full, unwritable or damaged
    ├── ProtocolError      the other side of a connection or pipe broke the protocol
    ├── IntegrityError     a hash, signature or bound does not hold
    └── RefusedError       the other side understood and said no
"""

from typing import ClassVar


class SparewattError(Exception):
    """An expected failure.

    Args:
        error_id: dotted, stable name such as ``"invite.malformed"``; the key of its words.
        parameters: values that the words need. Never a secret.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, error_id: str, /, **parameters: str | int) -> None:
        super().__init__(error_id)
        self.error_id = error_id
        self.parameters: dict[str, str | int] = parameters

    def __str__(self) -> str:
        if not self.parameters:
            return self.error_id
        listed = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
        return f"{self.error_id} ({listed})"


class InputError(SparewattError):
    exit_code = 2


class UnavailableError(SparewattError):
    exit_code = 3


class ConflictError(SparewattError):
    exit_code = 4


class StorageError(SparewattError):
    exit_code = 5


class ProtocolError(SparewattError):
    exit_code = 6


class IntegrityError(SparewattError):
    exit_code = 7


class RefusedError(SparewattError):
    exit_code = 8


def told_error(kind: str, error_id: str, parameters: dict[str, str | int]) -> SparewattError:
    """An error as another process of ours told it, in its own class; in `ProtocolError` when the class is unknown."""
    kinds = {each.__name__: each for each in SparewattError.__subclasses__()}
    return kinds.get(kind, ProtocolError)(error_id, **parameters)
