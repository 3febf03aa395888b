"""How strongly workers are held in by the system, said wherever a person decides by it."""

from collections.abc import Iterable

from sparewatt.process.isolation.layers import LAYERS, Isolation, LayerName


def worst(offered: Isolation, reported: Iterable[tuple[str, ...]]) -> Isolation:
    """What holds for every worker: what this computer offers, less what any worker said it did not get.

    Args:
        offered: `process.isolation.apply.available`.
        reported: the layers in force in each worker that has said so.
    """
    said = tuple(frozenset(layers) for layers in reported)
    in_force: tuple[LayerName, ...] = tuple(
        name for name in LAYERS if name in offered.in_force and all(name in layers for layers in said)
    )
    why = dict(offered.missing)
    missing: tuple[tuple[LayerName, str], ...] = tuple(
        (name, why.get(name, "a worker did not get it")) for name in LAYERS if name not in in_force
    )
    return Isolation(in_force, missing)
