"""What protects connections, and which address stands in an invite."""

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from sparewatt.errors import InputError, StorageError
from sparewatt_coordinator.server.certificate import names_in, own_certificate
from sparewatt_coordinator.server.encryption import (
    Encryption,
    Wanted,
    check_wanted,
    encryption,
    invited_url,
    split_address,
)
from sparewatt_coordinator.server.folder import DataFolder
from sparewatt_coordinator.testing.certificates import certified

WIDE = ("127.0.0.1", "0.0.0.0")
PAIR = Wanted(certificate=Path("a"), certificate_key=Path("b"))


class TestWhatIsAskedFor:
    def test_loopback_needs_nothing(self) -> None:
        assert check_wanted(Wanted(), ("127.0.0.1", "::1", "localhost"), "") == "none"

    @pytest.mark.parametrize(
        ("wanted", "protection"), [(Wanted(own=True), "own"), (PAIR, "given"), (Wanted(proxy=True), "proxy")]
    )
    def test_beyond_it_one_of_three_protects(self, wanted: Wanted, protection: str) -> None:
        assert check_wanted(wanted, WIDE, "run.example.org") == protection

    @pytest.mark.parametrize(
        ("wanted", "reason"),
        [
            (Wanted(), "serve.not_loopback"),
            (Wanted(certificate=Path("a")), "serve.certificate_key"),
            (Wanted(certificate_key=Path("a")), "serve.certificate_key"),
            (Wanted(own=True, proxy=True), "serve.one_protection"),
            (Wanted(Path("a"), Path("b"), own=True), "serve.one_protection"),
            (Wanted(proxy=True), "serve.proxy_address"),
        ],
    )
    def test_everything_else_is_refused_in_words(self, wanted: Wanted, reason: str) -> None:
        with pytest.raises(InputError) as caught:
            check_wanted(wanted, WIDE, "")
        assert caught.value.error_id == reason


class TestTheCertificateMadeHere:
    def test_its_key_stays_and_only_its_owner_reads_it(self, tmp_path: Path) -> None:
        folder = DataFolder(tmp_path)
        pin = own_certificate(folder)
        assert folder.tls_key.stat().st_mode & 0o777 == 0o600
        folder.tls_certificate.unlink()
        assert own_certificate(folder) == pin, "invites that were given out still lead here"
        made = x509.load_pem_x509_certificate(folder.tls_certificate.read_bytes())
        assert made.not_valid_after_utc.year == 2120

    def test_a_key_that_others_can_read_or_that_is_none_is_refused(self, tmp_path: Path) -> None:
        folder = DataFolder(tmp_path)
        own_certificate(folder)
        folder.tls_key.chmod(0o640)
        with pytest.raises(InputError, match=r"key\.mode"):
            own_certificate(folder)
        folder.tls_key.write_text("no key")
        folder.tls_key.chmod(0o600)
        with pytest.raises(StorageError, match=r"key\.malformed"):
            own_certificate(folder)

    def test_nothing_older_than_tls_1_2_is_spoken(self, tmp_path: Path) -> None:
        made = encryption(Wanted(own=True), "own", DataFolder(tmp_path))
        assert made.context is not None
        assert made.context.minimum_version == ssl.TLSVersion.TLSv1_2


class TestTheCertificateGiven:
    def test_its_names_are_read(self, tmp_path: Path) -> None:
        _, certificate, key = certified(tmp_path, ("run.example.org", "*.example.org"))
        made = encryption(Wanted(certificate, key), "given", DataFolder(tmp_path))
        assert (made.names, made.pin) == (("run.example.org",), None)

    @pytest.mark.parametrize("missing", ["certificate", "key", "both are certificates"])
    def test_files_that_do_not_fit_are_refused(self, tmp_path: Path, missing: str) -> None:
        _, certificate, key = certified(tmp_path, ("run.example.org",))
        wanted = {
            "certificate": Wanted(tmp_path / "none", key),
            "key": Wanted(certificate, tmp_path / "none"),
            "both are certificates": Wanted(certificate, certificate),
        }[missing]
        with pytest.raises(InputError, match=r"serve\.certificate"):
            encryption(wanted, "given", DataFolder(tmp_path))

    def test_a_certificate_without_names_has_none(self, tmp_path: Path) -> None:
        folder = DataFolder(tmp_path)
        own_certificate(folder)
        assert names_in(folder.tls_certificate) == ()


@pytest.mark.parametrize(
    ("of", "address", "bound", "url"),
    [
        (Encryption("none"), "", ("127.0.0.1", 7520), "ws://127.0.0.1:7520"),
        (Encryption("own"), "", ("192.168.1.5", 7520), "wss://192.168.1.5:7520"),
        (Encryption("own"), "", ("::1", 7520), "wss://[::1]:7520"),
        (Encryption("own"), "run.example.org", ("0.0.0.0", 7520), "wss://run.example.org:7520"),
        (Encryption("own"), "run.example.org:80", ("0.0.0.0", 7520), "wss://run.example.org:80"),
        (Encryption("own"), "fd00::1", ("::", 7520), "wss://[fd00::1]:7520"),
        (Encryption("own"), "[fd00::1]:80", ("::", 7520), "wss://[fd00::1]:80"),
        (Encryption("given", names=("run.example.org",)), "", ("0.0.0.0", 7520), "wss://run.example.org:7520"),
        (Encryption("proxy"), "run.example.org", ("127.0.0.1", 7520), "wss://run.example.org:443"),
    ],
)
def test_an_invite_names_what_contributors_can_reach(
    of: Encryption, address: str, bound: tuple[str, int], url: str
) -> None:
    assert invited_url(of, address, bound) == url


def test_an_address_without_a_port_needs_a_default() -> None:
    assert split_address("run.example.org", 443) == ("run.example.org", 443)
    with pytest.raises(InputError):
        split_address("run.example.org", None)
