"""A tokenizer that can be read off: every word is one token."""

import json
from collections.abc import Sequence

END: str = "<|endoftext|>"


def word_tokenizer(words: Sequence[str]) -> bytes:
    """A ``tokenizer.json`` that knows `words` as tokens 1, 2, …; 0 is any other word, the last one ends a document."""
    known = {"[UNK]": 0, **{word: number for number, word in enumerate(words, 1)}}
    special = {"id": len(known), "content": END, "special": True, "single_word": False, "lstrip": False,
               "rstrip": False, "normalized": False}  # fmt: skip
    return json.dumps(
        {
            "version": "1.0",
            "added_tokens": [special],
            "pre_tokenizer": {"type": "WhitespaceSplit"},
            "model": {"type": "WordLevel", "vocab": known, "unk_token": "[UNK]"},
        }
    ).encode()
