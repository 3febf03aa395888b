"""What an organiser says on the command line about a new run, and the run that comes of it."""

from pathlib import Path

import msgspec

from sparewatt.errors import InputError
from sparewatt.work.adapter import LAYERS, AdapterSpec
from sparewatt.work.model import ModelSpec, frozen_count, parameter_count
from sparewatt_cli.figures import count_text
from sparewatt_cli.organiser import make_run
from sparewatt_cli.run_exchange import exchange_line
from sparewatt_coordinator.create.checkpoint import Checkpoint, read_checkpoint
from sparewatt_coordinator.create.data import Progress
from sparewatt_coordinator.create.exchange import Wishes, with_exchange
from sparewatt_coordinator.create.profile import SIZES, Profile, SizeName, checkpoint_profile, run_profile
from sparewatt_coordinator.create.run import CreatedRun, RunOptions
from sparewatt_coordinator.create.tokens import BYTE_VOCABULARY, TOKENIZER_FILE, ByteTokens, FileTokens, Tokens


class DataChoice(msgspec.Struct, frozen=True):
    """Which data an organiser brings; see `create.data.DataOptions`."""

    text: Path
    licence: str = ""
    field: str = "text"
    skip_unusable: bool = False


class RunWords(msgspec.Struct, frozen=True):
    """What an organiser says of a run; every part is shown to contributors before they consent."""

    title: str
    purpose: str
    organiser: str
    licence: str
    description: str


class RunForm(msgspec.Struct, frozen=True):
    """How an organiser wants a run to be; see the options of ``sparewatt run create``.

    Attributes:
        size: of a new model; empty where `checkpoint` is the model.
        checkpoint: folder of the model to go on with.
        tokenizer: a file, or ``bytes``; empty for what is usual.
        adapter_rank: 0 trains the whole model.
        adapter_targets: empty for all layers that can have an adapter.
        learning_rate: at its peak; None for what is usual.
        wishes: about what updates and versions are written with.
    """

    size: str = ""
    checkpoint: Path | None = None
    tokenizer: str = ""
    end_of_document: str | None = None
    adapter_rank: int = 0
    adapter_alpha: int | None = None
    adapter_targets: tuple[str, ...] = ()
    contributors: int = 1
    tokens: int | None = None
    sequence_length: int | None = None
    learning_rate: float | None = None
    wishes: Wishes = Wishes()


def make_formed_run(
    folder: Path, key_file: Path, data: DataChoice, words: RunWords, form: RunForm, seed: int, progress: Progress
) -> CreatedRun:
    """A run as an organiser wants it.

    Raises:
        InputError: ``run.form``; ``tokenizer.needed`` for a model whose tokens nobody can tell; others as of
            `read_checkpoint`, `FileTokens` and `make_run`.
    """
    checkpoint = None if form.checkpoint is None else read_checkpoint(form.checkpoint.expanduser())
    tokens = _tokens(form, checkpoint)
    options = RunOptions(
        title=words.title,
        purpose=words.purpose,
        organiser=words.organiser,
        licence=words.licence,
        description=words.description,
        text=data.text.expanduser(),
        profile=with_exchange(_profile(form, checkpoint, tokens), form.wishes),
        text_bytes_most=None,
        seed=seed,
        start=checkpoint,
        tokens=tokens,
        data_licence=data.licence,
        text_field=data.field,
        refuse_unusable=not data.skip_unusable,
    )
    return make_run(folder, key_file, options, progress)


def _profile(form: RunForm, checkpoint: Checkpoint | None, tokens: Tokens) -> Profile:
    if checkpoint is None:
        return _sized_profile(form, tokens)
    if form.size:
        raise InputError("run.form", option="--size", allowed="left out where --from names a model")
    rate = None if form.learning_rate is None else round(form.learning_rate * 1e9)
    return checkpoint_profile(
        _with_adapter(checkpoint.spec, form),
        form.contributors,
        form.tokens,
        sequence_length=form.sequence_length,
        peak_rate_nano=rate,
    )


def _sized_profile(form: RunForm, tokens: Tokens) -> Profile:
    named: SizeName | None = next((each for each in SIZES if each == (form.size or "tiny")), None)
    if named is None:
        raise InputError("run.form", option="--size", allowed=", ".join(SIZES))
    given = {"--lora": form.adapter_rank, "--learning-rate": form.learning_rate,
             "--sequence-length": form.sequence_length}  # fmt: skip
    for option, value in given.items():
        if value:
            raise InputError("run.form", option=option, allowed="left out without --from")
    return run_profile(named, form.contributors, form.tokens, vocabulary_size=max(256, tokens.vocabulary_size))


def _with_adapter(spec: ModelSpec, form: RunForm) -> ModelSpec:
    if form.adapter_rank == 0:
        if form.adapter_targets or form.adapter_alpha is not None:
            raise InputError("run.form", option="--lora-targets or --lora-alpha", allowed="left out without --lora")
        return spec
    known = LAYERS[spec.architecture]
    for target in form.adapter_targets:
        if target not in known:
            raise InputError("run.form", option="--lora-targets", allowed=", ".join(known))
    adapter = AdapterSpec(
        rank=form.adapter_rank,
        alpha=form.adapter_alpha if form.adapter_alpha is not None else 2 * form.adapter_rank,
        targets=tuple(sorted(set(form.adapter_targets or known))),
    )
    return msgspec.structs.replace(spec, adapter=adapter)


def _tokens(form: RunForm, checkpoint: Checkpoint | None) -> Tokens:
    """Bytes, the file that was named, or the one that lies with the checkpoint."""
    hint = None if checkpoint is None else checkpoint.end_token
    beside = None if form.checkpoint is None else form.checkpoint.expanduser() / TOKENIZER_FILE
    if form.tokenizer and form.tokenizer != "bytes":
        return FileTokens(Path(form.tokenizer).expanduser(), form.end_of_document, hint)
    if not form.tokenizer and beside is not None and beside.is_file():
        return FileTokens(beside, form.end_of_document, hint)
    if form.end_of_document is not None:
        raise InputError("run.form", option="--end-of-document", allowed="left out without a tokenizer.json")
    if not form.tokenizer and checkpoint is not None and checkpoint.spec.vocabulary_size != BYTE_VOCABULARY:
        raise InputError("tokenizer.needed", folder=str(form.checkpoint))
    return ByteTokens()


def made_lines(made: CreatedRun) -> tuple[str, ...]:
    """What was made, for a terminal."""
    manifest, data = made.manifest, made.manifest.data
    left_out = f" ({made.skipped} files or lines were no text)" if made.skipped else ""
    size = f"{count_text(data.tokens)} tokens in {data.shards} shards"
    lines = [f"Made run {made.run[:8]} from {made.files} files{left_out}: {size}."]
    if data.tokenizer_file is not None and data.bytes_per_token_milli is not None:
        bytes_per_token = data.bytes_per_token_milli / 1000
        lines.append(f"A token is {bytes_per_token:.2f} bytes of text on average. Losses are in nats per token.")
    trained = count_text(parameter_count(manifest.model))
    if manifest.frozen is None:
        lines.append(f"Trained: all {trained} parameters.")
    else:
        frozen = count_text(frozen_count(manifest.model))
        lines.append(f"Trained: an adapter of {trained} parameters on {frozen} that stay as they are.")
    lines.append(exchange_line(manifest))
    return tuple(lines)
