"""Sentences of the command line: its own ids here, all others from `sparewatt.wording`.

Every error says what is wrong and what to do about it, in one or two short sentences.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sparewatt.wording.catalogue import ENGLISH, Translations, filled
from sparewatt.wording.values import with_values

Parameters = Mapping[str, str | int]

ERRORS: Final[Mapping[str, str]] = MappingProxyType({
    "engine.not_running": "No engine runs. Start one: sparewatt engine start",
    "engine.start_failed": "The engine ended as soon as it was started ({detail}). See why: sparewatt logs",
    "engine.start_slow": "The engine was started but did not answer within {seconds} s. See why: sparewatt logs",
    "engine.stop_slow": "The engine still answers {seconds} s after it was told to stop. Try again, or see: "
    "sparewatt logs",
    "file.unreadable": "{path} cannot be read ({reason}). Check the path and its permissions.",
    "file.unwritable": "{path} cannot be written ({reason}). Free some space, or choose another place.",
    "file.exists": "{path} exists already. Choose another name, or move it away.",
    "join.needs_accept": "Nobody is here to ask. If you agree to what is shown, add: --accept {run}",
    "join.other_run": "You accepted {accepted}, but the invite leads to {run}. Nothing was joined; look at the "
    "run again.",
    "contributor.unknown": "No contributor of this run begins with {name}. List them: sparewatt run contributors",
    "invite.unknown_id": "The run has no invite {name}. List them: sparewatt run invites",
    "session.changed": "The organiser has changed this run, and nothing is contributed to it. See what changed: "
    "sparewatt consent",
    "contributor.ambiguous": "{matches} contributors begin with {name!r}. Type more letters.",
    "invite.ambiguous": "{matches} invites begin with {name!r}. Type more letters.",
    "coordinator.not_running": "No coordinator serves {path}. Start one: sparewatt coordinator serve --data {path}",
    "contribute.length": "{text!r} is no length of time to contribute. Use 30m, 1h or stop; at most {hours_most} "
    "hours.",
    "pause.length": "{text!r} is no length of a pause. Use 15m, 1h, 2d, tomorrow or game; at most {days_most} "
    "days.",
    "receipts.faulty": "{faulty} of {receipts} receipts do not hold. Do not count on the credit that they claim.",
    "receipts.file": "{path} holds no receipts. Make such a file with: sparewatt receipts list --json",
    "receipts.no_manifest": "The manifest of run {run} is not here any more, so its receipts cannot be checked. Join "
    "the run again, or use a file that was saved before.",
    "receipts.order": "The engine repeated receipt {sequence} where the next one was due. Restart it: "
    "sparewatt engine stop",
    "run.ambiguous": "{matches} runs begin with {name!r}. Type more letters of the name.",
    "run.data_needed": "Which run? Name its folder: --data my-run",
    "run.finish_slow": "The run was told to end but is not closed after {seconds} s. See: sparewatt run show",
    "run.kept": "{codec} writes all coordinates, and topk 1 to 2048 of each 4096. Correct --kept-up or --kept-down.",
    "run.none_joined": "No run is joined. Join one with an invite: sparewatt join",
    "run.unknown": "No run here begins with {name!r}. See the names: sparewatt status",
    "run.which": "{runs} runs are joined. Name the one that is meant; see the names: sparewatt status",
    "run.form": "{option} must be {allowed}.",
    "sample.slow": "The model has not written anything within {seconds} s. Ask for fewer tokens.",
    "trial.child_ended": "The {name} ended before it should ({detail}). Keep its log with --keep DIR and try again.",
    "trial.child_line": "The {name} said something unexpected. Keep its log with --keep DIR and try again.",
    "trial.child_silent": "The {name} did not get ready within 30 s. Close other programs and try again.",
    "trial.contributors": "A trial has 1 to {most} contributors.",
    "trial.keep_used": "{path} is not empty. Choose a new folder to keep the trial in.",
    "trial.minutes": "A trial lasts more than 0 and at most {most} minutes.",
    "trial.no_torch": "Training needs PyTorch. Install it: pip install 'sparewatt[training,torch]'",
    "trial.stuck": "The {name} did not get to work within {seconds} s. Keep its log with --keep DIR and try again.",
    "trial.tokens": "A trial trains at least one token.",
})  # fmt: skip

TRIAL: Final[Mapping[str, str]] = MappingProxyType({
    "trial.creating": "making a run from the text",
    "trial.starting": "starting coordinator and engines",
    "trial.joining": "joining the run",
    "trial.connecting": "connecting",
    "trial.fetching": "fetching data and weights",
    "trial.starting_worker": "loading PyTorch",
    "trial.training": "training",
    "trial.waiting": "waiting",
    "trial.finishing": "delivering the last results",
    "trial.measuring": "merging and measuring the last version",
    "trial.verifying": "verifying receipts offline",
    "trial.exporting": "writing the checkpoint",
    "trial.sampling": "letting the model write",
    "trial.cleaning": "stopping everything and cleaning up",
    "trial.speed_limit": "Speed limit 100 % for this trial: the computer may get warm and loud.",
    "trial.one_computer": "One computer does not get faster by several contributors: they share its cores.",
    "trial.no_version": "no version was merged: the time was too short for one round",
    "trial.no_loss": "the last held-out loss was not measured",
    "trial.no_receipts": "no receipt came back, or one does not hold",
    "trial.no_checkpoint": "no checkpoint was written",
    "trial.no_sample": "the model was not asked to write",
    "trial.hint_battery": "To train on battery in this trial, end it with Ctrl-C and type: sparewatt try --on-battery",
})  # fmt: skip


def error_sentence(error_id: str, parameters: Parameters, words: Translations = ENGLISH) -> str:
    """The sentence for an error; parameters that its words need and that are missing show as a question mark."""
    own = ERRORS.get(error_id)
    if own is not None:
        return filled(words.gettext(own), with_values(error_id, parameters, words))
    from sparewatt.wording.errors import error_words

    return error_words(error_id, parameters, words)


def rule_sentence(rule: str, parameters: Parameters, words: Translations = ENGLISH) -> str:
    """Why a device may not do all it could."""
    from sparewatt.wording.rules import rule_words

    return rule_words(rule, parameters, words)


def pause_sentence(until_unix_s: int, words: Translations = ENGLISH) -> str:
    """How long a pause lasts; 0 is "until I resume"."""
    from sparewatt_cli.figures import moment_text

    if not until_unix_s:
        return words.gettext("Paused until you resume: sparewatt resume")
    return filled(words.gettext("Paused until {moment}."), {"moment": moment_text(until_unix_s, words)})
