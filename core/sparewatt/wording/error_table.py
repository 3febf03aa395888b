"""Words of every error id: what is wrong, then what to do about it."""

from types import MappingProxyType
from typing import Final

_UPDATE: Final = "Update Sparewatt on both sides; if it stays so, tell the organiser."
_ORGANISER: Final = "Nothing of it was used; tell the run's organiser."

HERE: Final = MappingProxyType({
    "desktop.missing": "The window is not part of this installation. Install sparewatt with its desktop extra.",
    "area.create": "The system gave no memory for the weights ({size} bytes). Close other programs.",
    "area.handle": "A memory area of a worker could not be opened. The worker is started again by itself.",
    "area.size": "A memory area has an impossible size ({size} bytes). The worker is started again by itself.",
    "blob.hash": "A file arrived damaged and is fetched again: {blob}.",
    "blob.unreadable": "The stored file {blob} cannot be read. Check the disk.",
    "child.start": "The program {program} could not be started (system error {number}). Free some memory, or install "
    "Sparewatt again.",
    "compile.ended": "A training process that had compiled its model ended without a word (code {code}), so "
    "models train uncompiled until the setting is switched off and on again.",
    "compile.failed": "The model could not be compiled ({reason}), so it trains uncompiled. Nothing was lost; switch "
    "the setting off, or off and on again to try once more.",
    "compile.no_compiler": "There is no {program} on this computer, so models train uncompiled. Install it, then "
    "switch the setting off and on again.",
    "compile.power_cap": "Nothing can keep a compiler below your cap of {cap_watts} W, so models train uncompiled on "
    "the processor. Remove the cap, or switch the setting off.",
    "connection.address": "{url} is no address of a coordinator. Check the invite.",
    "connection.certificate": "Nobody vouches that {url} is the coordinator that the invite names. Check the network "
    "and the computer's clock; do not go on if this stays.",
    "connection.lost": "The connection to the coordinator was lost (code {code}). It is tried again by itself.",
    "connection.not_coordinator": "{url} answers, but is no coordinator of Sparewatt. Check the invite.",
    "connection.pin": "Somebody else answers at {url} than the coordinator that the invite names. Nothing was sent; "
    "check the network, or ask the organiser for a new invite.",
    "connection.subprotocol": "{url} speaks another version of the protocol. Update Sparewatt.",
    "connection.tls": "No encryption could be agreed on with {url}. Check the invite; do not go on if this stays.",
    "connection.unreachable": "{url} cannot be reached. Check the network; it is tried again by itself.",
    "control.closed": "The engine closed the connection. It may have ended; try again.",
    "control.folder": "{path} could be changed by another user, so no engine is listened for in it. Remove it.",
    "control.malformed": "Engine and program do not understand each other. Update both to the same version.",
    "control.peer": "What answers there is another user's ({user}), so nothing was said to it. Start your own.",
    "control.pipe": "Another program already answers at {name}, and it is not yours. End it, or restart the computer.",
    "control.slow": "A program was too slow to read what it had asked the engine for, and was disconnected.",
    "control.socket": "The engine cannot listen at {path} ({reason}). Check that its folder can be written.",
    "device.absent": "This computer has no {kind} device that Sparewatt can use. Check the driver.",
    "device.busy": "{slot} already works for Sparewatt, perhaps for another user of this computer (process {pid}).",
    "device.group": "Several cards that train as one contributor, a group, are not there yet: each card contributes by "
    "itself, beside the others. Leave the word group out.",
    "device.kind_unknown": "{kind} is no kind of device. Use cpu, cuda or metal.",
    "device.memory": "The device has too little free memory for this model. Close other programs, or choose "
    "another run.",
    "device.memory_needed": "This run needs about {needed_bytes} of the device's memory, and {free_bytes} are free. "
    "Close other programs, or choose another run.",
    "device.out_of_memory": "The device has too little free memory for this model, even with {sequences} sequences at "
    "a time. Close other programs, or choose another run.",
    "device.threads": "A processor cannot be lent {threads} threads. Use a number from 1 to its threads.",
    "engine.not_running": "No engine runs. Start one.",
    "engine.running": "An engine runs already for {folder} (process {pid}). Stop it first, or use another folder.",
    "engine.silent": "The engine did not answer within {seconds} s. It may be busy; try again.",
    "engine.start_failed": "The engine ended as soon as it was started ({detail}).",
    "engine.start_slow": "The engine was started but does not answer after {seconds} s. It is still looked for.",
    "engine.version": "The engine has another version ({engine_version}). Restart it after the update.",
    "fetch.refused": "The coordinator did not give what was asked for ({reason}). It is tried again by itself.",
    "frozen.hash": "The weights that the run's adapter stands on are damaged on this computer ({file}). Leave the run "
    "and join it again.",
    "history.opening": "The account of energy is still being opened. Try again in a moment.",
    "invite.malformed": "This is no whole invite: its {part} is missing or damaged. Copy all of it once more.",
    "invite.unencrypted": "This invite leads to {host} without encryption, which is allowed only on one computer. Ask "
    "the organiser for a new one.",
    "kept.base_gone": "Version {number}, from which unfinished work was begun, is no longer on this computer. The work "
    "is begun anew.",
    "kept.damaged": "What was kept of unfinished work is damaged ({part}) and is forgotten. If it happens again, check "
    "the disk.",
    "kept.other": "What was kept of unfinished work belongs to something else ({part}) and is forgotten. Work goes on "
    "by itself.",
    "kept.unreadable": "{file}, which was kept of unfinished work, cannot be read (system error {code}) and is "
    "forgotten. Check the disk.",
    "join.consent": "What you agreed to is not what the run {run} is now. Look at the run again before you join it.",
    "keys.damaged": "The key in {file} is damaged. Restore it from a copy; it cannot be made again.",
    "keys.keyring_locked": "Sparewatt is waiting for your keyring ({outcome}). Unlock it, and work goes on.",
    "keys.mismatch": "The stored key is not this contributor's. Restore the right one; no second identity is made.",
    "keys.permissions": "Others can read the key file {file}. Make it yours alone (mode 600).",
    "lock.unusable": "The lock {path} cannot be used ({reason}). Check that its folder can be written.",
    "pause.no_game": "No game is running that a pause could wait for. Pause for a time instead.",
    "logon.entry": "What starts when you log on could not be changed at {place} ({reason}). Check that it can be "
    "written, then choose it again.",
    "logon.foreign": "{place} is not Sparewatt's, so it was left alone and Sparewatt will not start when you log on. "
    "Remove it, then choose it again.",
    "logon.length": "The command to start when you log on has {length} characters and Windows takes {most}. Move "
    "Sparewatt or its data to a shorter folder.",
    "optimiser.device": "This run keeps its optimiser in eight bits, which only NVIDIA graphics cards compute, so "
    "{device} has no part in it. Choose another run for it.",
    "optimiser.kernels": "This run keeps its optimiser in eight bits, and the library for that does not work with this "
    "card's driver ({reason}). Update the driver, or choose another run.",
    "optimiser.library": "This run keeps its optimiser in eight bits, and the library for that, {library}, is not "
    "installed. Install sparewatt with its eight-bit extra, or choose another run.",
    "optimiser.not_kept": "No checkpoint holds an optimiser of eight bits. What was completed goes home as a smaller "
    "update.",
    "optimiser.state": "An optimiser of eight bits cannot begin with the moments that a version brings. Choose fresh "
    "or kept instead of fresh-shared-v, or adamw instead of adamw-8bit.",
    "permit.memory": "The memory of a permit has a wrong size ({size} bytes). The worker is started again by itself.",
    "pipe.closed": "A process of Sparewatt closed its pipe. It is started again by itself.",
    "pipe.stuck": "A process of Sparewatt does not listen any more. It is started again by itself.",
    "preset.device": "No presets are known for {device}. There are some for: {known}.",
    "preset.none": "No device's sensors have been heard yet, so a preset has no numbers. Try again in a few seconds.",
    "run.exists": "There is a run in this folder already. Choose another folder.",
    "run.missing": "There is no run in this folder. Create one first.",
    "run.unknown": "No such run was joined. Check its name.",
    "sensor.amd_no_training": "{cards} AMD card(s) found. This version cannot train on them yet.",
    "sensor.apple_power": "The watts of this chip are not shown by macOS, so a speed limit is kept instead of a power "
    "cap. Install the package zeus-apple-silicon to have them.",
    "sensor.apple_temperature": "The temperature of this chip is told by macOS only as nominal, fair, serious or "
    "critical; that is what is kept to.",
    "sensor.card_asleep": "{device} sleeps to save power, and reading it would wake it. It is tried again by itself.",
    "sensor.card_gone": "{device} is gone: unplugged, or its driver failed. It is looked for again by itself.",
    "sensor.card_power": "This card's driver shows no power, so a speed limit is kept instead of a power cap.",
    "sensor.card_temperature": "This card's driver shows no temperature. A newer Linux kernel may (6.15 for Intel).",
    "sensor.cpu_power": "This system shows no power of the processor, so a speed limit is kept instead of a power "
    "cap. On Linux the kernel module intel_rapl_msr may bring it, for AMD too; virtual machines and Windows have none.",
    "sensor.cpu_power_locked": "Only the administrator may read the processor's power counter, so a speed limit is "
    "kept instead of a power cap. An administrator can open it (chmod a+r on energy_uj of /sys/class/powercap), which "
    "lets every program measure it.",
    "sensor.cpu_temperature": "This system shows no temperature of the processor, so no limit in degrees is kept on "
    "it. On Linux the kernel module coretemp (Intel) or k10temp (AMD) may bring it; virtual machines and Windows have "
    "none.",
    "sensor.implausible": "This sensor says what cannot be true, so it is not believed. Restart the computer if it "
    "stays so.",
    "sensor.intel_no_training": "{cards} Intel card(s) found. This version cannot train on them yet.",
    "sensor.nvidia": "The NVIDIA driver reports error {code}, so the card is not used. It is tried again by itself.",
    "sensor.nvidia_absent": "No NVIDIA driver was found. Install one if this computer has an NVIDIA card.",
    "sensor.nvidia_driver_changed": "The NVIDIA driver was updated while it ran. Restart the computer.",
    "sensor.nvidia_gone": "The NVIDIA driver is gone, so the card is not used. It is looked for again by itself; "
    "restart the computer if it stays so.",
    "sensor.nvidia_lost": "The NVIDIA card is gone: unplugged, or it failed. Restart the computer if it stays so.",
    "sensor.nvidia_power": "This card shows no power, so a speed limit is kept instead of a power cap.",
    "sensor.nvidia_reset_required": "The NVIDIA card needs a restart. Restart the computer.",
    "sensor.nvidia_restarted": "The NVIDIA driver was started anew. The card is opened again by itself.",
    "sensor.nvidia_temperature": "This card shows no temperature, so no temperature limit can be kept on it.",
    "sensor.nvidia_timeout": "The NVIDIA driver did not answer in time. It is tried again by itself.",
    "sensor.power_missing": "The power of this device cannot be read, so it runs under the speed limit only. A newer "
    "driver may help.",
    "sensor.temperature_missing": "The temperature of this device cannot be read, so its limit cannot be kept. A newer "
    "driver may help.",
    "sensor.unknown_device": "{device} is no device of this computer. Look for devices again.",
    "sensor.waits_for_mains": "Graphics cards are left asleep while the computer runs on its battery. They are looked "
    "for again on mains power.",
    "series.unknown": "There is no series {name}. There are: {known}.",
    "settings.damaged": "Your settings could not be read, so all of them have their defaults. What was there is kept "
    "in {path}. Set them again.",
    "settings.dropped": "Some of your settings could not be understood and have their defaults: {keys}. What was there "
    "is kept in {path}. Set them again.",
    "settings.hours": "\"{part}\" is no span of hours. Use a pattern such as mo-fr 22:00-07:00, or always.",
    "settings.newer": "{path} was written by a newer Sparewatt, so your limits are not known and nothing computes. "
    "Update Sparewatt.",
    "settings.read": "Your settings in {path} cannot be read ({reason}). Check the file's permissions.",
    "settings.revision": "The settings were changed meanwhile (you saw {seen}, now it is {current}). Look, then try "
    "again.",
    "settings.too_many": "There are more than {most} settings. Remove those of devices that are gone.",
    "settings.unknown": "There is no setting {key}. List the settings to see their names.",
    "settings.value": "{key} cannot be {value}. Allowed: {allowed}.",
    "settings.write": "{path} cannot be written ({reason}). Nothing was changed; free some space on the disk.",
    "storage.blob_large": "A file of {size} bytes is larger than the {most} bytes that are allowed. " + _ORGANISER,
    "storage.blob_missing": "The stored file {blob} is missing. It is fetched again by itself.",
    "storage.cache_full": "{needed} bytes more do not fit: {held} of {most} bytes are used. Raise the disk limit, or "
    "leave a run.",
    "storage.damaged": "What is stored in {path} is damaged. Restore it from a copy.",
    "storage.full": "The disk with {folder} is full. Free some space; nothing that was finished is lost.",
    "storage.missing": "{path} is missing. Check the folder's name.",
    "storage.newer": "What is stored was written by a newer Sparewatt (version {found}, known is {known}). Update "
    "Sparewatt.",
    "storage.unusable": "{folder} cannot be used for storage ({code}). Check that it can be written.",
    "worker.base": "The worker holds version {found} instead of {expected}. It is brought up to date by itself.",
    "worker.ended": "A worker ended unexpectedly ({reason}, code {code}). It is started again by itself.",
    "worker.moments": "The second moments of version {number} are not here yet. They are fetched by themselves.",
    "worker.nothing_kept": "A worker left nothing that could be kept. Its work goes to others.",
    "worker.order": "A worker was told {frame} at a wrong time. It is started again by itself.",
    "worker.path": "A worker was told to use {path}, which is outside its folder. It did not.",
})  # fmt: skip

