"""The coordinator's own certificate, for runs without a name that an authority would certify.

tls.key    private key, PEM, 0600; it lives as long as the run, because every invite holds the hash of its public half
tls.crt    a certificate over it, which says nothing that anybody relies on
"""

import datetime as dt
import hashlib
import os
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from sparewatt.durable import replace_file, storage_errors
from sparewatt.errors import InputError, StorageError
from sparewatt_coordinator.server.folder import KEY_MODE, DataFolder

# Nobody checks the dates of a pinned key; these only have to satisfy programs that read certificates.
VALID_FROM: Final = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
VALID_UNTIL: Final = dt.datetime(2120, 1, 1, tzinfo=dt.UTC)
NAME: Final = "sparewatt coordinator"


def own_certificate(folder: DataFolder) -> str:
    """Make what is missing of `folder.tls_key` and `folder.tls_certificate`. Blocking.

    Returns:
        SHA-256 of the public key (DER, SubjectPublicKeyInfo) as 64 hex digits: what engines check instead of an
        authority's word.

    Raises:
        StorageError: ``key.malformed``, or as the folder.
        InputError: ``key.mode`` when others can read the key.
    """
    key = _read_key(folder.tls_key) if folder.tls_key.exists() else _make_key(folder.tls_key)
    if not folder.tls_certificate.exists():
        with storage_errors(folder.root):
            replace_file(folder.tls_certificate, _certificate(key).public_bytes(Encoding.PEM))
    return hashlib.sha256(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def names_in(certificate: Path) -> tuple[str, ...]:
    """The host names of a certificate file, without patterns such as ``*.example.org``.

    Raises:
        InputError: ``serve.certificate``.
    """
    try:
        found = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    except (OSError, ValueError) as error:
        raise InputError("serve.certificate", path=str(certificate)) from error
    return tuple(name for name in names.get_values_for_type(x509.DNSName) if "*" not in name)


def _make_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    with storage_errors(path.parent):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, KEY_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            file.flush()
            os.fsync(file.fileno())
    return key


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise InputError("key.mode", path=str(path))
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise StorageError("key.malformed", path=str(path)) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise StorageError("key.malformed", path=str(path))
    return key


def _certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(VALID_FROM)
        .not_valid_after(VALID_UNTIL)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
