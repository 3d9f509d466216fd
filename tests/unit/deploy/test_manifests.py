"""The files under deploy/ agree with the code: its settings, its modules, its metrics, its locks."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
import yaml

from guerdon_kit import metrics
from guerdon_kit.auth.issuers import load_issuers
from guerdon_kit.config import ServiceSettings

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
BASE = DEPLOY / "kubernetes" / "base"
SERVICES = ("ledger", "membership", "rewards_catalog", "partner_exchange", "recognition")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
NOT_SETTINGS = {"GUERDON_SECRETS_DIR"}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What tools/deployment.py makes."""
    folder = tmp_path_factory.mktemp("deployment") / "secrets"
    subprocess.run([sys.executable, ROOT / "tools" / "deployment.py", folder], check=True, capture_output=True)
    return folder


def _objects() -> Iterator[dict[str, Any]]:
    for name in yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]:
        yield from yaml.safe_load_all((BASE / name).read_text())


def _deployments() -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in _objects() if one["kind"] == "Deployment"}


def _settings(service: str) -> type[ServiceSettings]:
    settings: type[ServiceSettings] = importlib.import_module(f"{service}.config").Settings
    return settings


def _kubernetes_environment(name: str) -> dict[str, str]:
    lines = (BASE / "settings.env").read_text().splitlines()
    [container] = _deployments()[name]["spec"]["template"]["spec"]["containers"]
    own = {one["name"]: one["value"] for one in container.get("env", [])}
    return dict(line.split("=", 1) for line in lines) | own


def _environments() -> list[tuple[str, str, dict[str, str]]]:
    """(manifest, service, environment) for every service of every manifest."""
    kubernetes = [(service, _kubernetes_environment(service.replace("_", "-"))) for service in SERVICES]
    compose = [(service, COMPOSE["services"][service]["environment"]) for service in SERVICES]
    return [("compose", *one) for one in compose] + [("kubernetes", *one) for one in kubernetes]


@pytest.mark.parametrize(("manifest", "service", "environment"), _environments())
def test_a_service_is_given_settings_that_it_has_and_accepts_in_production(
    manifest: str, service: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _settings(service)
    known = {f"GUERDON_{name.upper()}" for name in settings.model_fields}
    assert set(environment) - known <= NOT_SETTINGS
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert not settings().development, manifest


def test_every_service_is_deployed_by_its_module_in_both_manifests() -> None:
    assert {service for service in SERVICES if importlib.util.find_spec(f"{service}.__main__")} == set(SERVICES)
    for service in SERVICES:
        name = service.replace("_", "-")
        [container] = _deployments()[name]["spec"]["template"]["spec"]["containers"]
        assert container["command"] == COMPOSE["services"][service]["command"] == ["python", "-m", service]
    assert set(_deployments()) == {service.replace("_", "-") for service in SERVICES}


def test_a_health_check_asks_the_port_that_the_service_listens_on() -> None:
    for service in SERVICES:
        described = COMPOSE["services"][service]
        port = described["environment"]["GUERDON_LISTEN"].rpartition(":")[2]
        assert described["healthcheck"]["test"][1:] == [
            "python",
            "-m",
            "guerdon_kit.launch.health",
            f"127.0.0.1:{port}",
        ]
        listens = [value for name, value in described["environment"].items() if name.endswith("_LISTEN")]
        published = {listen.rpartition(":")[2] for listen in listens} - {"9000"}
        assert set(described["ports"]) == {f"127.0.0.1:{one}:{one}" for one in published}
    assert importlib.util.find_spec("guerdon_kit.launch.health")
    common = yaml.safe_load((BASE / "common.yaml").read_text())["spec"]["template"]["spec"]["containers"][0]
    listening = int(_kubernetes_environment("ledger")["GUERDON_LISTEN"].rpartition(":")[2])
    assert common["readinessProbe"]["grpc"]["port"] == common["ports"][0]["containerPort"] == listening


def test_kubernetes_objects_of_a_service_choose_its_pods() -> None:
    for name, deployment in _deployments().items():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"] == labels
        [service] = [one for one in _objects() if one["kind"] == "Service" and one["metadata"]["name"] == name]
        [budget] = [
            one for one in _objects() if one["kind"] == "PodDisruptionBudget" and one["metadata"]["name"] == name
        ]
        assert service["spec"]["selector"] == budget["spec"]["selector"]["matchLabels"] == labels
        assert service["spec"]["clusterIP"] == "None"


def test_nothing_runs_as_root_or_may_become_it() -> None:
    common = yaml.safe_load((BASE / "common.yaml").read_text())["spec"]["template"]["spec"]
    [job] = [one["spec"]["template"]["spec"] for one in _objects() if one["kind"] == "Job"]
    init = _deployments()["rewards-catalog"]["spec"]["template"]["spec"]["initContainers"]
    for pod in (common, job):
        assert pod["securityContext"]["runAsNonRoot"]
    for container in itertools.chain(common["containers"], job["containers"], init):
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert re.search(r"^USER \d+:\d+$", (DEPLOY / "images" / "Dockerfile").read_text(), re.MULTILINE)


def test_the_image_is_built_from_files_that_exist_and_are_not_ignored() -> None:
    text = (DEPLOY / "images" / "Dockerfile").read_text()
    ignore = (DEPLOY / "images" / "Dockerfile.dockerignore").read_text().splitlines()
    copied = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line]
    for path in itertools.chain.from_iterable(copied):
        assert (ROOT / path).exists(), path
        kept = [line[1:] for line in ignore if line.startswith("!")]
        assert any(Path(path).match(pattern) for pattern in kept), path


