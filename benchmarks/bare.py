"""The reference: a plain PyTorch loop, with nothing of Sparewatt around it but the model's shape.

``python -m benchmarks.bare --sequences 16 --length 128 --steps 1`` prints a line of JSON after so many steps, or with
``--seconds`` its speed over so long.
"""

import argparse
import json
import sys
import time

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from sparewatt.work.model import ModelSpec
from sparewatt_coordinator.create.profile import try_profile

WARM_STEPS = 3


def model_of(spec: ModelSpec) -> torch.nn.Module:
    """The same architecture and size as `spec`, with random weights."""
    config = LlamaConfig(
        vocab_size=spec.vocabulary_size,
        hidden_size=spec.hidden_size,
        intermediate_size=spec.intermediate_size,
        num_hidden_layers=spec.layers,
        num_attention_heads=spec.heads,
        num_key_value_heads=spec.key_value_heads,
        max_position_embeddings=spec.context_length,
        tie_word_embeddings=spec.embeddings == "tied",
    )
    return LlamaForCausalLM(config)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    profile = try_profile(1, 60.0)
    sequences, length = profile.inner.batch_sequences, profile.sequence_length
    model = model_of(profile.model)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)
    tokens = torch.randint(0, profile.model.vocabulary_size, (sequences, length))

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        model(input_ids=tokens, labels=tokens, use_cache=False).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()

    step()
    if options.seconds <= 0:
        say({"steps": 1})
        return
    for _ in range(WARM_STEPS):
        step()
    began, steps = time.monotonic(), 0
    while time.monotonic() - began < options.seconds:
        step()
        steps += 1
    say({"tokens_per_s": steps * sequences * length / (time.monotonic() - began)})


def say(found: dict[str, float]) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
