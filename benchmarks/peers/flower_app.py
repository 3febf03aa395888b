"""The task as a Flower app: `server` averages weights once a round, `client` trains a round's inner steps.

It is copied, with `small_model`, into the app that `flower_run` makes, and runs in Flower's own processes.
"""

from pathlib import Path

from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from .small_model import batches, inner_step, optimiser_of, save_weights, start_model, task_facts, teller

server = ServerApp()
client = ClientApp()


@server.main()
def serve(grid: Grid, context: Context) -> None:
    """As many rounds as the task has averages; a client that is gone is no reason to wait for a second one."""
    folder, place = Path(str(context.run_config["folder"])), Path(str(context.run_config["place"]))
    facts, tell = task_facts(folder), teller(place / "said-server")
    model = start_model(folder)
    tell(begun=True)

    def publish(number: int, arrays: ArrayRecord) -> MetricRecord:
        tell(average=number)
        model.load_state_dict(arrays.to_torch_state_dict())
        save_weights(model, place / "weights.safetensors")
        return MetricRecord()

    strategy = FedAvg(fraction_evaluate=0.0, min_train_nodes=1, min_available_nodes=1)
    strategy.start(
        grid=grid,
        initial_arrays=ArrayRecord(model.state_dict()),
        num_rounds=facts["averages"],
        evaluate_fn=publish,
    )
    tell(ended=True)


@client.train()
def train(message: Message, context: Context) -> Message:
    """The inner steps of one round, from the weights that came and a new optimiser."""
    folder, place = Path(str(context.run_config["folder"])), Path(str(context.run_config["place"]))
    facts, index = task_facts(folder), int(context.node_config["index"])
    tell = teller(place / f"said-{index}")
    model = start_model(folder)
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    optimiser = optimiser_of(model, facts)
    count = facts["inner_steps"]
    first = (int(message.content["config"]["server-round"]) - 1) * count
    for step, batch in enumerate(batches(folder, index)):
        if first <= step < first + count:
            tell(step=step, loss=inner_step(model, optimiser, batch, facts, step))
    content = RecordDict(
        {
            "arrays": ArrayRecord(model.state_dict()),
            "metrics": MetricRecord({"num-examples": count * facts["batch_sequences"]}),
        }
    )
    return Message(content=content, reply_to=message)
