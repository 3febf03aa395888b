"""`sparewatt run` on folders that no coordinator serves, and the ways in which that is refused."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparewatt.numeric.initial import initial_weights
from sparewatt.numeric.keyframe import write_keyframe
from sparewatt.work.hub_config import hub_config
from sparewatt.work.model import ModelSpec
from sparewatt_coordinator.testing.tokenizers import word_tokenizer

Command = Callable[..., int]
LINES = 20_000


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Half a megabyte of different lines, which is more than the smallest run needs."""
    path = tmp_path / "numbers.txt"
    path.write_text("".join(f"line {number}, {number * 7919 % 10_007:05d} apples\n" for number in range(LINES)))
    return path


@pytest.fixture
def made(command: Command, text: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "numbers"
    assert create(command, folder, text) == 0
    return folder


def create(command: Command, folder: Path, text: Path, *more: str) -> int:
    words = ("--title", "Numbers", "--licence", "CC0-1.0", "--size", "try")
    return command("run", "create", "--data", str(folder), "--text", str(text), *words, *more)


def test_a_new_run_says_where_its_key_is_and_how_to_serve_it(
    command: Command, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "numbers"
    assert create(command, folder, text) == 0
    out = capsys.readouterr().out
    assert "in the clear" in out
    assert "sparewatt coordinator serve --data" in out
    key = folder.with_name("numbers.key")
    assert key.stat().st_mode & 0o077 == 0
    assert key.read_text().strip() not in out


@pytest.mark.parametrize(("contributors", "state", "inner_steps"), [(1, "fresh", 30), (4, "fresh-shared-v", 5)])
def test_what_is_not_asked_for_is_what_fits_the_number_of_contributors(
    command: Command,
    text: Path,
    tmp_path: Path,
    contributors: int,
    state: str,
    inner_steps: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "numbers"
    assert create(command, folder, text, "--contributors", str(contributors)) == 0
    capsys.readouterr()
    manifest = shown(command, folder, capsys)
    assert (manifest["inner"]["state"], manifest["inner"]["inner_steps"]) == (state, inner_steps)
    assert manifest["outer"]["keyframe_type"] == "bf16"


def test_a_run_is_never_made_over_another(command: Command, made: Path, text: Path) -> None:
    before = sorted(path.name for path in made.iterdir())
    assert create(command, made, text) == 4
    assert sorted(path.name for path in made.iterdir()) == before


def test_the_key_is_refused_inside_the_folder_that_is_served(command: Command, text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "numbers"
    assert create(command, folder, text, "--key", str(folder / "run.key")) == 2
    assert not folder.exists()


@pytest.mark.parametrize("content", ["", "too little\n"])
def test_too_little_text_leaves_nothing_behind(command: Command, tmp_path: Path, content: str) -> None:
    text, folder = tmp_path / "little.txt", tmp_path / "run"
    text.write_text(content)
    assert create(command, folder, text) == 2
    assert not folder.exists()


def test_an_unknown_size_is_refused_with_those_there_are(
    command: Command, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert create(command, tmp_path / "run", text, "--size", "huge") == 2
    assert "try, tiny, small" in capsys.readouterr().err


def test_a_run_is_shown_and_listed_without_a_coordinator(
    command: Command, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert command("run", "show", "--data", str(made)) == 0
    assert "no coordinator serves it now" in capsys.readouterr().out
    assert command("run", "show", "--data", str(made), "--json") == 0
    assert json.loads(capsys.readouterr().out)["manifest"]["title"] == "Numbers"
    assert command("run", "list", str(made.parent), "--json") == 0
    [listed] = json.loads(capsys.readouterr().out)
    assert listed["title"] == "Numbers"
    assert listed["url"] == ""


def test_a_closed_run_says_why(command: Command, made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("run", "close", "--data", str(made), "--now", "--words", "Out of numbers.") == 0
    capsys.readouterr()
    assert command("run", "show", "--data", str(made)) == 0
    assert "closed: Out of numbers." in capsys.readouterr().out


def test_version_0_can_be_exported_once(command: Command, made: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    assert command("run", "export", "--data", str(made), "--to", str(model)) == 0
    assert {path.name for path in model.iterdir()} == {"README.md", "config.json", "model.safetensors"}
    assert command("run", "export", "--data", str(made), "--to", str(model)) == 4


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("invite",), 3),
        (("close",), 3),
        (("show",), 0),
    ],
)
def test_what_needs_a_coordinator_says_how_to_start_one(
    command: Command, made: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int
) -> None:
    capsys.readouterr()
    assert command("run", *arguments, "--data", str(made)) == code
    assert ("sparewatt coordinator serve --data" in capsys.readouterr().err) is (code != 0)


@pytest.mark.parametrize("arguments", [("show",), ("close", "--now")])
def test_a_folder_without_a_run_is_named(command: Command, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert command("run", *arguments, "--data", str(tmp_path)) == 3


def test_others_are_not_let_in(command: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    half = ("--listen", "0.0.0.0:7520", "--certificate", "a.pem")
    assert command("coordinator", "serve", "--data", str(tmp_path), *half) == 2


def test_a_new_key_needs_the_organisers_and_a_run(
    command: Command, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (made / "online.key").read_text()
    assert command("run", "rotate-key", "--data", str(made)) == 0
    assert (made / "online.key").read_text() != before
    assert command("run", "rotate-key", "--data", str(made), "--key", str(tmp_path / "none")) == 5
    assert not (tmp_path / "none").exists(), "a mistyped key is not made"
    assert command("run", "rotate-key", "--data", str(tmp_path)) == 3
    assert command("run", "show", "--data", str(made)) == 0


@pytest.mark.parametrize("group", ["invites", "contributors"])
def test_who_may_come_and_who_is_there_is_the_coordinators_to_say(
    command: Command, made: Path, capsys: pytest.CaptureFixture[str], group: str
) -> None:
    assert command("run", group) == 2
    assert "--data" in capsys.readouterr().err
    assert command("run", group, "--data", str(made)) == 3
    assert command("run", group, "revoke", "--data", str(made), "abc") == 3


MODEL = ModelSpec("gpt2", 300, 16, 32, 1, 2, 2, 64)
WORDS = [f"w{number}" for number in range(250)]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model with its tokenizer, as a hub has it."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({**hub_config(MODEL), "eos_token_id": 251}))
    with (folder / "model.safetensors").open("wb") as sink:
        write_keyframe(MODEL, initial_weights(MODEL, 4), sink)
    (folder / "tokenizer.json").write_bytes(word_tokenizer(WORDS))
    return folder


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """400,000 words in lines of JSON, none like another."""
    path = tmp_path / "rows.jsonl"
    texts = (" ".join(WORDS[(number * step) % 250] for step in range(1, 40)) + f" {number}" for number in range(10_000))
    path.write_text("".join(json.dumps({"body": text}) + "\n" for text in texts))
    return path


def bring(command: Command, folder: Path, rows: Path, model: Path, *more: str) -> int:
    words = ("--title", "Words", "--licence", "MIT", "--data-licence", "CC0-1.0", "--sequence-length", "16")
    return command(
        "run",
        "create",
        "--data",
        str(folder),
        "--text",
        str(rows),
        "--from",
        str(model),
        "--field",
        "body",
        *words,
        *more,
    )


def shown(command: Command, folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert command("run", "show", "--data", str(folder), "--json") == 0
    manifest: dict[str, Any] = json.loads(capsys.readouterr().out)["manifest"]
    return manifest


def test_a_model_with_its_tokenizer_and_lines_of_json_become_a_run(
    command: Command, rows: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bring(command, tmp_path / "words", rows, model) == 0
    out = capsys.readouterr().out
    assert "nats per token" in out
    assert "bytes of text on average" in out
    manifest = shown(command, tmp_path / "words", capsys)
    data = manifest["data"]
    assert (data["tokenizer"], data["token_dtype"], data["vocabulary_size"]) == ("tokenizer.json", "u8", 252)
    assert data["tokenizer_file"]["sha256"] == hashlib.sha256((model / "tokenizer.json").read_bytes()).hexdigest()
    assert data["record"]["licence"] == "CC0-1.0"
    assert [file["name"] for file in data["record"]["first"]] == ["rows.jsonl"]
    to = tmp_path / "exported"
    assert command("run", "export", "--data", str(tmp_path / "words"), "--to", str(to)) == 0
    assert (to / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()
    assert (to / "tokenizer.json").read_bytes() == (model / "tokenizer.json").read_bytes()


def test_an_adapter_of_a_model_becomes_a_run(
    command: Command, rows: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layers = ("--lora", "2", "--lora-targets", "attn.c_attn, mlp.c_fc", "--optimiser", "adamw-8bit")
    assert bring(command, tmp_path / "words", rows, model, *layers, "--learning-rate", "0.001") == 0
    said = capsys.readouterr().out
    assert "an adapter of" in said
    assert "Only NVIDIA graphics cards can train it." in said
    manifest = shown(command, tmp_path / "words", capsys)
    assert manifest["task"] == "causal-lm-lora"
    assert manifest["model"]["adapter"] == {"rank": 2, "alpha": 4, "targets": ["attn.c_attn", "mlp.c_fc"]}
    assert (manifest["optimiser"]["name"], manifest["optimiser"]["peak_rate_nano"]) == ("adamw-8bit", 1_000_000)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--size", "tiny"), "--size"),
        (("--lora", "2", "--lora-targets", "q_proj"), "attn.c_attn"),
        (("--lora-alpha", "2"), "--lora"),
        (("--sequence-length", "65"), "64"),
        (("--tokenizer", "bytes", "--end-of-document", "x"), "tokenizer.json"),
        (("--tokenizer", "nowhere.json"), "nowhere.json"),
        (("--end-of-document", "<eos>"), "<eos>"),
        (("--field", "text"), "it has: body"),
        (("--optimiser", "adam8"), "adamw-8bit"),
        (("--optimiser", "adamw-8bit", "--inner-state", "fresh-shared-v"), "eight bits"),
    ],
)
def test_options_that_do_not_fit_are_said_and_nothing_is_left_behind(
    command: Command,
    rows: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    said: str,
) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    assert bring(command, tmp_path / "words", rows, model, *options) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("file", "content", "code"),
    [
        ("model.safetensors", b"damaged", 2),
        ("config.json", b'{"model_type": "gpt2", "auto_map": {"AutoModel": "code.Model"}}', 2),
        ("tokenizer.json", b"{}", 2),
    ],
)
def test_a_damaged_model_is_said_and_nothing_is_left_behind(
    command: Command,
    rows: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    content: bytes,
    code: int,
) -> None:
    (model / file).write_bytes(content)
    before = sorted(path.name for path in tmp_path.iterdir())
    assert bring(command, tmp_path / "words", rows, model) == code
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_model_whose_tokens_nobody_can_tell_needs_a_tokenizer(
    command: Command, rows: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (model / "tokenizer.json").unlink()
    assert bring(command, tmp_path / "words", rows, model) == 2
    assert "--tokenizer bytes" in capsys.readouterr().err
    assert bring(command, tmp_path / "words", rows, model, "--tokenizer", "bytes") == 0


def test_a_key_that_was_there_before_stays_when_a_run_cannot_be_made(
    command: Command, rows: Path, model: Path, tmp_path: Path
) -> None:
    assert bring(command, tmp_path / "words", rows, model) == 0
    key = (tmp_path / "words.key").read_text()
    (tmp_path / "words").rename(tmp_path / "old")
    assert bring(command, tmp_path / "words", rows, model, "--field", "text") == 2
    assert (tmp_path / "words.key").read_text() == key


def test_a_new_model_can_have_a_tokenizer_too(
    command: Command, rows: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--title", "Words", "--licence", "MIT", "--size", "try", "--field", "body")
    tokenizer = str(model / "tokenizer.json")
    arguments = ("--data", str(tmp_path / "words"), "--text", str(rows), "--tokenizer", tokenizer, *words)
    assert command("run", "create", *arguments) == 0
    manifest = shown(command, tmp_path / "words", capsys)
    assert manifest["model"]["vocabulary_size"] == 256
    assert manifest["data"]["vocabulary_size"] == 252


def test_lines_that_are_no_text_can_be_left_out(
    command: Command, rows: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with rows.open("a") as file:
        file.write("nonsense\n")
    assert bring(command, tmp_path / "words", rows, model) == 2
    assert "Line 10001 of rows.jsonl" in capsys.readouterr().err
    assert bring(command, tmp_path / "words", rows, model, "--skip-unusable") == 0
    assert "1 files or lines" in capsys.readouterr().out
