"""The file everybody starts with."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def dev() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_environment_is_named_by_everything_it_depends_on(dev: ModuleType) -> None:
    assert dev.fingerprint("run", []) == dev.fingerprint("run", [])
    names = {dev.fingerprint("run", []), dev.fingerprint("dev", []), dev.fingerprint("run", ["--index-url", "x"])}
    assert len(names) == 3


def test_arguments_after_the_command_belong_to_the_command(dev: ModuleType) -> None:
    options, rest = dev.parse(["--torch-index", "https://example.org", "try", "--minutes", "1"])
    assert options.command == "try"
    assert rest == ["--minutes", "1"]
    assert dev.torch_options(options) == ["--index-url", "https://example.org"]


def test_a_torch_folder_that_is_not_there_is_said_in_one_sentence(dev: ModuleType, tmp_path: Path) -> None:
    options, _ = dev.parse(["--torch-from", str(tmp_path / "nowhere"), "try"])
    with pytest.raises(dev.Stop, match="there is no folder") as stopped:
        dev.torch_options(options)
    assert stopped.value.code == dev.BAD_INPUT


def test_without_a_command_it_says_what_there_is() -> None:
    ended = subprocess.run([sys.executable, str(ROOT / "dev.py")], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "try" in ended.stderr
    assert "Traceback" not in ended.stderr
