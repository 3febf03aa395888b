"""How to reach the desktop of the person at the screen: the variables that a session sets for its programs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# What the sensor process needs of the engine's environment beyond what every child gets. XAUTHORITY and HOME are for
# libX11, which looks for the person's right to use the display by itself.
SESSION_VARIABLES: Final = (
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "HOME",
    "XDG_RUNTIME_DIR",
    "XDG_SESSION_TYPE",
    "XDG_CURRENT_DESKTOP",
    "XDG_CONFIG_HOME",
    "XDG_DATA_DIRS",
    "DBUS_SESSION_BUS_ADDRESS",
    "DBUS_SYSTEM_BUS_ADDRESS",
)
SYSTEM_BUS: Final = "unix:path=/run/dbus/system_bus_socket"


@dataclass(frozen=True)
class DesktopSession:
    """Attributes:
    kind: as the system names it: ``x11``, ``wayland``, ``tty``; empty where nothing says.
    display, wayland_display: of the two display systems; empty where there is none. Wayland sessions often have both.
    session_bus: D-Bus address; empty where there is none.
    system_bus: D-Bus address; nobody need listen there.
    desktop: names of the desktop, colons between them, such as ``ubuntu:GNOME``; empty where nothing says.
    """

    kind: str = ""
    display: str = ""
    wayland_display: str = ""
    session_bus: str = ""
    system_bus: str = SYSTEM_BUS
    desktop: str = ""

    @property
    def has_screen(self) -> bool:
        """Whether programs of this session can show something."""
        return bool(self.display or self.wayland_display)

    @property
    def on_wayland(self) -> bool:
        return bool(self.wayland_display) or self.kind == "wayland"


def session_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that has to be handed to the sensor process."""
    return {name: environment[name] for name in SESSION_VARIABLES if environment.get(name)}


def desktop_session(environment: Mapping[str, str]) -> DesktopSession:
    """The session that an environment belongs to."""
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    # systemd starts the bus at this place and does not always say so in the environment.
    fallback = f"unix:path={runtime}/bus" if runtime else ""
    return DesktopSession(
        kind=environment.get("XDG_SESSION_TYPE", ""),
        display=environment.get("DISPLAY", ""),
        wayland_display=environment.get("WAYLAND_DISPLAY", ""),
        session_bus=environment.get("DBUS_SESSION_BUS_ADDRESS", "") or fallback,
        system_bus=environment.get("DBUS_SYSTEM_BUS_ADDRESS", "") or SYSTEM_BUS,
        desktop=environment.get("XDG_CURRENT_DESKTOP", ""),
    )