PEER: Final = MappingProxyType({
    "announcement.rollback": "The coordinator announced version {number}, older than {seen} which was seen before. "
    + _ORGANISER,
    "announcement.run": "The coordinator announced a version of another run. " + _ORGANISER,
    "assignment.contributor": "The coordinator sent work that is meant for somebody else. " + _ORGANISER,
    "assignment.device": "The coordinator sent work for a device that did not ask for it. " + _ORGANISER,
    "assignment.ranges": "The coordinator sent work whose data do not fit its {inner_steps} inner steps. "
    + _ORGANISER,
    "assignment.run": "The coordinator sent work of another run. " + _ORGANISER,
    "assignment.shard": "The coordinator sent work on data that the run does not have (shard {shard}). " + _ORGANISER,
    "assignment.tokens": "The coordinator sent work of a wrong size. " + _ORGANISER,
    "data.held_out_short": "The run's held-out data are too short ({tokens} tokens) for one sequence of {sequence}. "
    + _ORGANISER,
    "data.range": "Work names data that its shard does not hold (from {first}, {count} of {held}). " + _ORGANISER,
    "data.token_range": "The run's data hold token {token}, but its vocabulary ends at {vocabulary}. " + _ORGANISER,
    "data.unreadable": "The training data at {path} cannot be read. Check the disk.",
    "frame.chunk": "The other side sent a piece of {size} bytes; {most} are allowed. " + _UPDATE,
    "frame.critical": "The other side needs something of {type} that this version does not know: {field}. " + _UPDATE,
    "frame.duplicate_key": "The other side sent a message that says one thing twice. " + _UPDATE,
    "frame.field": "The other side sent a {type} message that breaks the rules: {detail}. " + _UPDATE,
    "frame.malformed": "The other side sent a message that cannot be read. " + _UPDATE,
    "frame.number": "The other side sent a number that is not allowed: {found}. " + _UPDATE,
    "frame.too_deep": "The other side sent a message nested deeper than {most} levels. " + _UPDATE,
    "frame.too_long": "The other side sent a message of {size} bytes; {most} are allowed. " + _UPDATE,
    "frame.too_many": "The other side sent more than {most} messages at once. " + _UPDATE,
    "frame.unknown_type": "The other side sent a message of an unknown kind: {type}. " + _UPDATE,
    "key.forked": "The run's key was changed in two ways (number {sequence}). " + _ORGANISER,
    "key.retired": "The coordinator used a retired key (number {sequence}, newest {newest}). " + _ORGANISER,
    "key.run": "A key belongs to another run. " + _ORGANISER,
    "key.run_key": "A {kind} was signed with a key that is not the organiser's. " + _ORGANISER,
    "key.too_many": "The run's key was changed more than {most} times. " + _ORGANISER,
    "key.unknown": "A {kind} was signed with a key that the organiser did not name. " + _ORGANISER,
    "keyframe.header": "A version in full has a wrong header. It is fetched again by itself.",
    "keyframe.malformed": "A version in full is damaged ({part}). It is fetched again by itself.",
    "manifest.digest": "The run's description is not the one that the invite names. Do not join; ask for a new invite.",
    "manifest.index": "The run's list of data does not fit its description. " + _ORGANISER,
    "manifest.key": "The run's description is signed with another key than the invite names. Do not join.",
    "merge.plan": "A plan to merge {updates} updates does not hold. The coordinator makes it again by itself.",
    "model.adapter": "The run's adapter names a layer that its model does not have: {target}. " + _ORGANISER,
    "model.architecture": "The run's model is of an unknown kind: {architecture}. Update Sparewatt.",
    "model.frozen": "The run trains an adapter and does not say on what. " + _ORGANISER,
    "model.heads": "The run's model is impossible: {hidden} features in {heads} heads. " + _ORGANISER,
    "model.size": "The run's model is larger than the {most} parameters that are allowed. " + _ORGANISER,
    "model.tensors": "The run's model has {found} tensors instead of {expected}. " + _ORGANISER,
    "model.weights_size": "The weights have {size} bytes instead of {expected}. They are fetched again by themselves.",
    "moments.malformed": "The second moments of an update or a version are damaged ({part}). They were not used; if it "
    "stays so, tell the organiser.",
    "outer_state.malformed": "The state of the run's merging is damaged ({part}). Restore it from a copy.",
    "patch.coordinates": "A patch is for a model of {found} weights instead of {expected}. " + _ORGANISER,
    "patch.malformed": "A patch is damaged ({part}). It is fetched again by itself.",
    "receipt.contradiction": "The coordinator gave two different receipts for {assignment}. Both are kept; tell the "
    "organiser.",
    "receipt.contributor": "A receipt is somebody else's. " + _ORGANISER,
    "receipt.run": "A receipt is of another run. " + _ORGANISER,
    "receipt.update": "The receipt for {assignment} is not for what was sent. " + _ORGANISER,
    "refusal.update": "The refusal of {assignment} is not for what was sent. " + _ORGANISER,
    "run.shard_size": "Shard {shard} has {size} bytes, which is no multiple of {multiple}. " + _ORGANISER,
    "run.shards": "The run has {found} shards instead of {expected}. " + _ORGANISER,
    "run.tokens": "The run has {found} tokens instead of {expected}. " + _ORGANISER,
    "session.changed": "The organiser has changed this run, so nothing is contributed to it. Look at what changed, "
    "then agree to it or leave.",
    "session.protocol": "The coordinator speaks another version of the protocol. " + _UPDATE,
    "session.unknown_run": "The coordinator does not serve this run. Ask the organiser for a new invite.",
    "session.busy": "The coordinator serves {most} contributors already. It is tried again by itself.",
    "session.ended": "The coordinator ended the session. It is tried again by itself.",
    "session.handshake_timeout": "The coordinator did not answer within {seconds} s. It is tried again by itself.",
    "session.not_active": "There is no session with the coordinator now. It is tried again by itself.",
    "session.out_of_order": "The coordinator sent {type} at a wrong time ({state}). " + _UPDATE,
    "session.refused": "The coordinator refused: {words} ({reason}).",
    "session.silent": "The coordinator said nothing for {seconds} s. It is tried again by itself.",
    "session.transcript": "The two sides of the session saw different beginnings. Do not go on if this stays.",
    "session.unasked": "The coordinator answered what was not asked ({type}). " + _UPDATE,
    "session.window": "The other side sent more than {most} pieces without waiting. " + _UPDATE,
    "signature.body": "A signed {kind} cannot be read: {detail}. " + _ORGANISER,
    "signature.invalid": "The signature of a {kind} does not hold. " + _ORGANISER,
    "signature.key": "The key that signed a {kind} is no key. " + _ORGANISER,
    "signature.kind": "A signed {found} came where a {expected} belongs. " + _ORGANISER,
    "signature.run": "A signed {kind} belongs to another run. " + _ORGANISER,
    "training.loss_not_finite": "Training went astray at inner step {inner_step}: the loss is not a number. The work "
    "was given back; if it stays so, tell the organiser.",
    "transfer.ack": "The other side confirmed piece {index}, which was not sent. " + _UPDATE,
    "transfer.bitmap": "The other side listed its pieces wrongly ({length} bytes instead of {expected}). " + _UPDATE,
    "transfer.in_use": "Transfer {transfer} was begun twice. " + _UPDATE,
    "transfer.incomplete": "{missing} pieces of a transfer are missing. It goes on by itself.",
    "transfer.index": "The other side sent piece {index} of {chunks}. " + _UPDATE,
    "transfer.length": "Piece {index} has {length} bytes instead of {expected}. " + _UPDATE,
    "transfer.not_asked": "The other side sent piece {index}, which was not asked for. " + _UPDATE,
    "transfer.size": "A transfer of {size} bytes is larger than the {most} that are allowed. " + _ORGANISER,
    "transfer.spans": "The other side named pieces that are not there (from {first}, {count} of {chunks}). " + _UPDATE,
    "update.coordinates": "A result is for a model of {found} weights instead of {expected}. It was refused.",
    "update.malformed": "A result is damaged ({part}). It was refused.",
    "update.not_finite": "An update holds something that is not a number. It was refused; check the device's memory.",
    "update.payload": "The result for {assignment} changed on the disk before it was sent. Check the disk.",
    "update.too_large": "An update changes the model more than is allowed. It was refused.",
    "version.gap": "Version {number} is missing. It is fetched by itself.",
    "version.number": "Version {found} came where {expected} belongs. " + _ORGANISER,
    "version.size": "A version has a wrong size. It is fetched again by itself.",
    "versions.chain": "Version {number} does not follow from the one before. " + _ORGANISER,
    "versions.keyframe": "There is no version in full before version {number}. " + _ORGANISER,
    "weights.not_finite": "The weights hold something that is not a number. They are fetched again by themselves.",
    "weights.size": "There are {found} weights instead of {expected}. They are fetched again by themselves.",
})  # fmt: skip

