"""`anchor keys authority`: a new leaf, or another authority that the ledger names."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from anchor_pipeline.cli_authority import authority
from anchor_pipeline.custody.begin import begin_custody
from anchor_pipeline.custody.credentials.authority import authority_digest, leaf_of, read_authority
from anchor_pipeline.custody.credentials.trust import trust_of
from anchor_pipeline.custody.custodian import Custodian, custodian_of
from anchor_pipeline.custody.envelope import opened
from anchor_pipeline.custody.statements import AuthorityChange, read_statement
from anchor_pipeline.errors import UsageError
from anchor_pipeline.project import load_project
from anchor_pipeline_tests.projects import PROJECT, small_project


@pytest.fixture
def custodian(tmp_path: Path) -> Custodian:
    small_project(tmp_path, PROJECT + "custody: {origin: example.org/small}\n")
    found = custodian_of(load_project(tmp_path))
    assert found is not None
    begin_custody(found, ["pipeline"])
    return found


def test_the_leaf_is_renewed_and_the_ledger_stays(custodian: Custodian) -> None:
    folder, size, leaf = custodian.keys.folder, custodian.ledger.size(), leaf_of(custodian.keys.folder).certificate
    done = CliRunner().invoke(authority, [str(custodian.root)])
    assert done.exit_code == 0, done.output
    assert leaf_of(folder).certificate != leaf
    assert custodian.ledger.size() == size
    assert trust_of(custodian.ledger.keys(), folder).authority == read_authority(folder)


def test_another_authority_is_named_by_the_ledger_with_the_reason(custodian: Custodian) -> None:
    folder, before = custodian.keys.folder, read_authority(custodian.keys.folder)
    done = CliRunner().invoke(authority, [str(custodian.root), "--replace", "--reason", "leaf leaked"])
    assert done.exit_code == 0, done.output
    assert read_authority(folder) != before
    assert custodian.ledger.keys().authority() == authority_digest(read_authority(folder))
    (*_, last) = custodian.ledger.entries()
    name, entry = read_statement(opened(last.envelope, "last").payload, "last")
    assert isinstance(entry, AuthorityChange)
    assert (name, entry.reason) == ("authority", "leaf leaked")


def test_without_the_roots_keys_or_a_reason_nothing_changes(custodian: Custodian) -> None:
    before = read_authority(custodian.keys.folder)
    silent = CliRunner().invoke(authority, [str(custodian.root), "--replace"])
    (custodian.keys.folder / "root.key.json").unlink()
    rootless = CliRunner().invoke(authority, [str(custodian.root), "--replace", "--reason", "leaf leaked"])
    assert isinstance(silent.exception, UsageError)
    assert isinstance(rootless.exception, UsageError)
    assert read_authority(custodian.keys.folder) == before


def test_a_project_without_custody_has_none(tmp_path: Path) -> None:
    small_project(tmp_path)
    assert isinstance(CliRunner().invoke(authority, [str(tmp_path)]).exception, UsageError)
