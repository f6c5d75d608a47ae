"""The files for TensorFlow Serving: valid, in step with the code, and with models it can run."""

import re
from pathlib import Path

import pytest
import yaml
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from apps.common.run import runs_root
from rnn_keras.serve import locate, metrics
from rnn_keras.serve.options import Options
from rnn_keras.serve.sources import versions
from rnn_keras.serve.tf_serving import MOUNTED, main, model_config
from tests.operations import foreign, foreign_operations
from tests.serve.toys import copy

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
APPS = {"captioning", "char_lm", "ner", "sentiment", "stock", "summarization", "translation"}


def service():
    (found,) = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text("utf-8"))[
        "services"
    ].values()
    return found


def test_the_compose_file_mounts_what_the_flags_name():
    found = service()
    mounts = dict(volume.split(":")[:2] for volume in found["volumes"])
    assert (DEPLOY / mounts_of(mounts, str(MOUNTED))).resolve() == DEPLOY.parent / "saved_models"
    files = re.findall(r"=/config/(\S+)", " ".join(found["command"]))
    assert sorted(files) == ["batching.config", "models.config", "monitoring.config"]
    assert all((DEPLOY / mounts_of(mounts, "/config") / file).is_file() for file in files)
    assert all(port.startswith("127.0.0.1:") for port in found["ports"]), "safe by default"
    assert any(port.endswith(f":{Options.port}") for port in found["ports"])


def test_the_proxy_passes_on_to_the_port_of_the_server():
    text = (DEPLOY / "nginx.conf").read_text("utf-8")
    assert f"server {Options.host}:{Options.port};" in text
    assert "proxy_set_header Host localhost;" in text


def mounts_of(mounts, target):
    return next(source for source, inside in mounts.items() if inside == target)


def test_the_example_names_each_application():
    config = text_format.Parse((DEPLOY / "models.config").read_text("utf-8"), ModelServerConfig())
    models = config.model_config_list.config
    assert {model.name for model in models} == APPS
    for model in models:
        assert re.fullmatch(rf"/models/{model.name}/\w+/saved_model", model.base_path)
        assert model.model_platform == "tensorflow"


def test_batching_is_that_of_our_server():
    """Its message is not in tensorflow-serving-api: the fields of session_bundle_config.proto."""
    text = (DEPLOY / "batching.config").read_text("utf-8")
    found = dict(re.findall(r"^(\w+) { value: (\w+) }$", text, re.M))
    assert found.keys() == {
        "max_batch_size",
        "enable_large_batch_splitting",
        "max_execution_batch_size",
        "batch_timeout_micros",
        "max_enqueued_batches",
        "num_batch_threads",
    }
    # A request may have as many rows as here, which needs splitting (else 400).
    assert int(found["max_batch_size"]) == Options.max_rows
    assert found["enable_large_batch_splitting"] == "true"
    assert int(found["max_execution_batch_size"]) == Options.batch_rows
    assert int(found["num_batch_threads"]) == Options.threads
    assert metrics.PATH in (DEPLOY / "monitoring.config").read_text("utf-8")


def test_the_configuration_of_runs_leads_to_their_versions(tmp_path, toys, capsys):
    for run in ("char_lm/first", 'stock/a "b"'):
        base = tmp_path / run / "saved_model"
        base.mkdir(parents=True)
        copy(toys[1], base / "1")
    main([str(tmp_path)])
    printed = capsys.readouterr().out
    assert printed == model_config(tmp_path)
    config = text_format.Parse(printed, ModelServerConfig())
    found = {
        model.name: tmp_path / Path(model.base_path).relative_to(MOUNTED)
        for model in config.model_config_list.config
    }
    assert found == locate([str(tmp_path)])
    assert all(versions(base) for base in found.values())


def test_a_model_instead_of_the_folder_above_is_refused(tmp_path, toys, capsys):
    (tmp_path / "toy").mkdir()
    copy(toys[1], tmp_path / "toy" / "1")
    with pytest.raises(SystemExit) as end:
        main([str(tmp_path / "toy")])
    assert end.value.code == 2 and "give the folder above" in capsys.readouterr().err


def test_an_operation_of_another_package_would_be_seen():
    core = {"Add", "While", "LookupTableFindV2", "VarHandleOp", "RestoreV2", "StaticRegexReplace"}
    assert not foreign(core)
    assert foreign(core | {"WhitespaceTokenizeWithOffsetsV2"}) == {
        "WhitespaceTokenizeWithOffsetsV2"
    }


def test_tensorflow_serving_has_every_operation_of_the_runs_here():
    try:
        bases = locate([str(runs_root())])
    except ValueError:
        pytest.skip("no exported runs in saved_models/")
    for base in bases.values():
        for folder in versions(base).values():
            assert not foreign_operations(folder)
