/**
 * Who may call: a file with a line for every token, its hash and not the token itself.
 *
 *     # hash                  role  name  [tenant]
 *     sha256:9f86d081884c...  run   ci    team-a
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { MrpoError } from '../../core/errors.js';
import { sha256 } from '../../core/hash.js';

/** read: look at everything. run: order runs, and stop the tenant's own. admin: everything. */
export const ROLES = ['read', 'run', 'admin'] as const;
/** What a caller may do: each role may what the ones before it may. */
export type Role = (typeof ROLES)[number];

/** Who a token belongs to. */
export interface Caller {
  readonly name: string;
  readonly role: Role;
  readonly tenant: string;
}

interface TokenLine extends Caller {
  readonly hash: Buffer;
}

/** The tokens that are valid now. */
export interface TokenFile {
  /** Who a token belongs to. The file is read again when it has changed. */
  callerOf(token: string): Caller | undefined;
}

/** The one that calls where the service has no tokens. */
export const LOCAL_CALLER: Caller = { name: 'local', role: 'admin', tenant: 'local' };

const LINE = /^sha256:([\da-f]{64})\s+(\w+)\s+([\w.@-]{1,64})(?:\s+([\w.@-]{1,64}))?$/;
const LOOK_MS = 1000;

/**
 * Reads the file and checks every line.
 * @throws MrpoError `usage` for a file that cannot be read or has a line that is none.
 */
export function openTokenFile(path: string): TokenFile {
  let lines = readTokens(path);
  let seen = changedAt(path);
  let looked = Date.now();
  const refresh = (): void => {
    if (Date.now() - looked < LOOK_MS) return;
    looked = Date.now();
    const now = changedAt(path);
    if (now === seen) return;
    seen = now;
    try {
      lines = readTokens(path);
    } catch {
      lines = []; // a file that cannot be understood lets nobody in
    }
  };
  return {
    callerOf(token) {
      refresh();
      const hash = Buffer.from(sha256(token), 'hex');
      let found: TokenLine | undefined;
      for (const line of lines) if (timingSafeEqual(line.hash, hash)) found ??= line;
      return found && { name: found.name, role: found.role, tenant: found.tenant };
    },
  };
}

/** A new token, which nobody can guess, and the line for the file. */
export function makeToken(role: Role, name: string, tenant: string): { readonly token: string; readonly line: string } {
  const token = randomBytes(32).toString('base64url');
  return { token, line: `sha256:${sha256(token)} ${role} ${name} ${tenant}` };
}

const changedAt = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

function readTokens(path: string): TokenLine[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new MrpoError('usage', `token file ${path} cannot be read: ${(cause as Error).message}`, {
      cause,
      hint: `Make it with: mrpo serve --tokens ${path} --new-token admin:NAME`,
    });
  }
  return text.split('\n').flatMap((line, i) => {
    const content = line.trim();
    return content === '' || content.startsWith('#') ? [] : [tokenOf(content, `${path}:${i + 1}`)];
  });
}

function tokenOf(line: string, place: string): TokenLine {
  const [, hash, role = '', name, tenant] = LINE.exec(line) ?? [];
  if (hash === undefined || name === undefined || !isRole(role)) {
    throw new MrpoError(
      'usage',
      `${place}: expected "sha256:HASH ROLE NAME [TENANT]", ROLE one of ${ROLES.join(', ')}`,
    );
  }
  return { hash: Buffer.from(hash, 'hex'), role, name, tenant: tenant ?? name };
}

/** Whether a text names a role. */
export const isRole = (text: string): text is Role => (ROLES as readonly string[]).includes(text);
