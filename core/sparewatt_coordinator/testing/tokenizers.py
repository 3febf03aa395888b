"""A tokenizer that can be read off: every word is one token."""

import json
from collections.abc import Sequence

END: str = "<|endoftext|>"


def word_tokenizer(words: Sequence[str]) -> bytes:
    """A ``tokenizer.json`` that knows `words` as tokens 2, 3, …; token 0 ends a document, 1 is any other word."""
    known = {END: 0, "[UNK]": 1, **{word: number for number, word in enumerate(words, 2)}}
    special = {"id": 0, "content": END, "special": True, "single_word": False, "lstrip": False, "rstrip": False,
               "normalized": False}  # fmt: skip
    return json.dumps(
        {
            "version": "1.0",
            "added_tokens": [special],
            "pre_tokenizer": {"type": "WhitespaceSplit"},
            "model": {"type": "WordLevel", "vocab": known, "unk_token": "[UNK]"},
        }
    ).encode()
