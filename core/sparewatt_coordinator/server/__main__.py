"""``python -m sparewatt_coordinator.server --data DIR [--listen HOST:PORT]...``"""

import argparse
import asyncio
import json
import logging
import os
import sys
from pathlib import Path

import msgspec

from sparewatt.clock import SystemClock
from sparewatt.errors import SparewattError
from sparewatt.wording.errors import sentence
from sparewatt_coordinator.gateway.validation import validate_payload
from sparewatt_coordinator.server.aggregators import ChildAggregators, half_of_the_processors
from sparewatt_coordinator.server.coordinator import Settings, run_coordinator
from sparewatt_coordinator.server.encryption import Wanted, split_address
from sparewatt_coordinator.server.folder import DataFolder, Running
from sparewatt_coordinator.server.ports import Aggregator
from sparewatt_coordinator.store.base import RunRecord


def main() -> int:
    """Serve until stopped; one JSON line on standard output says where, or why not."""
    arguments = _parse(sys.argv[1:])
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # A line for every connection would be a flood of its own.
    logging.getLogger("websockets").setLevel(logging.ERROR)
    log = logging.getLogger("sparewatt.coordinator")
    try:
        settings = _settings(arguments)
        asyncio.run(_run(settings, log))
    except SparewattError as error:
        _say({"ready": False, "error": error.error_id, "parameters": error.parameters})
        sys.stderr.write(f"sparewatt: {sentence(error)}\n")
        return error.exit_code
    return 0


async def _run(settings: Settings, log: logging.Logger) -> None:
    def make_aggregator(record: RunRecord, folder: DataFolder) -> Aggregator:
        return ChildAggregators(record.manifest, folder.blobs, dict(os.environ), half_of_the_processors(), log.info)

    await run_coordinator(settings, SystemClock(), make_aggregator, validate_payload, _ready, log)


def _ready(running: Running) -> None:
    _say({"ready": True, **msgspec.to_builtins(running)})


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sparewatt_coordinator.server")
    parser.add_argument("--data", required=True, help="the coordinator's data folder")
    parser.add_argument("--listen", action="append", default=[], help="HOST:PORT; port 0 takes a free one")
    parser.add_argument("--address", default="", help="HOST or HOST:PORT under which contributors reach it")
    parser.add_argument("--certificate", type=Path, help="PEM file, with --certificate-key")
    parser.add_argument("--certificate-key", type=Path, help="PEM file")
    parser.add_argument("--own-certificate", action="store_true", help="make one, and name its key in invites")
    parser.add_argument("--behind-proxy", action="store_true", help="a proxy in front encrypts")
    parser.add_argument("--allow-origin", action="append", default=[], help="a web origin that may connect")
    parser.add_argument(
        "--parent-pipe", action="store_true", help="end when standard input is closed, however its other end ended"
    )
    return parser.parse_args(arguments)


def _settings(arguments: argparse.Namespace) -> Settings:
    """Raises InputError ``serve.address_malformed``."""
    return Settings(
        data=Path(arguments.data),
        listen=tuple(_listening(each) for each in arguments.listen or ["127.0.0.1:0"]),
        parent_pipe=arguments.parent_pipe,
        wanted=Wanted(
            arguments.certificate, arguments.certificate_key, arguments.own_certificate, arguments.behind_proxy
        ),
        address=arguments.address,
        origins=tuple(arguments.allow_origin),
    )


def _listening(text: str) -> tuple[str, int]:
    """One address: the name of this computer stands for two, whose free ports would differ."""
    host, port = split_address(text, None)
    return ("127.0.0.1" if host == "localhost" else host), port


if __name__ == "__main__":
    sys.exit(main())
