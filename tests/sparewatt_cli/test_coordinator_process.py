import pytest

from sparewatt.errors import InputError
from sparewatt_cli.coordinator_process import loopback


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("127.8.8.8:7520", "127.8.8.8:7520"),
        ("[::1]:7520", "[::1]:7520"),
        ("localhost:7520", "127.0.0.1:7520"),
    ],
)
def test_addresses_of_this_computer_are_taken(listen: str, address: str) -> None:
    assert loopback(listen) == address


@pytest.mark.parametrize("listen", ["0.0.0.0:7520", "192.168.1.5:7520", "[::]:7520", "[2001:db8::1]:7520"])
def test_addresses_that_others_could_reach_are_refused_in_words(listen: str) -> None:
    with pytest.raises(InputError) as caught:
        loopback(listen)
    assert caught.value.error_id == "coordinator.loopback_only"


@pytest.mark.parametrize("listen", ["", "7520", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "example.org:80", ":80"])
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(InputError) as caught:
        loopback(listen)
    assert caught.value.error_id == "coordinator.listen"
