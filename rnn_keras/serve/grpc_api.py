"""gRPC: `PredictionService` and `ModelService` of TensorFlow Serving, over the same models, batches
and limits as the REST API."""

import asyncio
import logging
import time

import grpc
from google.protobuf.json_format import ParseDict
from google.protobuf.message import DecodeError, Message
from tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    SignatureDefMap,
)
from tensorflow_serving.apis.get_model_status_pb2 import (
    GetModelStatusRequest,
    GetModelStatusResponse,
)
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse

from rnn_keras.serve import access, metrics
from rnn_keras.serve.errors import ServingError, clean, invalid
from rnn_keras.serve.limits import late
from rnn_keras.serve.models import not_found
from rnn_keras.serve.predict import LARGE, MANY, Predict, find_signature
from rnn_keras.serve.proto_tensor import read_inputs, write_outputs
from rnn_keras.serve.status import metadata_message, status_message

logger = logging.getLogger(__name__)

# Seconds after which a connection is closed: before its first bytes, and without requests.
HANDSHAKE, IDLE = 5, 300


def create_server(
    predict: Predict,
    address: str,
    *,
    max_requests: int = 1024,
    access_log: bool = True,
    reuse_port: bool = False,
) -> tuple[grpc.aio.Server, int]:
    """A server that listens, and answers once it is started; for the running event loop.

    Args:
        predict: the endpoint of the REST API, with which it shares models, batches and limits.
        address: HOST:PORT; port 0 takes a free one.
        max_requests: maximum number of requests of which a part has arrived.
        access_log: whether every request is logged to `rnn_keras.serve.access`.
        reuse_port: whether other processes may listen on the same port (Linux).

    Returns:
        The server, and its port.

    Raises:
        RuntimeError: the address cannot be used.
    """
    limits = predict.limits
    server = grpc.aio.server(
        maximum_concurrent_rpcs=max_requests,
        options=[
            ("grpc.max_receive_message_length", limits.max_body),
            ("grpc.server_handshake_timeout_ms", 1000 * HANDSHAKE),
            ("grpc.max_connection_idle_ms", 1000 * IDLE),
            ("grpc.so_reuseport", int(reuse_port)),
        ],
    )
    api = _Api(predict)
    for service, methods in {
        "PredictionService": {
            "Predict": (api.predict, PredictRequest),
            "GetModelMetadata": (api.metadata, GetModelMetadataRequest),
        },
        "ModelService": {"GetModelStatus": (api.status, GetModelStatusRequest)},
    }.items():
        service = f"tensorflow.serving.{service}"
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                _handler(method, request, f"/{service}/{name}", access_log),
                response_serializer=lambda response: response.SerializeToString(),
            )
            for name, (method, request) in methods.items()
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    return server, server.add_insecure_port(address)


def _handler(method, request_type: type[Message], path: str, access_log: bool):
    """The behaviour of a gRPC method: reads the request, and maps errors to status codes."""

    async def answer(data: bytes) -> Message | ServingError:
        try:
            return await method(request_type.FromString(data))
        except DecodeError:
            return invalid(f"the request is no {request_type.DESCRIPTOR.name}")
        except ServingError as error:
            return error
        except Exception:
            logger.exception("%s failed", path)
            return ServingError("INTERNAL", "the server failed; its log says why")

    async def handle(data: bytes, context: grpc.aio.ServicerContext) -> Message:
        start, code = time.perf_counter(), "CANCELLED"  # the client disconnected
        identity = access.request_id(dict(context.invocation_metadata()).get(access.REQUEST_ID))
        metadata = [(access.REQUEST_ID, identity)]
        try:
            response = await answer(data)
            code = response.code if isinstance(response, ServingError) else "OK"
        finally:
            if access_log:
                access.log(f'{context.peer()} "{path}"', code, start, identity)
        if code == "UNAVAILABLE":
            metadata.append(("grpc-retry-pushback-ms", "1000"))
        context.set_trailing_metadata(metadata)
        if not isinstance(response, ServingError):
            return response
        await context.abort(grpc.StatusCode[code], str(response))

    return handle


class _Api:
    """The methods: a request message to a response message.

    Raises:
        ServingError: the request gets an error as its response.
    """

    def __init__(self, predict: Predict):
        self._predict = predict

    async def predict(self, request: PredictRequest) -> PredictResponse:
        name, version = _model(request.model_spec)
        if (model := self._predict.store.get(name)) is None:
            raise not_found(name, version)
        with metrics.request(name, "GRPC"), self._predict.place():
            try:
                async with asyncio.timeout(self._predict.limits.timeout):
                    with model.use(version) as servable:
                        return await self._answer(request, model, servable)
            except TimeoutError:
                raise late(self._predict.limits) from None

    async def _answer(self, request, model, servable):
        signature = find_signature(servable, request.model_spec.signature_name)
        wanted = set(request.output_filter) or signature.outputs.keys()
        if unknown := wanted - signature.outputs.keys():
            raise invalid(f"output tensor alias not found in signature: {clean(min(unknown))}")
        arguments = request.inputs, signature, self._predict.limits
        if request.ByteSize() < LARGE:
            feeds = read_inputs(*arguments)
        else:
            feeds = await asyncio.to_thread(read_inputs, *arguments)
        outputs = await self._predict.run(model, servable, signature, feeds)
        response = PredictResponse()
        response.model_spec.name = model.name
        response.model_spec.version.value = servable.version
        response.model_spec.signature_name = signature.name
        outputs = {output: outputs[output] for output in wanted}
        if sum(array.size for array in outputs.values()) < MANY:
            write_outputs(outputs, signature, response.outputs)
        else:
            await asyncio.to_thread(write_outputs, outputs, signature, response.outputs)
        return response

    async def metadata(self, request: GetModelMetadataRequest) -> GetModelMetadataResponse:
        name, version = _model(request.model_spec)
        if set(request.metadata_field) != {"signature_def"}:
            raise invalid("metadata_field must be signature_def")
        found = metadata_message(name, self._predict.store.get(name), version)
        response = GetModelMetadataResponse()
        ParseDict(found["model_spec"], response.model_spec)
        response.metadata["signature_def"].Pack(
            ParseDict(found["metadata"]["signature_def"], SignatureDefMap())
        )
        return response

    async def status(self, request: GetModelStatusRequest) -> GetModelStatusResponse:
        name, version = _model(request.model_spec)
        found = status_message(name, self._predict.store.get(name), version)
        return ParseDict(found, GetModelStatusResponse())


def _model(spec: ModelSpec) -> tuple[str, int | None]:
    """The name of a model, and its version; None for the latest.

    Raises:
        ServingError: INVALID_ARGUMENT, it has no name, or a version label.
    """
    if not spec.name:
        raise invalid("Missing ModelSpec.name")
    if spec.version_label:
        raise invalid("model_spec.version_label is not supported: give model_spec.version")
    return spec.name, spec.version.value or None
