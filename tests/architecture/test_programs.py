"""What each program loads when it is started, by `sys.modules` of a fresh process."""

import subprocess
import sys

import pytest

NEVER = {
    "sparewatt.engine.__main__": ("torch", "numpy", "transformers", "safetensors", "typer", "rich", "structlog"),
    "sparewatt.sensing.__main__": ("torch", "numpy", "websockets", "cryptography", "typer", "rich"),
    "sparewatt.worker.__main__": ("websockets", "keyring", "cryptography", "typer", "rich"),
    "sparewatt_coordinator.server.__main__": ("torch", "transformers", "typer", "rich"),
    "sparewatt_coordinator.aggregate.__main__": ("torch", "transformers", "websockets", "typer", "rich"),
    "sparewatt_cli.__main__": ("torch", "numpy", "transformers", "websockets", "cryptography", "PySide6"),
    "sparewatt_desktop": ("torch", "numpy", "websockets", "keyring", "pynvml"),
}


@pytest.mark.parametrize("program", NEVER)
def test_a_program_starts_without_what_it_never_needs(program: str) -> None:
    code = f"import sys, {program}; print(*(name for name in {NEVER[program]!r} if name in sys.modules))"
    ended = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == ""