def test_every_secret_that_compose_mounts_is_made(secrets: Path) -> None:
    for name, service in COMPOSE["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./secrets/"):
                assert (secrets / source.removeprefix("./secrets/")).exists(), (name, source)
            elif source.startswith("./"):
                assert (DEPLOY / source).exists(), (name, source)
            else:
                assert source in COMPOSE["volumes"], (name, source)


def test_a_deployments_secrets_are_its_owners_alone_and_stay_when_made_again(secrets: Path) -> None:
    private = [path for path in secrets.rglob("*") if path.is_file() and path.parent.name != "public"]
    before = {path: path.read_bytes() for path in private}
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}
    subprocess.run([sys.executable, ROOT / "tools" / "deployment.py", secrets], check=True, capture_output=True)
    assert {path: path.read_bytes() for path in private} == before


def test_the_issuers_of_a_deployment_are_its_services_and_those_added_by_hand(secrets: Path) -> None:
    path = secrets / "public" / "issuers.json"
    own = {"issuer": "https://login.example.com", "jwks_file": "ledger.jwks.json", "scopes": ["*"], "tenants": ["*"]}
    path.write_text(json.dumps([*json.loads(path.read_text()), own]))
    subprocess.run([sys.executable, ROOT / "tools" / "deployment.py", secrets], check=True, capture_output=True)
    assert set(load_issuers(path)) == {*(f"service:{service}" for service in SERVICES), own["issuer"]}


def test_a_setting_may_lie_in_a_file_instead_and_the_environment_goes_before_it(secrets: Path) -> None:
    script = (
        "from ledger.config import Settings; settings = Settings(allow_plaintext=True);"
        "print(settings.database_url.get_secret_value(), settings.redis_cache_url.get_secret_value())"
    )
    environment = {"GUERDON_SECRETS_DIR": str(secrets / "ledger"), "GUERDON_REDIS_CACHE_URL": "redis://elsewhere"}
    said = subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True)
    database, cache = said.stdout.split()
    assert database == (secrets / "ledger" / "guerdon_database_url").read_text()
    assert cache == "redis://elsewhere"


def test_the_dashboard_asks_for_metrics_and_labels_that_there_are() -> None:
    metrics.CallMetrics().observe("guerdon.ledger.v1.LedgerService/GetBalance", "OK", 0.001)
    metrics.JOB_FAILURES.labels("sweeper").inc()
    exported = prometheus_client.generate_latest().decode()
    board = json.loads((DEPLOY / "dashboards" / "services.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    for expression in asked:
        [name] = set(re.findall(r"guerdon_\w+", expression))
        sample = re.search(rf"^{name}{{(.*)}}", exported, re.MULTILINE)
        assert sample, f"{name} is not exported"
        labels = set(re.findall(r"(\w+)=", sample.group(1)))
        [*groups] = re.findall(r"by \(([^)]*)\)", expression)
        wanted = {label.strip() for group in groups for label in group.split(",")}
        assert wanted <= labels | {"job"}, expression
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
