import pytest

from sparewatt.control import pipe
from sparewatt.errors import ConflictError, RefusedError, StorageError, UnavailableError

USER = "S-1-5-21-1-2-3-1001"
NAME = r"\\.\pipe\sparewatt-x"


def test_the_pipe_is_its_users_and_the_systems_alone() -> None:
    # Owner, then a protected list (nothing is inherited) of exactly two that may do everything.
    assert pipe.security_descriptor(USER) == f"O:{USER}D:P(A;;GA;;;{USER})(A;;GA;;;SY)"


def test_only_the_first_instance_asks_for_a_name_that_nobody_has() -> None:
    assert pipe.open_mode(first=True) == 0x4008_0003
    assert pipe.open_mode(first=False) == 0x4000_0003


def test_bytes_are_a_stream_and_other_computers_are_refused() -> None:
    # PIPE_TYPE_MESSAGE is 4 and PIPE_READMODE_MESSAGE 2; both would cut frames into messages.
    assert pipe.PIPE_MODE == 0x8


def test_a_server_learns_who_its_client_is_and_can_do_nothing_in_its_name() -> None:
    # Without SECURITY_SQOS_PRESENT the level is impersonation (0x20000).
    assert pipe.CLIENT_FLAGS == 0x4011_0000


@pytest.mark.parametrize("server", [USER, "S-1-5-18"])
def test_an_own_server_and_one_of_the_system_are_believed(server: str) -> None:
    pipe.check_server_user(server, USER)


@pytest.mark.parametrize("server", ["S-1-5-21-1-2-3-1002", "S-1-5-19", ""])
def test_any_other_server_is_refused(server: str) -> None:
    with pytest.raises(RefusedError) as caught:
        pipe.check_server_user(server, USER)
    assert (caught.value.error_id, caught.value.parameters) == ("control.peer", {"user": server})


@pytest.mark.parametrize(
    ("code", "kind", "error_id"),
    [
        (pipe.ERROR_ACCESS_DENIED, ConflictError, "control.pipe"),
        (pipe.ERROR_PIPE_BUSY, ConflictError, "control.pipe"),
        (1450, StorageError, "control.socket"),
    ],
)
def test_why_a_name_cannot_be_had(code: int, kind: type[Exception], error_id: str) -> None:
    found = pipe.listen_failure(code, NAME, "reason")
    assert (type(found), found.error_id) == (kind, error_id)


@pytest.mark.parametrize(
    ("code", "kind", "error_id"),
    [
        (pipe.ERROR_FILE_NOT_FOUND, UnavailableError, "engine.not_running"),
        (pipe.ERROR_ACCESS_DENIED, ConflictError, "control.pipe"),
    ],
)
def test_why_a_pipe_cannot_be_opened(code: int, kind: type[Exception], error_id: str) -> None:
    found = pipe.connect_failure(code, NAME)
    assert (type(found), found.error_id) == (kind, error_id)
