"""Canonical bytes and Ed25519 signatures.

A signed statement travels as the exact text that was signed, so that nobody has to rebuild it to check it. The text
is RFC 8785 canonical JSON restricted to objects, arrays, strings and integers below 2**53: floats, booleans and null
are refused, because implementations disagree about them. Every kind of statement has a tag that is signed with it,
so that a signature over one kind can never be shown as another.
"""

import hashlib
import json
from typing import Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sparewatt.errors import IntegrityError
from sparewatt.plain_json import Unreadable, decoded

DOMAIN: Final = "sparewatt.v1"
INTEGER_LIMIT: Final = 2**53 - 1

T = TypeVar("T")


class Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A statement as it was signed.

    Attributes:
        kind: what is stated, for example ``"manifest"``; part of what is signed.
        body: canonical JSON text.
        key: public key of the signer, 64 hex digits.
        signature: Ed25519 over ``DOMAIN NUL kind NUL body``, 128 hex digits.
    """

    kind: str
    body: str
    key: str
    signature: str


def canonical(value: object) -> bytes:
    """RFC 8785 bytes of a struct, mapping, sequence, string or integer; fields that are None are left out.

    Raises:
        TypeError: a float, boolean or other type that has no single canonical form.
        ValueError: an integer of 2**53 or more in size.
    """
    plain = _plain(msgspec.to_builtins(value))
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def digest(value: object) -> str:
    """SHA-256 of `canonical`, as 64 hex digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def sign(kind: str, value: object, key: Ed25519PrivateKey) -> Signed:
    """State `value` under `kind` with `key`."""
    body = canonical(value)
    return Signed(
        kind=kind,
        body=body.decode(),
        key=public_key_hex(key),
        signature=key.sign(_message(kind, body)).hex(),
    )


def verify(signed: Signed, kind: str, key: str, into: type[T]) -> T:
    """The stated value, after its kind, signer and signature were checked and its fields were parsed strictly.

    Raises:
        IntegrityError: ``signature.kind``, ``signature.key``, ``signature.invalid`` or ``signature.body``.
    """
    if signed.kind != kind:
        raise IntegrityError("signature.kind", expected=kind, found=signed.kind[:64])
    if signed.key != key:
        raise IntegrityError("signature.key", kind=kind)
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        public.verify(bytes.fromhex(signed.signature), _message(kind, signed.body.encode()))
    except (InvalidSignature, ValueError) as error:
        raise IntegrityError("signature.invalid", kind=kind) from error
    try:
        return decoded(signed.body, into)
    except Unreadable as error:
        raise IntegrityError("signature.body", kind=kind, detail=error.detail) from error


def public_key_hex(key: Ed25519PrivateKey) -> str:
    """The public half of `key` as 64 hex digits."""
    return key.public_key().public_bytes_raw().hex()


def _message(kind: str, body: bytes) -> bytes:
    return b"\0".join((DOMAIN.encode(), kind.encode(), body))


def _plain(value: object) -> object:
    """`value` with sorted names and without absent fields; refuses what has no canonical form."""
    match value:
        case bool() | float():
            raise TypeError(f"{value!r} has no canonical form: only strings and integers are signed")
        case str():
            return value
        case int():
            if abs(value) > INTEGER_LIMIT:
                raise ValueError(f"{value} does not fit into 53 bits")
            return value
        case list() | tuple():
            return [_plain(item) for item in value]
        case dict():
            # RFC 8785 sorts names by UTF-16 code units; ours are ASCII, where that is the order of str.
            return {name: _plain(value[name]) for name in sorted(value) if value[name] is not None}
        case _:
            raise TypeError(f"{type(value).__name__} has no canonical form")
