"""What a person should know besides the state."""

import msgspec
import pytest

from sparewatt_desktop.actions import OpenPage, OpenSetting
from sparewatt_desktop.remarks import remarks_of
from sparewatt_desktop.testing.scenes import HOSTILE_TITLE, SCENES


def test_while_all_is_well_nothing_is_remarked() -> None:
    assert remarks_of(SCENES["contributing"].snapshot) == ()


def test_a_run_that_changed_leads_to_what_changed() -> None:
    (remark,) = remarks_of(SCENES["run-changed"].snapshot)
    assert remark.text == "Tales for everyone has changed. Nothing is contributed to it before you agree."
    assert remark.action == OpenPage("See what changed", "join")
    assert remark.tone == "attention"


def test_settings_what_starts_at_logon_and_conflicts_each_lead_to_their_setting() -> None:
    settings, logon, conflict = remarks_of(SCENES["remarks"].snapshot)
    assert "settings.json.damaged" in settings.text
    assert settings.action == OpenPage("Settings", "settings")
    assert "not Sparewatt's" in logon.text
    assert logon.action == OpenSetting("Change", "start_at_logon")
    assert "needs a price of power" in conflict.text
    assert conflict.action == OpenSetting("Change", "power_price_ct_per_kwh")


@pytest.mark.parametrize("title", [HOSTILE_TITLE])
def test_a_hostile_title_stays_short_and_plain(title: str) -> None:
    changed = SCENES["run-changed"].snapshot
    hostile = msgspec.structs.replace(changed, runs=(msgspec.structs.replace(changed.runs[0], title=title),))
    (remark,) = remarks_of(hostile)
    assert len(remark.text) < 300
    assert "\u202e" not in remark.text
