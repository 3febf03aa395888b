"""One identity for ever: chosen once, found again, never replaced because it cannot be read."""

import os
import stat
import sys
from pathlib import Path

import pytest

from sparewatt.errors import IntegrityError, UnavailableError
from sparewatt.keys.derive import MasterSecret
from sparewatt.keys.helper import Answer, Request
from sparewatt.keys.identity import LABEL, ContributorIdentity, erase_identity, open_identity
from sparewatt.keys.keyring import HelperKeyring, Keyring
from sparewatt.signing import public_key_hex

POSIX = pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")


class FakeKeyring:
    """A keyring in memory. `mood` is what it does when asked: answer, say no, hang, or not exist."""

    def __init__(self, mood: str = "open") -> None:
        self.mood = mood
        self.entries: dict[str, str] = {}

    def ask(self, request: Request) -> Answer | None:
        match self.mood:
            case "hangs":
                return None
            case "none":
                return Answer(outcome="none")
            case "locked":
                return Answer(outcome="locked")
            case "forgets" if request.operation == "set":
                return Answer(outcome="done")
        match request.operation:
            case "set":
                assert request.secret is not None
                self.entries[request.account] = request.secret
                return Answer(outcome="done")
            case "delete":
                return Answer(outcome="done" if self.entries.pop(request.account, None) else "missing")
            case "get":
                found = self.entries.get(request.account)
                return Answer(outcome="missing") if found is None else Answer(outcome="found", secret=found)


