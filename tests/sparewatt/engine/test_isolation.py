from sparewatt.engine.isolation import worst
from sparewatt.process.isolation.layers import LAYERS, Isolation

FULL = Isolation(LAYERS, ())


def test_before_any_worker_it_is_what_the_computer_offers() -> None:
    assert worst(FULL, ()) == FULL
    offered = Isolation(("privileges",), (("files", "no Landlock"), ("connections", "x"), ("programs", "x")))
    assert worst(offered, ()).missing_names == ("files", "connections", "programs")


def test_the_weakest_worker_decides() -> None:
    found = worst(FULL, [LAYERS, ("privileges", "connections", "programs")])
    assert found.level == "partial"
    assert found.missing_names == ("files",)
    assert worst(FULL, [("unheard_of",)]).level == "none"
