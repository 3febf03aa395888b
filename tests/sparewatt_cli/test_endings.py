"""How a command ends: in this process, and as a process of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sparewatt.errors import SparewattError
from sparewatt_cli.endings import NoEngineError, ended
from sparewatt_cli.words import ERRORS, TRIAL


def raises(error: BaseException) -> int:
    def command() -> object:
        raise error

    return ended(command)


def test_an_expected_failure_is_one_sentence_and_its_class_is_the_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert raises(NoEngineError("engine.not_running")) == 9
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), BrokenPipeError()])
def test_an_interruption_and_a_reader_that_left_end_in_silence(
    error: BaseException, capfd: pytest.CaptureFixture[str]
) -> None:
    before = os.dup(1)
    try:
        assert raises(error) in (130, 141)
        assert capfd.readouterr() == ("", "")
    finally:
        os.dup2(before, 1)
        os.close(before)


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        raises(ZeroDivisionError())


def test_exit_codes_tell_every_class_apart() -> None:
    kinds: list[type[SparewattError]] = [*SparewattError.__subclasses__(), SparewattError]
    codes = [kind.exit_code for kind in kinds]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("words", [*ERRORS.values(), *TRIAL.values()])
def test_every_sentence_is_one_line(words: str) -> None:
    assert words.strip() == words
    assert words.isprintable()


def started(*arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


@pytest.mark.processes
def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from sparewatt_cli.app import run\n"
        "assert run(['--help']) == 0\n"
        "heavy = 'torch numpy websockets transformers rich cryptography msgspec keyring asyncio'.split()\n"
        "sys.stderr.write(','.join(each for each in heavy if each in sys.modules))\n"
    )
    with started("-c", script) as process:
        out, loaded = process.communicate(timeout=60)
    assert b"sparewatt try" in out
    assert loaded == b""


@pytest.mark.processes
def test_a_closed_pipe_ends_without_a_traceback(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    log.write_text("a line that is long enough to fill a pipe\n" * 10_000)
    arguments = ("-m", "sparewatt_cli", "--data-folder", str(tmp_path), "logs", "-n", "10000")
    with started(*arguments) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read()
        assert process.wait(60) == 141
    assert said == b""


@pytest.mark.processes
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send to another process")
def test_ctrl_c_twice_is_silent(tmp_path: Path) -> None:
    # The command waits for an invite on a standard input that says so, and then never says anything else.
    script = (
        "import io, sys\n"
        "from sparewatt_cli.__main__ import main\n"
        "class Silent(io.StringIO):\n"
        "    def read(self, size=-1):\n"
        "        sys.stderr.write('up\\n'); sys.stderr.flush()\n"
        "        return sys.__stdin__.read()\n"
        "sys.stdin = Silent()\n"
        f"sys.argv = ['sparewatt', '--data-folder', {str(tmp_path)!r}, 'join', '--no-start']\n"
        "main()\n"
    )
    with started("-c", script, stdin=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"up\n"
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(60) == 130
    assert b"Traceback" not in said
