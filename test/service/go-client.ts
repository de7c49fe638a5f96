/** The Go example of `clients/go`, compiled where Go and its plugins for protoc are at hand. */
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { PROJECT_ROOT } from '../../src/backend/python.js';

const run = promisify(execFile);
const TOOLS = ['go', 'protoc-gen-go', 'protoc-gen-go-grpc'];
/** Where Debian's packages of Go libraries lie. */
const GOCODE = '/usr/share/gocode';

/** Which tools are not there; empty: it can be compiled. */
export const missingGoTools = (): string[] => TOOLS.filter((tool) => spawnSync(tool, ['version']).error !== undefined);

/**
 * Generates the stubs and compiles, in a folder of its own. @returns the program, or undefined where the libraries can
 * neither be found nor fetched.
 */
export async function buildGoClient(folder: string): Promise<string | undefined> {
  const source = join(folder, 'src', 'mrpo.local', 'go');
  mkdirSync(source, { recursive: true });
  cpSync(join(PROJECT_ROOT, 'clients', 'go'), source, { recursive: true });
  cpSync(join(PROJECT_ROOT, 'proto'), join(folder, 'src', 'proto'), { recursive: true });
  const paths = [...(process.env['GOPATH']?.split(delimiter) ?? []), GOCODE];
  const libraries = paths.filter(hasLibraries);
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: [join(PROJECT_ROOT, 'node_modules', '.bin'), process.env['PATH']].join(delimiter),
    ...(libraries.length > 0 && { GO111MODULE: 'off', GOPATH: [folder, ...libraries].join(delimiter) }),
  };
  const go = (...argv: string[]): Promise<unknown> => run('go', argv, { cwd: source, env });
  await go('generate');
  if (libraries.length === 0) {
    const fetched = await go('mod', 'tidy').catch(() => undefined);
    if (fetched === undefined) return undefined;
  }
  await go('build', '-o', 'mrpo-go', '.');
  return join(source, 'mrpo-go');
}

/** gRPC, and a github.com/golang/protobuf that knows messages of today: before 1.4 it ends at their first oneof. */
function hasLibraries(path: string): boolean {
  const [grpc, old] = ['google.golang.org/grpc', 'github.com/golang/protobuf/proto/table_marshal.go'];
  return existsSync(join(path, 'src', grpc)) && !existsSync(join(path, 'src', old));
}
