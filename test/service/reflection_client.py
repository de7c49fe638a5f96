"""Orders a run, watches it to its end and fetches the adapter with nothing but what reflection tells.

ADDRESS CA TOKEN REQUEST: REQUEST is a CreateRunRequest in JSON, as grpcurl takes it. Prints what it has seen.
"""

import hashlib
import json
import sys
from pathlib import Path

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def main(address: str, ca: str, token: str, request: str) -> None:
    credentials = grpc.composite_channel_credentials(
        grpc.ssl_channel_credentials(Path(ca).read_bytes()), grpc.access_token_call_credentials(token)
    )
    with grpc.secure_channel(address, credentials) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        name = next(name for name in database.get_services() if name.startswith("mrpo."))
        service = DescriptorPool(database).FindServiceByName(name)

        def call(method_name: str, fields: dict):
            method = service.methods_by_name[method_name]
            invoke = channel.unary_stream if method.server_streaming else channel.unary_unary
            return invoke(
                f"/{name}/{method_name}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=GetMessageClass(method.output_type).FromString,
            )(ParseDict(fields, GetMessageClass(method.input_type)()))

        run = call("CreateRun", json.loads(request)).run
        state_name = run.DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number
        events = [event for answer in call("WatchRun", {"run_id": run.id}) for event in answer.events]
        files = {}
        for piece in call("DownloadArtifact", {"run_id": run.id, "artifact": "ARTIFACT_RESULT"}):
            files[piece.file] = files.get(piece.file, b"") + piece.data
        print(
            json.dumps(
                {
                    "service": name,
                    "ordered": state_name[run.state].name,
                    "beta1": run.resolved_spec.training.adam_beta1,
                    "seqs": [event.seq for event in events],
                    "losses": [event.step.measures["loss"] for event in events if event.HasField("step")],
                    "ended": state_name[events[-1].state].name,
                    "files": {file: hashlib.sha256(data).hexdigest() for file, data in files.items()},
                }
            )
        )


main(*sys.argv[1:])
