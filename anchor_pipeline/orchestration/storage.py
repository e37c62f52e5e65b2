"""Where Dagster keeps runs, events and schedules: PostgreSQL if the environment names one, SQLite otherwise.

dagster.yaml names `StorageByEnvironment` as its instance class. All it changes is the default for `storage`: what
comes out is Dagster's own storage, as if dagster.yaml had said `storage: {postgres: {postgres_url: {env: …}}}`.

The address is handed on as the name of the variable, never as its value. So the password shows neither in the UI nor
in command lines, and a run worker that lacks the variable stops instead of writing its events somewhere else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import dagster as dg

# Internal, but what dagster.yaml itself goes through; test_storage.py holds what we rely on.
from dagster._core.instance.ref import InstanceRef, configurable_storage_data
from dagster._serdes import ConfigurableClassData

from anchor_pipeline.errors import Unavailable, UsageError

POSTGRES_URL = "DAGSTER_POSTGRES_URL"
"""The variable: postgresql://USER:PASSWORD@HOST:PORT/DATABASE; unset or empty means SQLite in DAGSTER_HOME."""

_STORAGES = ("storage", "run_storage", "event_log_storage", "schedule_storage")


class StorageByEnvironment(dg.DagsterInstance):
    """Dagster's instance, with a default storage that depends on the environment."""

    @classmethod
    def config_schema(cls) -> Mapping[str, Any]:
        """Keys of dagster.yaml that this class adds: none."""
        return {}

    @staticmethod
    def config_defaults(base_dir: str) -> Mapping[str, ConfigurableClassData | None]:
        """What holds for keys that dagster.yaml leaves out. UsageError if the address cannot be one."""
        defaults = dict(InstanceRef.config_defaults(base_dir))
        sqlite = {
            "module": "anchor_pipeline.orchestration.sqlite",
            "class": "SqliteStorage",
            "config": {"base_dir": base_dir},
        }
        defaults["storage"] = configurable_storage_data({"custom": sqlite}, {})[0]
        address = os.environ.get(POSTGRES_URL)
        if address:
            _check(address)
            postgres = configurable_storage_data({"postgres": {"postgres_url": {"env": POSTGRES_URL}}}, {})
            defaults.update(zip(_STORAGES, postgres, strict=True))
        return defaults


def _check(address: str) -> None:
    """UsageError unless SQLAlchemy can read the address as one of PostgreSQL; the message never repeats it."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(address)
        fitting = url.get_backend_name() == "postgresql" and bool(url.database)
    except (ArgumentError, ValueError):
        fitting = False
    if not fitting:
        # `from None` and no value: both may hold the password.
        raise UsageError(
            f"{POSTGRES_URL} must read postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the "
            "password percent-encoded; its value is not shown here as it may hold a password"
        ) from None


def open_instance() -> dg.DagsterInstance:
    """The instance of DAGSTER_HOME. Raises Unavailable, naming the server but no password, if PostgreSQL is away."""
    if not os.environ.get(POSTGRES_URL):
        return dg.DagsterInstance.get()
    from dagster_postgres.utils import DagsterPostgresException

    try:
        return dg.DagsterInstance.get()
    except DagsterPostgresException as error:
        said = str(error.__cause__ or error).strip().splitlines()[0]
        raise Unavailable(f"the PostgreSQL server that {POSTGRES_URL} names does not answer: {said}") from None
