"""examples/kubernetes: manifests that Kubernetes takes, of one mind with themselves and the configuration within."""

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from otel_insights.components import available
from otel_insights.config import read

FOLDER = Path(__file__).parents[1] / "examples" / "kubernetes"
MANIFESTS = [one for path in sorted(FOLDER.glob("*.yaml")) for one in yaml.safe_load_all(path.read_text())]


def of_kind(kind: str) -> dict:
    (found,) = (one for one in MANIFESTS if one["kind"] == kind)
    return found


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda one: one["kind"])
def test_each_manifest_is_one_that_kubernetes_takes(manifest):
    kubernetes_validate.validate(manifest, "1.32", strict=True)


def test_the_configuration_within_is_right_and_listens_where_the_pod_says():
    text = of_kind("ConfigMap")["data"]["config.yaml"]
    config = read(text, available(), {})
    assert not config.warnings
    pod = of_kind("StatefulSet")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    settings = yaml.safe_load(text)
    told = {
        "otlp-grpc": settings["receivers"]["otlp_grpc"]["endpoint"],
        "otlp-http": settings["receivers"]["otlp_http"]["endpoint"],
        "http": settings["api"]["endpoint"],
    }
    assert {name: f"0.0.0.0:{port}" for name, port in ports.items()} == told
    assert {one["name"]: one["targetPort"] for one in of_kind("Service")["spec"]["ports"]} == {
        name: name for name in told
    }
    mounted = {one["mountPath"] for one in container["volumeMounts"]}
    assert {"/data", "/tmp"} <= mounted, "what is written to is a volume, since the rest is read-only"


def test_a_store_in_one_file_has_one_replica_and_pods_run_without_rights():
    workload = of_kind("StatefulSet")["spec"]
    assert workload["replicas"] == 1
    (container,) = workload["template"]["spec"]["containers"]
    assert workload["template"]["spec"]["securityContext"]["runAsNonRoot"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
