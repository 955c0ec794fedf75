"""``datetime`` in a task: the stage's clock, and plain dates all the same."""

from __future__ import annotations

import copy
import datetime
import datetime as whole_module
import json
import pickle
import time
from dataclasses import dataclass, field
from datetime import date
from datetime import datetime as moment_class

import pytest

import greenroom

UTC = datetime.UTC
EPOCH = greenroom.clock.EPOCH_NS / 1e9


@dataclass
class Stamped:
    at: moment_class = field(default_factory=moment_class.now)
    utc: moment_class = field(default_factory=lambda: moment_class.now(UTC))


def on_stage(scenario):
    return greenroom.run(scenario).result


def test_now_is_virtual_however_it_is_reached():
    def scenario():
        import datetime as again  # noqa: PLC0415 - inside the task is the point
        from datetime import datetime as once_more  # noqa: PLC0415 - as above

        time.sleep(90_000)
        moments = [
            datetime.datetime.now(UTC),
            whole_module.datetime.now(tz=UTC),
            moment_class.now(UTC),
            again.datetime.now(UTC),
            once_more.now(UTC),
            moment_class.now().astimezone(UTC),
            moment_class.today().astimezone(UTC),
            moment_class.utcnow().replace(tzinfo=UTC),
            Stamped().utc,
            Stamped().at.astimezone(UTC),
            moment_class.fromtimestamp(time.time(), UTC),
        ]
        return {moment.timestamp() for moment in moments}, date.today() == moment_class.now().date() == datetime.date.today()

    assert on_stage(scenario) == ({EPOCH + 90_000}, True)


def test_time_that_passes_is_exact():
    def scenario():
        before = moment_class.now(UTC)
        time.sleep(0.000_001)
        return moment_class.now(UTC) - before

    assert on_stage(scenario) == datetime.timedelta(microseconds=1)


def test_what_is_made_is_a_plain_date():
    def scenario():
        now = moment_class.now(UTC)
        made = [
            now,
            moment_class(2026, 2, 3, 4, tzinfo=UTC),
            moment_class.strptime("2026-02-03", "%Y-%m-%d"),
            moment_class.fromisoformat("2026-02-03T04:05:06"),
            moment_class.combine(date(2026, 2, 3), datetime.time(4)),
            moment_class.min,
            now + datetime.timedelta(days=1),
            now.replace(year=2030),
            pickle.loads(pickle.dumps(now)),
            copy.deepcopy(now),
        ]
        dates = [
            date(2026, 2, 3),
            date.today(),
            date.fromisoformat("2026-02-03"),
            date.fromordinal(700_000),
            pickle.loads(pickle.dumps(date.today())),
        ]
        checks = [isinstance(moment, moment_class) and isinstance(moment, date) for moment in made]
        checks += [isinstance(day, date) and not isinstance(day, moment_class) for day in dates]
        checks += [
            issubclass(moment_class, date),
            not issubclass(date, moment_class),
            not issubclass(int, date),
            not isinstance(3, moment_class),
        ]
        return made + dates, checks, json.dumps(now.isoformat()), f"{now:%Y}"

    made, checks, _, _ = on_stage(scenario)
    assert {type(value) for value in made} == {datetime.datetime, datetime.date}
    assert all(checks)


def test_a_subclass_that_is_written_on_the_stage_has_the_stages_clock():
    def scenario():
        class Mine(moment_class):
            def double(self):
                return self.year * 2

        class Day(date):
            pass

        now, day = Mine.now(UTC), Day.today()
        return (
            type(now) is Mine,
            now.double() == now.year * 2,
            now.timestamp(),
            type(day) is Day,
            isinstance(moment_class.now(), Mine),
            issubclass(Mine, date),
        )

    assert on_stage(scenario) == (True, True, EPOCH, True, False, True)


def test_types_stay_what_they_were_as_keys_and_in_unions():
    def scenario():
        names = {moment_class: "moment", date: "day"}
        match moment_class.now():
            case moment_class(year=year):
                matched = year
            case _:
                matched = None
        return names[datetime.datetime], names[type(moment_class.now())], isinstance(None, moment_class | None), matched is not None

    assert on_stage(scenario) == ("moment", "moment", True, True)


def test_outside_every_task_and_afterwards_it_is_real():
    with greenroom.Stage(greenroom.policies.policy_named("fifo", 0)):
        inside = [moment_class.now(UTC), datetime.datetime.now(UTC), moment_class.utcnow().replace(tzinfo=UTC)]
        assert date.today() == datetime.date.today()
    assert all(abs(moment.timestamp() - time.time()) < 600 for moment in inside)
    assert moment_class is datetime.datetime is whole_module.datetime
    assert type(datetime.datetime) is type
    assert type(datetime).__name__ == "module"


def test_the_module_of_the_standard_library_is_not_touched():
    import email.utils  # noqa: PLC0415 - a user of datetime that is no program

    def scenario():
        return type(email.utils.datetime).__name__, email.utils.datetime.datetime.__class__ is type

    assert on_stage(scenario) == ("module", True)


def test_an_unknown_name_of_the_module_is_an_attribute_error():
    def scenario():
        with pytest.raises(AttributeError):
            _ = datetime.nothing
        return whole_module.UTC is UTC, "datetime" in dir(datetime)

    assert on_stage(scenario) == (True, True)
