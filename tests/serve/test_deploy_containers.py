"""The image and the manifests of Kubernetes: in step with the command, its ports and addresses."""

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import tyro
import yaml

from rnn_keras.serve import metrics
from rnn_keras.serve.options import Options

PROJECT = Path(__file__).resolve().parents[2]
DEPLOY = PROJECT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
PORTS = {"grpc": 8500, "http": Options.port}


def instruction(name):
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.M)


def command(arguments=()):
    """The options of the image's command with further arguments."""
    (entry,) = instruction("ENTRYPOINT")
    python, flag, module, *given = json.loads(entry)
    assert (python, flag, module) == ("python", "-m", "rnn_keras.serve")
    options = tyro.cli(Options, args=[*given, *arguments])
    options.check()
    return options


def test_the_image_runs_the_command_as_a_user_of_its_own():
    options = command()
    assert (options.sources, options.host) == (("/models",), "0.0.0.0")
    assert {"grpc": options.grpc_port, "http": options.port} == PORTS
    assert instruction("EXPOSE") == [" ".join(map(str, sorted(PORTS.values())))]
    (user,) = instruction("USER")
    assert int(user.partition(":")[0]) > 0
    (check,) = instruction("HEALTHCHECK")
    assert f"http://127.0.0.1:{options.port}/readyz" in check
    for sources in instruction("COPY"):
        assert all((PROJECT / source).exists() for source in sources.split()[:-1])
    minor = re.fullmatch(r"python:(3\.\d+)-slim", instruction("FROM")[0])[1]
    assert f"Python :: {minor}" in (PROJECT / "pyproject.toml").read_text("utf-8")


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_holds_together(path):
    deployment, service, scaler = yaml.safe_load_all(path.read_text("utf-8"))
    assert [deployment["kind"], service["kind"], scaler["kind"]] == [
        "Deployment",
        "Service",
        "HorizontalPodAutoscaler",
    ]
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"]
    assert labels == deployment["spec"]["selector"]["matchLabels"] == service["spec"]["selector"]
    target = scaler["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", deployment["metadata"]["name"])
    pod = template["spec"]
    (container,) = pod["containers"]
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == PORTS
    assert {port["targetPort"]: port["port"] for port in service["spec"]["ports"]} == PORTS
    volumes = {volume["name"] for volume in pod["volumes"]}
    assert volumes == {mount["name"] for mount in container["volumeMounts"]}
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
    assert container["resources"]["requests"]["cpu"], "the autoscaler's percentages are of this"
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        (how,) = (
            container[probe][kind] for kind in ("httpGet", "tcpSocket") if kind in container[probe]
        )
        assert how["port"] in PORTS
    annotations = template["metadata"]["annotations"]
    assert annotations["prometheus.io/path"] == metrics.PATH
    assert annotations["prometheus.io/port"] == str(PORTS["http"])
    assert pod["terminationGracePeriodSeconds"] >= 5 + Options.timeout + 1


def container(name):
    deployment = next(yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text("utf-8")))
    return deployment["spec"]["template"]["spec"]["containers"][0]


def test_the_manifest_of_the_embedded_server_fits_its_image(client):
    found = container("embedded.yaml")
    options = command(found["args"])
    assert options.workers == int(found["resources"]["requests"]["cpu"])
    assert "rnn-keras-serve" in options.allowed_hosts
    for probe in ("readinessProbe", "livenessProbe"):
        assert client.get(found[probe]["httpGet"]["path"]).status_code == 200


def test_the_manifest_of_tensorflow_serving_has_the_flags_of_the_compose_file():
    (compose,) = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text("utf-8"))[
        "services"
    ].values()
    found = container("tf_serving.yaml")
    assert (found["command"], found["args"]) == (compose["entrypoint"], compose["command"])


PARSE = """
import sys
from google.protobuf import text_format
from ovmsclient.tfs_compat.protos.tensorflow_serving.config.monitoring_config_pb2 import *
print(text_format.Parse(open(sys.argv[1]).read(), MonitoringConfig()).prometheus_config.path)
"""


def test_the_monitoring_file_is_a_message_of_tensorflow_serving():
    if find_spec("ovmsclient") is None:
        pytest.skip("ovmsclient, which has the message, is not installed")
    # In a process without TensorFlow, whose messages it has under the same names.
    arguments = [sys.executable, "-c", PARSE, str(DEPLOY / "monitoring.config")]
    result = subprocess.run(arguments, capture_output=True, text=True)
    assert result.stdout.strip() == metrics.PATH, result.stderr
