import pytest

from sparewatt.errors import InputError
from sparewatt.settings import schema
from sparewatt.settings.option import Option
from sparewatt.settings.values import Settings, listed, option_at


def test_defaults_hold_until_something_is_set() -> None:
    settings = Settings()
    assert settings.get(schema.RUN_ON_BATTERY) is False
    assert settings.get(schema.RUN_ON_BATTERY) is False
    assert settings.of_device(schema.SPEED_LIMIT_PERCENT, "cpu") == 50
    assert settings.of_device(schema.SPEED_LIMIT_PERCENT, "cuda:GPU-1") == 100


def test_a_devices_own_value_beats_the_one_for_every_device() -> None:
    settings = Settings().changed("speed_limit_percent", "30").changed("speed_limit_percent@cpu", "70")
    assert settings.revision == 2
    assert settings.of_device(schema.SPEED_LIMIT_PERCENT, "cpu") == 70
    assert settings.of_device(schema.SPEED_LIMIT_PERCENT, "cuda:GPU-1") == 30
    assert settings.reset("speed_limit_percent@cpu").of_device(schema.SPEED_LIMIT_PERCENT, "cpu") == 30


def test_a_value_is_kept_as_its_option_writes_it() -> None:
    assert Settings().changed("run_on_battery", " Yes ").texts == {"run_on_battery": "on"}


@pytest.mark.parametrize(
    "address", ["nonsense", "run_on_battery@cpu", "speed_limit_percent@", "speed_limit_percent@a b"]
)
def test_an_unknown_address_is_refused(address: str) -> None:
    with pytest.raises(InputError) as caught:
        option_at(address)
    assert caught.value.error_id == "settings.unknown"


@pytest.mark.parametrize(
    ("address", "text"),
    [("speed_limit_percent", "0"), ("speed_limit_percent", "101"), ("speed_limit_percent", "half"),
     ("run_on_battery", "maybe"), ("cpu_threads", "9" * 5000), ("cpu_threads", "-1"), ("cpu_threads", "²")],
)  # fmt: skip
def test_a_bad_value_is_refused_with_what_is_allowed(address: str, text: str) -> None:
    with pytest.raises(InputError) as caught:
        Settings().changed(address, text)
    assert caught.value.error_id == "settings.value"
    assert caught.value.parameters["allowed"] == option_at(address).allowed


def test_the_list_has_a_line_for_every_device() -> None:
    settings = Settings().changed("device_use@cpu", "never")
    lines = {line.address: line.value for line in listed(settings, ("cpu", "cuda:GPU-1"))}
    assert lines["device_use@cpu"] == "never"
    assert lines["device_use@cuda:GPU-1"] == "rules"
    assert lines["hours"] == "always"


@pytest.mark.parametrize("option", schema.OPTIONS, ids=lambda option: option.key)
def test_every_default_is_a_value_that_may_be_set(option: Option[object]) -> None:
    for value in (option.default, *option.kind_defaults.values()):
        assert option.parse(option.text(value)) == value
