"""TensorFlow Serving's status and metadata of a model, as JSON."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict

from rnn_keras.serve.errors import ServingError, clean
from rnn_keras.serve.models import Model, not_found


def status_message(name: str, model: Model | None, version: int | None) -> dict[str, Any]:
    """`GetModelStatusResponse`: the state of a version, or of all.

    Raises:
        ServingError: NOT_FOUND, there is no such model or version.
    """
    states = model.states if model else {}
    if version is not None:
        if version not in states:
            raise ServingError(
                "NOT_FOUND", f"Could not find version {version} of model {clean(name)}"
            )
        states = {version: states[version]}
    if not states:
        raise ServingError("NOT_FOUND", f"Could not find any versions of model {clean(name)}")
    return _states(states)


def list_message(models: Mapping[str, Model]) -> dict[str, Any]:
    """All models with the states of their versions, `{"models": [{"name": ...}]}`."""
    return {
        "models": [
            {"name": name, **_states(model.states)} for name, model in sorted(models.items())
        ]
    }


def _states(states):
    return {
        "model_version_status": [
            {
                "version": str(version),
                "state": state.state,
                "status": {
                    "error_code": "UNKNOWN" if state.error else "OK",
                    "error_message": state.error,
                },
            }
            for version, state in sorted(states.items(), reverse=True)
        ]
    }


def metadata_message(name: str, model: Model | None, version: int | None) -> dict[str, Any]:
    """`GetModelMetadataResponse`: the signatures of the served version.

    Raises:
        ServingError: NOT_FOUND, there is no such model or version.
    """
    if model is None:
        raise not_found(name, version)
    with model.use(version) as servable:
        return {
            "model_spec": {
                "name": name,
                "signature_name": "",
                "version": str(servable.version),
            },
            "metadata": {
                "signature_def": {
                    "signature_def": {
                        key: MessageToDict(
                            message,
                            preserving_proto_field_name=True,
                            always_print_fields_with_no_presence=True,
                        )
                        for key, message in servable.signature_def.items()
                    }
                }
            },
        }
