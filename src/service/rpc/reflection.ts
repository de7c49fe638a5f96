/** Reflection: callers that know nothing read the protocol from the service itself. */
import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { RUNS_DESCRIPTORS } from '../../gen/descriptors.js';

/** The reflection service, with the descriptors that protoc has written. */
export function runsReflection(): ReflectionService {
  const fileDescriptorProtos = filesOf(Buffer.from(RUNS_DESCRIPTORS, 'base64'));
  // The library takes its files from the entries of a package and asks them for nothing else.
  const definition = { runs: { format: 'Protocol Buffer 3 DescriptorProto', type: {}, fileDescriptorProtos } };
  return new ReflectionService(definition as unknown as PackageDefinition);
}

/** The files of a FileDescriptorSet, each still encoded: field 1 of each is one of them. */
function filesOf(set: Uint8Array): Buffer[] {
  const reader = new BinaryReader(set);
  const files: Buffer[] = [];
  while (reader.pos < reader.len) {
    reader.uint32();
    files.push(Buffer.from(reader.bytes()));
  }
  return files;
}
