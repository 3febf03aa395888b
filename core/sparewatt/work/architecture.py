"""The model types of `transformers` that can be trained."""

from typing import Literal

Architecture = Literal["llama", "qwen2", "qwen3", "gpt2", "gpt_neox"]
