"""Applications in any order of events, against a plain model of what users may do; and the account."""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from airflow_provider_batch.emulator.errors import ServiceError
from airflow_provider_batch.emulator.machine import management_events as events
from airflow_provider_batch.emulator.machine.machine import Machine
from airflow_provider_batch.emulator.model.account import AuthenticationMode, KeyName
from airflow_provider_batch.emulator.model.applications import application_id_of, container_of
from airflow_provider_batch.emulator.model.states import PackageState

START = datetime(2030, 1, 1, tzinfo=timezone.utc)
APPLICATIONS = st.sampled_from(["a", "A", "b"])
VERSIONS = st.sampled_from(["1.0", "1.0-RC", "1.0-rc", "2"])


class Applications(RuleBasedStateMachine):
    """``oracle``: by lower-case id of the application, its versions (active or not), default and rule."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = Machine()
        self.now = START
        self.versions: dict[str, dict[str, bool]] = {}
        self.default: dict[str, str | None] = {}
        self.allow_updates: dict[str, bool] = {}

    def do(self, kind: type[Any], *arguments: Any, **options: Any) -> str | None:
        """Let something happen; return the code when it is refused, having seen that nothing changed."""
        self.now += timedelta(seconds=1)
        before = pickle.dumps(self.machine.state)
        try:
            assert self.machine.handle(kind(self.now, *arguments, **options)) == []
        except ServiceError as error:
            assert pickle.dumps(self.machine.state) == before
            return error.code
        return None

    @rule(app=APPLICATIONS, allow=st.booleans(), version=st.none() | VERSIONS)
    def create(self, app: str, allow: bool, version: str | None) -> None:
        key = app.lower()
        code = self.do(events.CreateApplication, app, None, allow, version)
        if version is not None and not self.versions.get(key, {}).get(version.lower(), False):
            assert code == "RequestedDefaultVersionNotActive"
            return
        assert code is None
        self.versions.setdefault(key, {})
        self.allow_updates[key] = allow
        self.default[key] = self.default.get(key) if version is None else version.lower()

    @rule(app=APPLICATIONS, allow=st.none() | st.booleans(), version=st.none() | VERSIONS)
    def update(self, app: str, allow: bool | None, version: str | None) -> None:
        key = app.lower()
        code = self.do(events.UpdateApplication, app, None, allow, version)
        if key not in self.versions:
            assert code == "ApplicationNotFound"
        elif version is not None and not self.versions[key].get(version.lower(), False):
            assert code == "RequestedDefaultVersionNotActive"
        else:
            assert code is None
            self.allow_updates[key] = self.allow_updates[key] if allow is None else allow
            self.default[key] = self.default[key] if version is None else version.lower()

    @rule(app=APPLICATIONS, version=VERSIONS)
    def publish(self, app: str, version: str) -> None:
        """All the steps to a default version, which chance alone seldom takes in this order."""
        self.create(app, True, None)
        self.create_package(app, version)
        self.activate(app, version)
        self.update(app, None, version)

    @rule(app=APPLICATIONS)
    def delete(self, app: str) -> None:
        key = app.lower()
        code = self.do(events.DeleteApplication, app)
        if key not in self.versions:
            assert code == "ApplicationNotFound"
        elif self.versions[key]:
            assert code == "ApplicationPackagesNotEmpty"
        else:
            assert code is None
            for table in (self.versions, self.default, self.allow_updates):
                del table[key]

    @rule(app=APPLICATIONS, version=VERSIONS)
    def create_package(self, app: str, version: str) -> None:
        key = app.lower()
        code = self.do(events.CreatePackage, app, version)
        if key not in self.versions:
            assert code == "ApplicationNotFound"
        elif self.versions[key].get(version.lower()) and not self.allow_updates[key]:
            assert code == "ApplicationPackageUpdatesNotAllowed"
        else:
            assert code is None
            self.versions[key][version.lower()] = False

    @rule(app=APPLICATIONS, version=VERSIONS)
    def activate(self, app: str, version: str) -> None:
        code = self.do(events.ActivatePackage, app, version, "zip")
        assert code == self.absence(app, version)
        if code is None:
            self.versions[app.lower()][version.lower()] = True

    @rule(app=APPLICATIONS, version=VERSIONS)
    def delete_package(self, app: str, version: str) -> None:
        key = app.lower()
        code = self.do(events.DeletePackage, app, version)
        assert code == self.absence(app, version)
        if code is None:
            del self.versions[key][version.lower()]
            if self.default[key] == version.lower():
                self.default[key] = None

    def absence(self, app: str, version: str) -> str | None:
        if app.lower() not in self.versions:
            return "ApplicationNotFound"
        return None if version.lower() in self.versions[app.lower()] else "ApplicationPackageNotFound"

    @invariant()
    def state_is_that_of_the_oracle(self) -> None:
        applications = self.machine.state.applications
        assert {
            key: {
                name: package.state is PackageState.ACTIVE for name, package in application.packages.items()
            }
            for key, application in applications.items()
        } == self.versions
        for key, application in applications.items():
            default = application.default_version
            assert (default.lower() if default else None) == self.default[key]
            assert default is None or default.lower() in application.packages

    @invariant()
    def only_active_packages_are_usable(self) -> None:
        for key, versions in self.versions.items():
            default = self.default[key]
            for version in (*versions, None):
                wanted = default if version is None else version
                usable = wanted is not None and versions[wanted]
                if usable:
                    package = self.machine.state.usable_package(key, version)
                    assert package.version.lower() == wanted
                else:
                    with pytest.raises(ServiceError, match=r"^InvalidApplicationPackageReferences"):
                        self.machine.state.usable_package(key, version)

    @invariant()
    def a_package_knows_its_format_and_activation_exactly_while_it_is_active(self) -> None:
        for application in self.machine.state.applications.values():
            for package in application.packages.values():
                active = package.state is PackageState.ACTIVE
                assert (package.format is not None) == (package.last_activation_time is not None) == active


TestApplications = Applications.TestCase


# --- names ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("application_id", ["my_application_id", "__", "A--b", "x" * 64, "-"])
def test_container_of_an_application_has_a_name_that_storage_accepts(application_id: str):
    name = container_of(application_id)
    assert 3 <= len(name) <= 63
    assert "--" not in name
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert name.startswith("app-")
    assert not name.endswith("-")


def test_containers_of_two_applications_differ_and_case_does_not_matter():
    assert container_of("a_b") != container_of("a-b")
    assert container_of("App") == container_of("aPP")


def test_reference_to_an_application_is_its_id_or_the_end_of_its_arm_id():
    assert application_id_of("app") == "app"
    assert application_id_of("/subscriptions/s/batchAccounts/a/applications/app") == "app"


# --- the account ----------------------------------------------------------------------------------------


def test_account_keeps_what_a_change_does_not_name():
    machine = Machine()
    machine.handle(events.UpdateAccount(START, {"a": "b"}, (AuthenticationMode.ENTRA_ID,)))
    machine.handle(events.UpdateAccount(START, public_network_access="Disabled"))
    account = machine.state.account
    assert (account.tags, account.public_network_access) == ({"a": "b"}, "Disabled")
    assert account.authentication_modes == (AuthenticationMode.ENTRA_ID,)


def test_regenerated_key_replaces_that_key_only_and_is_not_shown():
    machine = Machine()
    machine.handle(events.RegenerateKey(START, KeyName.PRIMARY, "c2VjcmV0"))
    assert machine.state.account.keys == {KeyName.PRIMARY: "c2VjcmV0"}
    assert "c2VjcmV0" not in repr(machine.state.account)


def test_synchronised_keys_remember_when():
    machine = Machine()
    machine.handle(events.SynchronizeAutoStorageKeys(START))
    assert machine.state.account.last_key_sync == START
