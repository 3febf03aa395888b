"""What a person reads of a run before they consent."""

import msgspec

from sparewatt.signing import digest
from sparewatt.wording.units import count_words
from sparewatt.work.adapter import AdapterSpec
from sparewatt.work.invite import Invite
from sparewatt.work.manifest import Manifest
from sparewatt.work.model import frozen_count, parameter_count
from sparewatt_coordinator.testing.runs import manifest
from sparewatt_desktop.presentation.manifest_words import about_facts


def model_words(found: Manifest) -> str:
    facts = about_facts(found, Invite("wss://run.example", digest(found), "0" * 64, "secret"))
    return next(fact.value for fact in facts if fact.name == "Model")


def test_a_model_that_is_trained_whole_says_its_size() -> None:
    found = manifest()
    assert model_words(found) == f"llama, {count_words(parameter_count(found.model))} parameters"


def test_an_adapter_says_what_it_stands_on_too() -> None:
    plain = manifest()
    adapter = AdapterSpec(rank=2, alpha=4, targets=("q_proj", "v_proj"))
    model = msgspec.structs.replace(plain.model, adapter=adapter)
    found = msgspec.structs.replace(plain, task="causal-lm-lora", model=model, frozen=plain.start_keyframe)
    assert frozen_count(model) == parameter_count(plain.model)
    trained, frozen = count_words(parameter_count(model)), count_words(frozen_count(model))
    assert model_words(found) == f"llama, an adapter of {trained} parameters on {frozen} that stay"