RUN: Final = MappingProxyType({
    "contributor.not_trusted": "The run is unaudited, so it takes work only from contributors whom its organiser "
    "trusts. Ask for a trusted invite.",
    "contributor.optimiser_kept": "The run's work goes on from what each computer remembers, so nobody could check it: "
    "it goes only to contributors whom the organiser trusts. Ask for a trusted invite.",
    "contributor.revoked": "The organiser has ended your part in this run. Your receipts stay valid; ask the "
    "organiser why.",
    "contributor.unknown": "No contributor of this run begins with {name}. List them to see their names.",
    "invite.expired": "The invite has expired. Ask the organiser for a new one.",
    "invite.needed": "The run takes only contributors with an invite. Ask the organiser for one.",
    "invite.revoked": "The organiser has withdrawn this invite. Ask for a new one.",
    "invite.unknown_id": "The run has no invite {name}. List them to see their names.",
    "invite.unknown": "The run does not know this invite. Check that all of it was copied.",
    "invite.used_up": "The invite was used as often as it may be. Ask the organiser for a new one.",
    "update.refused": "The result was refused before, and that stays so.",
    "admin.answer": "The coordinator gave an answer that this version does not understand: {detail}. " + _UPDATE,
    "admin.folder": "{folder} could be changed by another user, so no coordinator is looked for in it. Make it yours "
    "alone.",
    "admin.socket": "The coordinator cannot be steered at {path} (system error {number}). Check that it runs.",
    "aggregate.answer": "The process that merges gave a wrong answer ({type}). It is started again by itself.",
    "aggregate.ended": "The process that merges ended. It is started again by itself.",
    "aggregate.slow": "The process that merges took longer than {seconds} s. It is started again by itself.",
    "aggregator.answer": "The process that merges gave a wrong answer. It is started again by itself.",
    "aggregator.died": "The process that merges ended. It is started again by itself.",
    "coordinator.key_damaged": "The coordinator's key in {path} is damaged. Restore it from a copy.",
    "coordinator.key_permissions": "Others can read the coordinator's key in {path}. Make it yours alone (mode 600).",
    "coordinator.running": "A coordinator runs already for {folder}. Stop it first, or use another folder.",
    "coordinator.silent": "The coordinator did not answer within {seconds} s. It may be busy; try again.",
    "checkpoint.architecture": "A model of the kind {architecture} cannot be trained yet; these can: {known}.",
    "checkpoint.field": "The checkpoint's config.json says something that this version cannot train: {field}. Choose "
    "another checkpoint, or correct it.",
    "checkpoint.malformed": "{file} of the checkpoint is damaged ({part}). Fetch it again.",
    "checkpoint.missing": "{path} cannot be read ({reason}). A checkpoint is a folder with config.json and "
    "model.safetensors.",
    "checkpoint.tensors": "The checkpoint's weights do not fit its config.json ({kind}: {name}, {count} in all). "
    "Choose another checkpoint.",
    "export.exists": "{folder} exists already. Choose another folder for the checkpoint.",
    "key.exists": "{path} exists already, and a key is never overwritten. Choose another place.",
    "key.inside": "{path} is inside the run's folder, where the organiser's key must not be. Choose another place.",
    "key.malformed": "{path} holds no key of an organiser. Choose the right file.",
    "key.missing": "There is no key at {path}. Choose the right file.",
    "key.mode": "Others can read the key {path}. Make it yours alone (mode 600).",
    "key.other": "This key is not the organiser's of this run. Choose the right file.",
    "parquet.missing": "The package pyarrow is not installed, and tables need it. Install sparewatt with its create "
    "extra.",
    "run.closed": "The run is closed and takes no more work.",
    "run.words": "The run cannot be described so: {detail}. Shorten or correct it.",
    "serve.address": "{host} cannot be listened on (system error {number}). Choose another address.",
    "serve.address_malformed": "{address} is no address to listen on. Use HOST:PORT, for example 127.0.0.1:7520.",
    "serve.certificate": "{path} holds no certificate, or its key does not fit. Name two PEM files: --certificate and "
    "--certificate-key.",
    "serve.certificate_key": "A certificate needs its key. Name both: --certificate and --certificate-key.",
    "serve.not_loopback": "{host} can be reached from other computers, so connections must be encrypted. Add "
    "--own-certificate, --certificate with --certificate-key, or --behind-proxy.",
    "serve.one_protection": "Only one thing can encrypt. Choose one of --own-certificate, --certificate and "
    "--behind-proxy.",
    "serve.proxy_address": "Behind a proxy only you know where contributors reach it. Add --address HOST or HOST:PORT.",
    "serve.port_in_use": "Port {port} is in use. Choose another, or stop the program that uses it.",
    "text.binary": "{file} is no text: byte {offset} is zero. Convert it, or leave it out.",
    "text.column": "{file} has no column of text named {column}; it has: {known}. Name one with --field.",
    "text.empty": "{file} is empty. Leave it out.",
    "text.field": "Line {line} of {file} has no text in its field {field}; it has: {known}. Name one with --field, or "
    "leave such lines out with --skip-unusable.",
    "text.file_missing": "{file} cannot be read ({reason}). Check that it is still there and may be read.",
    "text.json_line": "Line {line} of {file} is no object in JSON. Correct it, or leave such lines out with "
    "--skip-unusable.",
    "text.line_long": "Line {line} of {file} is longer than {most} bytes. Cut it.",
    "text.missing": "There is no text at {path}. Check the path.",
    "text.not_utf8": "{file} is not UTF-8: line {line} has something else at byte {offset} of the file. Convert it, or "
    "leave it out.",
    "text.parquet": "{file} cannot be read as a table ({reason}). Fetch it again, or leave it out.",
    "text.too_little": "The text is too short: {found} tokens, and {needed} are needed. Add more text, or choose a "
    "smaller model.",
    "text.unreadable": "There is no text in UTF-8 at {path}. Choose other files, or convert them.",
    "tokenizer.end": "Which token of {file} stands between two documents cannot be told. Name it with "
    "--end-of-document.",
    "tokenizer.end_unknown": "{file} has no token {token}. Name another with --end-of-document.",
    "tokenizer.library": "The package tokenizers is not installed. Install sparewatt with its create extra.",
    "tokenizer.malformed": "{file} is no tokenizer that can be used ({reason}). Choose another, or fetch it again.",
    "tokenizer.missing": "{path} cannot be read ({reason}). Name a tokenizer.json, or: bytes.",
    "tokenizer.needed": "{folder} has no tokenizer.json, so nobody can tell which tokens its model knows. Name one "
    "with --tokenizer, or: --tokenizer bytes.",
    "tokenizer.vocabulary": "The tokenizer has {found} tokens and the model knows {most}. Choose the model's own "
    "tokenizer.",
    "torch.missing": "PyTorch is not installed here ({detail}), and this needs it. Install it.",
    "upload.in_use": "This result is being received already. It goes on by itself.",
    "upload.too_many": "{most} results are being received at once already. It is tried again by itself.",
    "version.hash": "A version is {found} instead of {expected}. It is fetched again by itself.",
    "version.unreadable": "The version in {file} cannot be read (system error {code}). Check the disk.",
})  # fmt: skip

ERRORS: Final = MappingProxyType({**HERE, **PEER, **RUN})
