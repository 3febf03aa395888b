from pathlib import Path

from sparewatt.process.isolation.layers import LAYERS, Isolation, nothing
from sparewatt.process.isolation.places import readable_places


def test_the_level_says_how_many_layers_hold() -> None:
    assert Isolation(LAYERS, ()).level == "full"
    assert Isolation(("privileges",), (("files", "no Landlock"),)).level == "partial"
    assert nothing("not offered").level == "none"
    assert nothing("not offered").missing_names == LAYERS


def test_no_place_is_the_home_or_holds_it() -> None:
    assert Path("/usr") in readable_places(Path("/nonexistent/somebody"), accelerator=False)
    for home in (Path("/usr/local/home"), Path("/usr")):
        assert all(not home.is_relative_to(place) for place in readable_places(home, accelerator=True))
