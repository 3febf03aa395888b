"""An engine that a desktop started does not outlive it for long."""

from sparewatt.engine.attendance import ALONE_MOST_S, Attendance


def test_somebody_who_is_connected_keeps_the_engine() -> None:
    attendance = Attendance(0.0)
    assert not any(attendance.alone(1, float(second)) for second in range(0, 10_000, 2))


def test_the_engine_ends_a_minute_after_the_last_one_left() -> None:
    attendance = Attendance(0.0)
    assert not attendance.alone(1, 500.0)
    assert not attendance.alone(0, 500.0 + ALONE_MOST_S - 0.1)
    assert attendance.alone(0, 500.0 + ALONE_MOST_S)


def test_who_comes_back_in_time_keeps_it() -> None:
    attendance = Attendance(0.0)
    attendance.alone(0, ALONE_MOST_S - 1)
    assert not attendance.alone(1, ALONE_MOST_S)
    assert not attendance.alone(0, 2 * ALONE_MOST_S - 1)


def test_a_desktop_that_never_connects_does_not_leave_an_engine_behind() -> None:
    assert Attendance(100.0).alone(0, 100.0 + ALONE_MOST_S)
