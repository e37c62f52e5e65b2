"""The schedule builds the cycle that has just ended, for every cadence and for years without a reload."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

# What the daemon iterates over.
from dagster._utils.schedules import schedule_execution_time_iterator
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline import steps
from anchor_pipeline.errors import DeclarationError
from anchor_pipeline.orchestration.automation.missed import LOOK_BACK
from anchor_pipeline.orchestration.definitions import definitions_for
from anchor_pipeline.project import Project, load_project
from anchor_pipeline.project.cycles import CADENCES
from anchor_pipeline_tests.documents import project_at
from anchor_pipeline_tests.projects import PROJECT, small_project

CYCLE = "cycle: {cadence: yearly, start: 2019-01-01}"


def declared(folder: Path, cycle: str = CYCLE, automation: str = "schedule") -> Project:
    return project_at(folder, PROJECT.replace(CYCLE, f"{cycle}\nautomation: {automation}"))


class Ticking:
    """The schedule of a project, as a code location has it that was loaded once."""

    def __init__(self, project: Project, instance: dg.DagsterInstance | None = None) -> None:
        self.project = project
        self.repository = definitions_for(project, key_prefix=()).get_repository_def()
        self.schedule = self.repository.get_schedule_def("build_on_schedule")
        self.instance = instance

    def times(self, start: datetime, number: int) -> list[datetime]:
        ticks = schedule_execution_time_iterator(
            start.timestamp(), str(self.schedule.cron_schedule), self.schedule.execution_timezone, ascending=True
        )
        return [next(ticks) for _ in range(number)]

    def at(self, moment: datetime) -> list[dg.RunRequest]:
        with dg.build_schedule_context(
            instance=self.instance, scheduled_execution_time=moment, repository_def=self.repository
        ) as context:
            return list(self.schedule.evaluate_tick(context).run_requests or [])

    def keys(self, moment: datetime) -> list[str | None]:
        return [request.partition_key for request in self.at(moment)]


@pytest.fixture(scope="module")
def ticking(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ticking]:
    cycles = {name: f"cycle: {{cadence: {name}, start: 1999-06-15}}" for name in CADENCES}
    cycles["cron"] = 'cycle: {cron: "30 6 * * 1,4", start: 1999-06-15}'
    return {name: Ticking(declared(tmp_path_factory.mktemp(name), cycle)) for name, cycle in cycles.items()}


@settings(deadline=None, max_examples=150)
@given(
    cadence=st.sampled_from([*CADENCES, "cron"]),
    moment=st.datetimes(datetime(2000, 6, 20), datetime(2070, 1, 1), timezones=st.just(UTC)),
)
def test_every_tick_asks_for_the_cycle_that_has_just_ended(
    ticking: dict[str, Ticking], cadence: str, moment: datetime
) -> None:
    one = ticking[cadence]
    first, second = one.times(moment, 2)
    (key,), (following,) = one.keys(first), one.keys(second)
    assert key is not None
    assert following is not None
    calendar = one.project.calendar
    assert calendar.at(key).end == first, "the tick is the end of the cycle"
    assert calendar.at(following).start == first, "and no cycle is left out"


@pytest.mark.parametrize(
    ("cadence", "after", "expected"),
    [
        ("daily", "23h", [("2024-02-29T23", "2024-02-28"), ("2024-03-01T23", "2024-02-29")]),
        ("weekly", "6d", [("2024-03-03T00", "2024-02-19"), ("2024-03-10T00", "2024-02-26")]),
        ("monthly", "27d", [("2024-03-28T00", "2024-02"), ("2024-04-28T00", "2024-03")]),
        ("quarterly", "50h", [("2024-04-03T02", "2024-01"), ("2024-07-03T02", "2024-04")]),
        ("yearly", "2w", [("2025-01-15T00", "2024"), ("2026-01-15T00", "2025")]),
    ],
)
def test_a_delay_builds_the_same_cycles_later(
    tmp_path: Path, cadence: str, after: str, expected: list[tuple[str, str]]
) -> None:
    cycle = f"cycle: {{cadence: {cadence}, start: 2020-01-01}}"
    one = Ticking(declared(tmp_path, cycle, f"{{mode: schedule, after: {after}}}"))
    times = one.times(datetime(2024, 2, 28, 23, 30, tzinfo=UTC), 2)
    assert [(f"{time:%Y-%m-%dT%H}", *one.keys(time)) for time in times] == expected


@pytest.mark.parametrize(
    ("cycle", "after", "said"),
    [
        ("{cadence: daily, start: 2020-01-01}", "24h", "must be shorter than 1d"),
        ("{cadence: hourly, start: 2020-01-01}", "1h", "built as soon as they end"),
        ('{cron: "0 6 * * *", start: 2020-01-01}', "1h", "let the cron expression tick later"),
        ("{cadence: yearly, start: 2020-01-01}", "1mo", "no fixed length"),
        ("{cadence: yearly, start: 2020-01-01}", "30d", "must be shorter than 28d"),
    ],
)
def test_a_delay_that_cannot_be_is_refused_with_its_line(tmp_path: Path, cycle: str, after: str, said: str) -> None:
    with pytest.raises(DeclarationError, match=said) as caught:
        declared(tmp_path, f"cycle: {cycle}", f"{{mode: schedule, after: {after}}}")
    assert "project.yaml:5:" in str(caught.value)


def test_nothing_is_built_before_the_first_cycle_is_over(tmp_path: Path) -> None:
    one = Ticking(declared(tmp_path, "cycle: {cadence: yearly, start: 2019-06-01}"))
    assert one.keys(datetime(2019, 1, 1, tzinfo=UTC)) == []
    assert one.keys(datetime(2020, 1, 1, tzinfo=UTC)) == ["2019"]


def test_a_running_cycle_is_built_for_good_when_it_is_over(tmp_path: Path) -> None:
    one = Ticking(declared(tmp_path, "cycle: {cadence: yearly, start: 2019-01-01, unfinished: true}"))
    assert one.keys(datetime(2021, 1, 1, tzinfo=UTC)) == ["2020"]


@pytest.mark.parametrize(
    ("automation", "expected"),
    [("schedule", "RUNNING"), ("{after: 2h}", "STOPPED"), ("manual", "STOPPED"), ("declarative", "STOPPED")],
)
def test_the_schedule_runs_by_itself_only_if_that_is_declared(tmp_path: Path, automation: str, expected: str) -> None:
    assert Ticking(declared(tmp_path, CYCLE, automation)).schedule.default_status.value == expected


def test_a_declaration_without_automation_starts_nothing(tmp_path: Path) -> None:
    one = Ticking(project_at(tmp_path, PROJECT))
    assert one.schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert one.keys(datetime(2021, 1, 1, tzinfo=UTC)) == ["2020"], "but it can be switched on"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cycle 2020 was built: one stage released, the other refused."""
    folder = tmp_path_factory.mktemp("built")
    small_project(folder)
    project = declared(folder)
    place, cycle = steps.Workplace(project), project.calendar.at("2020")
    steps.plan_all(place, list(project.stages), cycle)
    steps.release(place, "lawful", cycle)
    return folder


