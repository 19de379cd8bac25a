"""The CronJob, by the schemas of Kubernetes, and what the schemas cannot tell."""

import re
from typing import Any

import kubernetes_validate
import pytest
import yaml
from support.schedules import POSTGRESQL, SQLITE, comments, files

from inventory.schedules.chosen_database import ChosenDatabase

BOTH = pytest.mark.parametrize("database", [POSTGRESQL, SQLITE])


def objects(database: ChosenDatabase = POSTGRESQL, **changes: Any) -> list[dict[str, Any]]:
    text = files("kubernetes", database=database, **changes)["cronjob.yaml"]
    return [*yaml.safe_load_all(text)]


def pod(database: ChosenDatabase, **changes: Any) -> dict[str, Any]:
    spec: dict[str, Any] = objects(database, **changes)[-1]["spec"]["jobTemplate"]["spec"]
    return spec["template"]["spec"]  # type: ignore[no-any-return]


@BOTH
@pytest.mark.parametrize("release", ["1.29", "1.33"])
def test_objects_fit_the_schemas_without_an_unknown_field(
    database: ChosenDatabase, release: str
) -> None:
    found = objects(database, optional={"HTTPS_PROXY": "..."})
    for each in found:
        kubernetes_validate.validate(each, release, strict=True)
    assert [each["kind"] for each in found][-1] == "CronJob"
    found[-1]["spec"]["jobTemplate"]["spec"]["podFailurePolicies"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(found[-1], release, strict=True)


def test_schedule_and_retries() -> None:
    spec = objects()[-1]["spec"]
    assert (spec["schedule"], spec["timeZone"]) == ("7-59/15 * * * *", "Etc/UTC")
    assert (spec["concurrencyPolicy"], spec["startingDeadlineSeconds"]) == ("Forbid", 900)
    job = spec["jobTemplate"]["spec"]
    assert job["backoffLimit"] == 2  # only for the exit code that promises something
    final = job["podFailurePolicy"]["rules"][0]
    assert (final["action"], final["onExitCodes"]["values"]) == ("FailJob", [2, 3])
    assert job["template"]["spec"]["restartPolicy"] == "Never"  # a failure policy needs that


@BOTH
def test_pod_meets_the_restricted_security_standard(database: ChosenDatabase) -> None:
    """See https://kubernetes.io/docs/concepts/security/pod-security-standards/."""
    described = pod(database)
    assert described["securityContext"]["runAsNonRoot"] is True
    assert described["securityContext"]["runAsUser"] == 10001
    assert described["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert described["automountServiceAccountToken"] is False
    [container] = described["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    kinds = {next(iter(volume.keys() - {"name"})) for volume in described["volumes"]}
    assert kinds <= {"secret", "emptyDir", "persistentVolumeClaim"}


@BOTH
def test_secrets_are_files_and_tmpdir_can_be_written(database: ChosenDatabase) -> None:
    described = pod(database)
    [container] = described["containers"]
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    volumes = {each["name"]: each for each in described["volumes"]}
    variables = {each["name"]: each.get("value") for each in container["env"]}
    assert mounts.keys() == volumes.keys()
    assert (variables["TMPDIR"], mounts["tmp"]) == ("/tmp", "/tmp")
    assert "emptyDir" in volumes["tmp"]
    given = [
        f"{mounts['secrets']}/{each['path']}" for each in volumes["secrets"]["secret"]["items"]
    ]
    assert sorted(given) == sorted(
        value for name, value in variables.items() if name.endswith("_FILE")
    )
    assert "FIVETRAN_API_SECRET_FILE" in variables
    # Octal in YAML 1.1, which Kubernetes reads: for the owner and the pod's group.
    assert volumes["secrets"]["secret"]["defaultMode"] == 0o440


def test_sqlite_file_is_on_a_claimed_volume() -> None:
    claim, _ = objects(SQLITE)
    described = pod(SQLITE)
    [container] = described["containers"]
    variables = {each["name"]: each.get("value") for each in container["env"]}
    assert variables["INVENTORY_DATABASE_URL"] == "sqlite:////data/inventory.db"
    assert {"name": "data", "mountPath": "/data"} in container["volumeMounts"]
    [name] = [
        each["persistentVolumeClaim"]["claimName"]
        for each in described["volumes"]
        if each["name"] == "data"
    ]
    assert name == claim["metadata"]["name"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_other_settings_come_from_the_secret() -> None:
    [container] = pod(POSTGRESQL, optional={"HTTPS_PROXY": "..."})["containers"]
    assert container["env"][-1] == {
        "name": "HTTPS_PROXY",
        "valueFrom": {"secretKeyRef": {"name": "inventory", "key": "HTTPS_PROXY"}},
    }


def test_image_is_the_one_that_was_passed() -> None:
    [container] = pod(POSTGRESQL, image="host:5000/a/b@sha256:0f")["containers"]
    assert container["image"] == "host:5000/a/b@sha256:0f"


def test_image_that_nobody_passed_is_called_an_example() -> None:
    """The Dockerfile that the comment leads to builds the same image."""
    shown = comments(files("kubernetes")["cronjob.yaml"])
    assert "The image below is an example: pass --image" in shown
    [image] = re.findall(r"inventory schedule docker --image (\S+)", shown)
    assert pod(POSTGRESQL)["containers"][0]["image"] == image
    assert f"--tag {image} ." in files("docker", image=image)["Dockerfile"]
    passed = comments(files("kubernetes", image="host:5000/a")["cronjob.yaml"])
    assert "is an example" not in passed
    assert "inventory schedule docker --image host:5000/a" in passed
