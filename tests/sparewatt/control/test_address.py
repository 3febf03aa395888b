from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparewatt.control.address import (
    SOCKET_PATH_BYTES_MOST,
    PipeAddress,
    SocketAddress,
    address_named,
    admin_pipe_name,
    folder_digest,
    pipe_name,
    server_name,
    socket_address,
)

DATA = Path("/home/someone/.local/share/sparewatt")


def test_the_runtime_folder_is_preferred() -> None:
    address = socket_address(DATA, "/run/user/1000", "/tmp", 1000)
    assert address.folder == Path("/run/user/1000/sparewatt")


def test_without_a_runtime_folder_the_temporary_one_has_a_folder_for_each_user() -> None:
    assert socket_address(DATA, None, "/tmp", 1000).folder == Path("/tmp/sparewatt-1000")


def test_a_long_runtime_folder_is_passed_over() -> None:
    address = socket_address(DATA, "/run/" + "x" * 100, "/tmp", 1000)
    assert address.folder == Path("/tmp/sparewatt-1000")
    assert len(bytes(address.path)) <= SOCKET_PATH_BYTES_MOST


@given(st.text(min_size=1, max_size=300).filter(lambda text: "\0" not in text))
def test_the_data_folders_length_does_not_matter(name: str) -> None:
    assert len(socket_address(Path("/") / name, None, "/tmp", 1).name) == 21


def test_two_data_folders_have_two_engines() -> None:
    assert folder_digest(PurePosixPath("/a")) != folder_digest(PurePosixPath("/b"))
    assert (
        pipe_name(PurePosixPath("/a"), "S-1-5-21")
        == rf"\\.\pipe\sparewatt-S-1-5-21-{folder_digest(PurePosixPath('/a'))}"
    )


def test_an_engine_and_a_coordinator_of_one_folder_have_two_pipes() -> None:
    assert pipe_name(DATA, "S-1-5-21") != admin_pipe_name(DATA, "S-1-5-21")


@pytest.mark.parametrize("address", [SocketAddress(Path("/run/a"), "b.sock"), PipeAddress(pipe_name(DATA, "S-1-5-21"))])
def test_an_address_is_found_again_by_its_name(address: SocketAddress | PipeAddress) -> None:
    assert address_named(server_name(address)) == address