@pytest.fixture
def built(once: Path, tmp_path: Path) -> Iterator[Ticking]:
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        yield Ticking(load_project(shutil.copytree(once, tmp_path / "project")), instance)


def test_cycles_missed_in_a_downtime_are_built_at_the_next_tick_and_none_of_the_past(built: Ticking) -> None:
    assert built.keys(datetime(2021, 1, 1, tzinfo=UTC)) == ["2020"]
    assert built.keys(datetime(2024, 1, 1, tzinfo=UTC)) == ["2021", "2022", "2023"], "2019 was never asked for"
    requests = built.at(datetime(2024, 1, 1, tzinfo=UTC))
    assert len({request.run_key for request in requests}) == 3


def test_a_cycle_that_broke_off_is_built_again_and_a_refused_one_is_not(built: Ticking) -> None:
    tick = datetime(2022, 1, 1, tzinfo=UTC)
    # 2019 is older than everything in the store, and stays so: what is asked about is 2020.
    store = built.project.store_path
    (store / "selection/greedy/2019").mkdir()
    assert built.keys(tick) == ["2021"], "2020 came to a release and a refusal"
    (store / "selection/greedy/2020/verdict.json").unlink()
    assert built.keys(tick) == ["2020", "2021"]


def test_a_cycle_whose_build_is_under_way_is_not_asked_for_again(built: Ticking) -> None:
    assert built.instance is not None
    for cycle, status in (("2021", dg.DagsterRunStatus.STARTED), ("2022", dg.DagsterRunStatus.FAILURE)):
        built.instance.create_run_for_job(
            built.repository.get_job("build_all"), tags={"dagster/partition": cycle}, status=status
        )
    assert built.keys(datetime(2024, 1, 1, tzinfo=UTC)) == ["2022", "2023"]


def test_catching_up_is_bounded(built: Ticking) -> None:
    keys = built.keys(datetime(2020 + 3 * LOOK_BACK, 1, 1, tzinfo=UTC))
    assert len(keys) == LOOK_BACK + 1
    assert keys[-1] == str(2020 + 3 * LOOK_BACK - 1)


def test_a_store_that_cannot_be_asked_does_not_stop_the_schedule(built: Ticking) -> None:
    (built.project.store_path / "selection/lawful/2021/verdict.json").mkdir(parents=True)
    assert built.keys(datetime(2024, 1, 1, tzinfo=UTC)) == ["2023"]


def test_requests_say_which_cycle_they_are_for(built: Ticking) -> None:
    (request,) = built.at(datetime(2021, 1, 1, tzinfo=UTC))
    assert request.tags["anchor/cycle"] == request.tags["dagster/partition"] == "2020"
    assert request.tags["anchor/project"] == "small"


def test_a_tick_is_evaluated_within_a_second_for_years_of_hourly_cycles(ticking: dict[str, Ticking]) -> None:
    start = datetime.now(UTC)
    assert ticking["hourly"].keys(datetime(2069, 1, 1, tzinfo=UTC)) == ["2068-12-31T23"]
    assert datetime.now(UTC) - start < timedelta(seconds=1)
