"""The only process that talks to the OS keyring, because one may hang for ever: ``python -m sparewatt.keys.helper``.

One JSON request on standard input, one JSON answer on standard output, and the end. The secret passes through these
pipes only, never through arguments, environment or logs.
"""

import sys
from typing import Annotated, Literal

import msgspec


class Request(msgspec.Struct, frozen=True):
    """`secret` in hex, for ``set`` only."""

    operation: Literal["get", "set", "delete"]
    service: Annotated[str, msgspec.Meta(max_length=200)]
    account: Annotated[str, msgspec.Meta(max_length=200)]
    secret: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class Answer(msgspec.Struct, frozen=True):
    """``none``: this system has no keyring that encrypts; ``missing``: it has no such entry; ``locked``: it said no."""

    outcome: Literal["done", "found", "missing", "none", "locked"]
    secret: str | None = None


# Backends that encrypt under the person's login; plain-text and empty ones of the same library do not count.
ENCRYPTING_BACKENDS = frozenset(
    {
        "keyring.backends.SecretService",
        "keyring.backends.libsecret",
        "keyring.backends.kwallet",
        "keyring.backends.macOS",
        "keyring.backends.Windows",
    }
)


def perform(request: Request) -> Answer:
    """Does what was asked with the system's keyring."""
    import keyring
    from keyring.backend import KeyringBackend
    from keyring.backends import chainer
    from keyring.errors import KeyringError, PasswordDeleteError

    found: KeyringBackend = keyring.get_keyring()
    choices = found.backends if isinstance(found, chainer.ChainerBackend) else [found]
    backend = next((each for each in choices if type(each).__module__ in ENCRYPTING_BACKENDS), None)
    if backend is None:
        return Answer(outcome="none")
    try:
        if request.operation == "get":
            secret = backend.get_password(request.service, request.account)
            return Answer(outcome="missing") if secret is None else Answer(outcome="found", secret=secret)
        if request.operation == "set":
            backend.set_password(request.service, request.account, request.secret or "")
        else:
            backend.delete_password(request.service, request.account)
    except PasswordDeleteError:
        return Answer(outcome="missing")
    except KeyringError:
        return Answer(outcome="locked")
    return Answer(outcome="done")


def main() -> int:
    request = msgspec.json.decode(sys.stdin.buffer.read(4096), type=Request)
    sys.stdout.buffer.write(msgspec.json.encode(perform(request)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
