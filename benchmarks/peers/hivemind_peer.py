"""One contributor of hivemind: it trains on its own, and weights are averaged when all have gathered a batch together.

    python -m benchmarks.peers.hivemind_peer FOLDER INDEX STEPS SAID [ADDRESS]

It tells its own address, then a line for every inner step, and writes its weights at the end.
"""

import sys
import time
from pathlib import Path

import hivemind

from benchmarks.peers.small_model import (
    batches,
    inner_step,
    optimiser_of,
    save_weights,
    start_model,
    task_facts,
    teller,
)


def main(folder: Path, index: int, steps: int, said: Path, address: str | None) -> None:
    tell = teller(said)
    facts = task_facts(folder)
    model = start_model(folder)
    dht = hivemind.DHT(start=True, host_maddrs=["/ip4/127.0.0.1/tcp/0"], initial_peers=[address] if address else [])
    optimiser = hivemind.Optimizer(
        dht=dht,
        run_id="benchmark",
        batch_size_per_step=facts["batch_sequences"],
        target_batch_size=facts["contributors"] * facts["inner_steps"] * facts["batch_sequences"],
        optimizer=optimiser_of(model, facts),
        use_local_updates=True,
        matchmaking_time=1.0,
        averaging_timeout=20.0,
        verbose=True,
    )
    tell(address=str(dht.get_visible_maddrs()[0]))
    begin = said.with_name("begin")
    while not begin.exists():
        time.sleep(0.05)
    for step, batch in zip(range(steps), batches(folder, index), strict=False):
        loss = inner_step(model, optimiser, batch, facts, step)
        tell(step=step, epoch=optimiser.local_epoch, loss=loss)
    save_weights(model, said.with_suffix(".safetensors"))
    tell(ended=True)
    optimiser.shutdown()
    dht.shutdown()


if __name__ == "__main__":
    where, number, count, told, *others = sys.argv[1:]
    main(Path(where), int(number), int(count), Path(told), others[0] if others else None)
