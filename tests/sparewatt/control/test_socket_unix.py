import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sparewatt.control.address import SocketAddress
from sparewatt.control.socket_unix import check_peer, listen, peer_user
from sparewatt.errors import ConflictError


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sw") as made:
        yield Path(made)


def test_folder_and_socket_are_the_users_alone(folder: Path) -> None:
    address = SocketAddress(folder / "own", "s")
    with closing(listen(address)):
        assert address.folder.stat().st_mode & 0o777 == 0o700
        assert address.path.stat().st_mode & 0o777 == 0o600


def test_a_left_over_socket_is_replaced(folder: Path) -> None:
    address = SocketAddress(folder / "own", "s")
    address.folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(address.path))
    listen(address).close()


def test_a_closed_listener_leaves_no_file_and_never_removes_that_of_the_next(folder: Path) -> None:
    address = SocketAddress(folder / "own", "s")
    first = listen(address)
    first.close()
    assert not address.path.exists()
    with closing(listen(address)):
        first.close()
        assert address.path.exists()


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_folder_that_others_can_enter_is_refused(folder: Path, mode: int) -> None:
    (folder / "own").mkdir()
    (folder / "own").chmod(mode)
    with pytest.raises(ConflictError) as caught:
        listen(SocketAddress(folder / "own", "s"))
    assert caught.value.error_id == "control.folder"


def test_a_link_in_the_folders_place_is_refused(folder: Path) -> None:
    (folder / "elsewhere").mkdir(mode=0o700)
    (folder / "own").symlink_to(folder / "elsewhere")
    with pytest.raises(ConflictError):
        listen(SocketAddress(folder / "own", "s"))


def test_the_other_sides_user_is_known() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert peer_user(ours) == os.getuid()
        check_peer(theirs)