class Dice:
    """Random bytes that are the same in every test and different at every call."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, count: int) -> bytes:
        self.calls += 1
        return bytes([self.calls]) * count


def opened(folder: Path, keyring: Keyring, dice: Dice | None = None) -> ContributorIdentity:
    return open_identity(folder, keyring, dice or Dice())


def test_a_keyring_keeps_the_secret_and_no_file_does(tmp_path: Path) -> None:
    keyring = FakeKeyring()
    first = opened(tmp_path, keyring)
    assert first.place == "keyring"
    secret = first.secret.reveal().hex()
    assert list(keyring.entries.values()) == [secret]
    assert all(secret not in each.read_text() for each in tmp_path.iterdir())
    assert opened(tmp_path, keyring).secret.fingerprint() == first.secret.fingerprint()


@pytest.mark.parametrize("mood", ["none", "hangs", "locked", "forgets"])
def test_without_a_keyring_that_keeps_it_there_is_a_labelled_file(tmp_path: Path, mood: str) -> None:
    first = opened(tmp_path, FakeKeyring(mood))
    assert first.place == "file"
    assert (tmp_path / "identity.key").read_text() == f"{LABEL}\n{first.secret.reveal().hex()}\n"
    assert opened(tmp_path, FakeKeyring("open")).secret.fingerprint() == first.secret.fingerprint()


def test_a_file_can_be_asked_for(tmp_path: Path) -> None:
    keyring = FakeKeyring()
    assert open_identity(tmp_path, keyring, Dice(), place="file").place == "file"
    assert keyring.entries == {}


@pytest.mark.parametrize("mood", ["none", "hangs", "locked"])
def test_a_keyring_that_does_not_answer_later_is_waited_for(tmp_path: Path, mood: str) -> None:
    keyring = FakeKeyring()
    first = opened(tmp_path, keyring)
    before = sorted(tmp_path.iterdir())
    keyring.mood = mood
    with pytest.raises(UnavailableError, match=r"keys\.keyring_locked"):
        opened(tmp_path, keyring)
    assert sorted(tmp_path.iterdir()) == before, "no second identity was made"
    keyring.mood = "open"
    assert opened(tmp_path, keyring).secret.fingerprint() == first.secret.fingerprint()


def test_an_emptied_keyring_is_waited_for_and_another_secret_refused(tmp_path: Path) -> None:
    keyring = FakeKeyring()
    opened(tmp_path, keyring)
    (account,) = keyring.entries
    keyring.entries[account] = "ab" * 32
    with pytest.raises(IntegrityError, match=r"keys\.mismatch"):
        opened(tmp_path, keyring)
    keyring.entries[account] = "not hex"
    with pytest.raises(IntegrityError, match=r"keys\.damaged"):
        opened(tmp_path, keyring)
    keyring.entries.clear()
    with pytest.raises(UnavailableError, match=r"keys\.keyring_locked"):
        opened(tmp_path, keyring)


def test_a_key_file_that_a_crash_left_without_its_record_is_the_identity(tmp_path: Path) -> None:
    first = opened(tmp_path, FakeKeyring("none"))
    (tmp_path / "identity.json").unlink()
    again = opened(tmp_path, FakeKeyring("open"))
    assert again.place == "file"
    assert again.secret.fingerprint() == first.secret.fingerprint()


@POSIX
def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    opened(tmp_path, FakeKeyring("none"))
    path = tmp_path / "identity.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for mode in (0o640, 0o604, 0o660):
        path.chmod(mode)
        with pytest.raises(IntegrityError, match=r"keys\.permissions"):
            opened(tmp_path, FakeKeyring("none"))


@POSIX
def test_a_link_is_not_a_key_file(tmp_path: Path) -> None:
    opened(tmp_path, FakeKeyring("none"))
    path = tmp_path / "identity.key"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError, match=r"keys\.permissions"):
        opened(tmp_path, FakeKeyring("none"))


@pytest.mark.parametrize("content", [b"", b"x\n", b"\xff\xfe", LABEL.encode() + b"\nabcd\n"])
def test_a_damaged_file_is_never_replaced(tmp_path: Path, content: bytes) -> None:
    opened(tmp_path, FakeKeyring("none"))
    (tmp_path / "identity.key").write_bytes(content)
    with pytest.raises(IntegrityError, match=r"keys\.damaged"):
        opened(tmp_path, FakeKeyring("none"))
    (tmp_path / "identity.key").unlink()
    with pytest.raises(IntegrityError, match=r"keys\.damaged"):
        opened(tmp_path, FakeKeyring("none"))
    (tmp_path / "identity.json").write_bytes(b"{")
    with pytest.raises(IntegrityError, match=r"keys\.damaged"):
        opened(tmp_path, FakeKeyring("none"))


def test_only_a_person_ends_an_identity(tmp_path: Path) -> None:
    keyring = FakeKeyring()
    dice = Dice()
    first = opened(tmp_path, keyring, dice)
    keyring.mood = "locked"
    with pytest.raises(UnavailableError):
        erase_identity(tmp_path, keyring)
    keyring.mood = "open"
    erase_identity(tmp_path, keyring)
    assert keyring.entries == {}
    assert opened(tmp_path, keyring, dice).secret.fingerprint() != first.secret.fingerprint()


def test_keys_and_names_are_stable_within_a_run_and_unrelated_between_runs() -> None:
    secret = MasterSecret(b"\x01" * 32)
    run, other = "ab" * 32, "cd" * 32
    assert public_key_hex(secret.run_key(run)) == public_key_hex(MasterSecret(b"\x01" * 32).run_key(run))
    assert public_key_hex(secret.run_key(run)) != public_key_hex(secret.run_key(other))
    names = {
        secret.device_name(run, "cpu"),
        secret.device_name(run, "cuda:GPU-1"),
        secret.device_name(other, "cpu"),
        MasterSecret(b"\x02" * 32).device_name(run, "cpu"),
    }
    assert len(names) == 4
    assert all(len(each) == 32 and int(each, 16) >= 0 for each in names)


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = MasterSecret(b"\x01" * 32)
    assert "01" not in repr(secret)
    assert "01" not in repr(ContributorIdentity(secret=secret, place="file"))
    with pytest.raises(ValueError, match="32 bytes"):
        MasterSecret(b"short")


REQUEST = Request(operation="get", service="sparewatt-tests", account="nobody")


@pytest.mark.processes
def test_the_real_helper_answers() -> None:
    answer = HelperKeyring().ask(REQUEST)
    assert answer is None or answer.outcome in ("none", "missing", "locked")


@pytest.mark.processes
def test_a_helper_that_hangs_is_ended_and_one_that_fails_is_no_answer() -> None:
    hang = (sys.executable, "-c", "import time; time.sleep(60)")
    assert HelperKeyring(hang, limit_seconds=0.2).ask(REQUEST) is None
    assert HelperKeyring((sys.executable, "-c", "raise SystemExit(1)")).ask(REQUEST) is None
    assert HelperKeyring((sys.executable, "-c", "print('nonsense')")).ask(REQUEST) is None
    assert HelperKeyring(("/nonexistent/helper",)).ask(REQUEST) is None
