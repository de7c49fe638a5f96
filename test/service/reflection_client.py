"""Orders a run with nothing but what reflection tells: ADDRESS TOKEN DATA."""

import json
import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


class WithToken(grpc.UnaryUnaryClientInterceptor, grpc.StreamStreamClientInterceptor):
    def __init__(self, token: str) -> None:
        self.token = token

    def _with(self, details):
        return details._replace(metadata=[*(details.metadata or []), ("authorization", f"Bearer {self.token}")])

    def intercept_unary_unary(self, continuation, details, request):
        return continuation(self._with(details), request)

    def intercept_stream_stream(self, continuation, details, requests):
        return continuation(self._with(details), requests)


def main(address: str, token: str, data: str) -> None:
    channel = grpc.intercept_channel(grpc.insecure_channel(address), WithToken(token))
    database = ProtoReflectionDescriptorDatabase(channel)
    service = next(name for name in database.get_services() if name.startswith("mrpo."))
    method = DescriptorPool(database).FindServiceByName(service).methods_by_name["CreateRun"]
    request = GetMessageClass(method.input_type)(run_id="by-reflection", labels={"from": "python"})
    request.spec.policy.model = "hub/model"
    request.spec.policy.lora.adapter.r = 4
    request.spec.data.train.path = data
    request.spec.data.verdict["1"] = "a"
    request.spec.objective.weights.list.values.extend([1.0])
    call = channel.unary_unary(
        f"/{service}/CreateRun",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    run = call(request).run
    states = run.DESCRIPTOR.fields_by_name["state"].enum_type
    betas = run.resolved_spec.training.adam_beta1
    print(json.dumps({"service": service, "state": states.values_by_number[run.state].name, "betas": betas}))


main(*sys.argv[1:])
