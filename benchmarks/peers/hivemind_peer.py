"""One contributor of hivemind, which averages gradients when all have gathered a batch together.

Runs in an environment with hivemind and torch:

    python hivemind_peer.py TEXT INDEX PEERS SECONDS [ADDRESS]

It prints its own address, then one line of JSON for every inner step.
"""

import json
import sys
import time
from pathlib import Path

import hivemind
import torch

VOCABULARY, WIDTH, LENGTH, BATCH = 256, 96, 64, 8


class Model(torch.nn.Module):
    """A small transformer over bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(VOCABULARY, WIDTH)
        self.places = torch.nn.Embedding(LENGTH, WIDTH)
        layer = torch.nn.TransformerEncoderLayer(WIDTH, 4, 256, dropout=0.0, batch_first=True, norm_first=True)
        self.layers = torch.nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
        self.head = torch.nn.Linear(WIDTH, VOCABULARY)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Mean cross-entropy of each next byte, in nats."""
        seen, wanted = tokens[:, :-1], tokens[:, 1:]
        mask = torch.nn.Transformer.generate_square_subsequent_mask(seen.shape[1])
        hidden = self.embedding(seen) + self.places.weight[: seen.shape[1]]
        logits = self.head(self.layers(hidden, mask=mask, is_causal=True))
        return torch.nn.functional.cross_entropy(logits.reshape(-1, VOCABULARY), wanted.reshape(-1))


def main(text: Path, index: int, peers: int, seconds: float, address: str | None) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(1)
    model = Model()
    data = torch.frombuffer(bytearray(text.read_bytes()), dtype=torch.uint8).long()
    dht = hivemind.DHT(start=True, host_maddrs=["/ip4/127.0.0.1/tcp/0"], initial_peers=[address] if address else [])
    say({"address": str(dht.get_visible_maddrs()[0])})
    optimiser = hivemind.Optimizer(
        dht=dht,
        run_id="benchmark",
        batch_size_per_step=BATCH,
        target_batch_size=BATCH * peers,
        optimizer=torch.optim.AdamW(model.parameters(), lr=1e-3),
        matchmaking_time=1.0,
        averaging_timeout=20.0,
        verbose=False,
    )
    random = torch.Generator().manual_seed(index)
    began = time.monotonic()
    steps = 0
    while time.monotonic() - began < seconds:
        starts = torch.randint(0, len(data) - LENGTH, (BATCH,), generator=random)
        loss = model(torch.stack([data[start : start + LENGTH] for start in starts]))
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        steps += 1
        say({"step": steps, "epoch": optimiser.local_epoch, "loss": loss.item(), "at": time.monotonic() - began})
    optimiser.shutdown()
    dht.shutdown()


def say(found: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), *(sys.argv[5:] or [None]))
