"""`sparewatt run create`: make a run."""

from pathlib import Path
from typing import Annotated

import typer

from sparewatt_cli.commands.examples import examples

EXAMPLES = examples(
    "sparewatt run create --data my-run --text my-texts/ --title Poems --licence CC0-1.0",
    "sparewatt run create --data my-run --text rows.parquet --field body --tokenizer tokenizer.json "
    "--title Poems --licence CC0-1.0",
    "sparewatt run create --data my-run --text lines.jsonl --from my-model/ --title Poems --licence CC0-1.0",
    "sparewatt run create --data my-run --text lines.jsonl --from my-model/ --lora 8 --title Poems --licence CC0-1.0",
)

Data = Annotated[Path, typer.Option(help="New folder for the run's data.")]
Text = Annotated[
    Path, typer.Option(help="What to train on: a file of text, .jsonl or .parquet, or a folder of such files.")
]
Title = Annotated[str, typer.Option(help="What contributors see first.")]
Licence = Annotated[str, typer.Option(help="Licence of the data and of the model, such as CC0-1.0.")]
Purpose = Annotated[str, typer.Option(help="What the model is for.")]
Organiser = Annotated[str, typer.Option(help="Who you are, as contributors see it.")]
Description = Annotated[str, typer.Option(help="What the data are.")]
DataLicence = Annotated[
    str, typer.Option(help="Licence of the data, where it is another one than the model's.", show_default=False)
]
Key = Annotated[
    Path | None, typer.Option(help="Your offline key; made when there is none. Default: DATA.key beside the folder.")
]
Field = Annotated[str, typer.Option(help="What holds the text: in a line of .jsonl, or a column of .parquet.")]
SkipUnusable = Annotated[
    bool, typer.Option("--skip-unusable", help="Leave out files and lines that are no text, instead of ending.")
]
Size = Annotated[
    str, typer.Option(help="A new model: try, tiny, small, medium or large. Default: tiny.", show_default=False)
]
From = Annotated[
    Path | None,
    typer.Option(
        "--from",
        help="Instead of a new model go on with the one in this folder: config.json and model.safetensors.",
        show_default=False,
    ),
]
Tokenizer = Annotated[
    str, typer.Option(help="A tokenizer.json, or: bytes. Default: the one in --from, else bytes.", show_default=False)
]
EndOfDocument = Annotated[
    str | None, typer.Option(help="Name of the token between documents, where it cannot be told.", show_default=False)
]
Lora = Annotated[
    int, typer.Option(min=0, max=256, help="Train a low-rank adapter of this rank on --from. 0: the whole model.")
]
LoraAlpha = Annotated[
    int | None, typer.Option(min=1, max=1_024, help="Its scale. Default: twice the rank.", show_default=False)
]
LoraTargets = Annotated[
    str, typer.Option(help="The layers that get one, by commas. Default: all that can.", show_default=False)
]
SequenceLength = Annotated[
    int | None,
    typer.Option(
        min=8,
        max=131_072,
        help="With --from: tokens of a sequence. Default: its context, 1,024 at most.",
        show_default=False,
    ),
]
LearningRate = Annotated[
    float | None,
    typer.Option(
        min=1e-9,
        max=1.0,
        help="With --from: its peak. Default: 1e-4; 3e-4 up to 10 million parameters or with --lora.",
        show_default=False,
    ),
]
Codec = Annotated[
    str | None, typer.Option(help="Updates: int8, int4, fp16 or topk. Default: by size and length.", show_default=False)
]
KeptUp = Annotated[
    int | None, typer.Option(help="For topk: coordinates of each 4096 in an update.", show_default=False)
]
Patch = Annotated[
    str | None, typer.Option(help="Versions: int8, int4 or topk. Default: by size and length.", show_default=False)
]
KeptDown = Annotated[
    int | None, typer.Option(help="For topk: coordinates of each 4096 in a version.", show_default=False)
]
InnerState = Annotated[
    str | None,
    typer.Option(
        help="What the optimiser begins an assignment with: fresh, fresh-shared-v or kept; else as fits the number of "
        "contributors.",
        show_default=False,
    ),
]
OptimiserName = Annotated[
    str, typer.Option(help="adamw, or adamw-8bit: less memory, NVIDIA cards only, no checkpoints of unfinished work.")
]
KeyframeType = Annotated[str, typer.Option(help="Numbers of a version in full: fp32, or bf16 for half the download.")]
Contributors = Annotated[int, typer.Option(min=1, max=10_000, help="About how many at a time.")]
PlannedTokens = Annotated[
    int | None, typer.Option(min=1, help="Planned tokens. Default: 20 for each trained parameter.", show_default=False)
]
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Orders the data and draws the first weights.")]


def create(
    data: Data,
    text: Text,
    title: Title,
    licence: Licence,
    purpose: Purpose = "",
    organiser: Organiser = "unnamed",
    description: Description = "",
    data_licence: DataLicence = "",
    key: Key = None,
    field: Field = "text",
    skip_unusable: SkipUnusable = False,
    size: Size = "",
    checkpoint: From = None,
    tokenizer: Tokenizer = "",
    end_of_document: EndOfDocument = None,
    lora: Lora = 0,
    lora_alpha: LoraAlpha = None,
    lora_targets: LoraTargets = "",
    sequence_length: SequenceLength = None,
    learning_rate: LearningRate = None,
    contributors: Contributors = 1,
    tokens: PlannedTokens = None,
    seed: Seed = 0,
    codec: Codec = None,
    kept_up: KeptUp = None,
    patch: Patch = None,
    kept_down: KeptDown = None,
    inner_state: InnerState = None,
    keyframe_type: KeyframeType = "bf16",
    optimiser: OptimiserName = "adamw",
) -> None:
    """Make a run from data of yours, with a new model or one that you bring. The data go to every contributor in the
    clear."""
    from sparewatt_cli.progress import shown_progress
    from sparewatt_cli.run_exchange import wishes_of
    from sparewatt_cli.run_form import DataChoice, RunForm, RunWords, made_lines, make_formed_run
    from sparewatt_cli.surroundings import home_shortened

    words = RunWords(title, purpose, organiser, licence, description or f"text from {text.name}")
    key_file = key if key is not None else data.with_name(data.name + ".key")
    form = RunForm(
        size=size,
        checkpoint=checkpoint,
        tokenizer=tokenizer,
        end_of_document=end_of_document,
        adapter_rank=lora,
        adapter_alpha=lora_alpha,
        adapter_targets=tuple(each.strip() for each in lora_targets.split(",") if each.strip()),
        contributors=contributors,
        tokens=tokens,
        sequence_length=sequence_length,
        learning_rate=learning_rate,
        wishes=wishes_of(codec, kept_up, patch, kept_down, inner_state, keyframe_type, optimiser),
    )
    choice = DataChoice(text, data_licence, field, skip_unusable)
    with shown_progress() as progress:
        made = make_formed_run(data, key_file, choice, words, form, seed, progress)
    for line in made_lines(made):
        typer.echo(line)
    typer.echo(f"Your key is in {home_shortened(key_file)}. Keep a copy elsewhere: only it can prove the run is yours.")
    typer.echo("Its data will go to every contributor in the clear.")
    typer.echo(f"Serve it: sparewatt coordinator serve --data {home_shortened(data)}")
