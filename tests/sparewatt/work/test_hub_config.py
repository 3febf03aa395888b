import pytest

from sparewatt.errors import InputError
from sparewatt.work.hub_config import hub_config, spec_of
from sparewatt.work.model import ModelSpec

SPECS = {
    "llama": ModelSpec("llama", 300, 32, 64, 2, 4, 2, 32, "separate"),
    "qwen2": ModelSpec("qwen2", 300, 32, 64, 2, 4, 2, 32, "tied", 1_000_000, 1_000),
    "qwen3": ModelSpec("qwen3", 300, 32, 64, 2, 4, 2, 32, "tied", 1_000_000, 1_000, head_size=16),
    "gpt2": ModelSpec("gpt2", 300, 32, 128, 2, 4, 4, 32, "tied"),
    "gpt_neox": ModelSpec(
        "gpt_neox", 300, 32, 64, 2, 4, 4, 32, "separate", rotary_share_micro=250_000, residual="sequential"
    ),
}
every = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())


@every
def test_a_spec_comes_back_from_its_configuration(spec: ModelSpec) -> None:
    assert spec_of(hub_config(spec)) == spec


@every
def test_a_configuration_as_older_versions_of_transformers_wrote_it_is_read_alike(spec: ModelSpec) -> None:
    config = hub_config(spec)
    config.pop("rope_parameters", None)
    assert (
        spec_of({**config, "torch_dtype": "bfloat16", "transformers_version": "4.40.0", "rope_scaling": None}) == spec
    )


@every
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("auto_map", {"AutoModel": "code.Model"}),
        ("quantization_config", {"bits": 4}),
        ("hidden_act", "relu6"),
        ("activation_function", "relu6"),
        ("rope_scaling", {"type": "linear", "factor": 2.0}),
        ("sliding_window", 4096),
        ("num_experts", 8),
        ("vocab_size", 10**12),
        ("vocab_size", "many"),
        ("vocab_size", None),
        ("vocab_size", True),
        ("tie_word_embeddings", "yes"),
    ],
)
def test_what_would_be_trained_otherwise_than_it_was_made_is_refused_by_name(
    spec: ModelSpec, field: str, value: object
) -> None:
    with pytest.raises(InputError) as caught:
        spec_of({**hub_config(spec), field: value})
    assert caught.value.error_id == "checkpoint.field"


@pytest.mark.parametrize("model_type", ["mamba", "", None, ["llama"], "llama\n"])
def test_a_type_that_is_not_on_the_list_is_refused(model_type: object) -> None:
    with pytest.raises(InputError, match=r"checkpoint\.architecture"):
        spec_of({"model_type": model_type})


def test_sizes_that_a_checkpoint_leaves_open_follow_from_others() -> None:
    gpt2 = ModelSpec("gpt2", 300, 32, 128, 2, 4, 4, 32, "tied")
    assert spec_of({**hub_config(gpt2), "n_inner": None}) == gpt2
    llama = ModelSpec("llama", 300, 32, 64, 2, 4, 4, 32, "separate")
    assert spec_of({**hub_config(llama), "num_key_value_heads": None, "head_dim": None}) == llama
