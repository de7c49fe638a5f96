/** A configuration text (YAML; JSON is read as YAML) with the line and column of everything in it. */
import { LineCounter, isMap, isNode, isPair, isScalar, parseDocument, visit, type Document } from 'yaml';

import type { ConfigPath } from './path.js';
import { configError, type ConfigProblem } from './problem.js';

/** A parsed configuration and where in the text each of its values stands (`name:line:column`, both from 1). */
export interface ConfigDocument {
  /** The whole configuration as written; an empty text is `{}`. */
  readonly value: unknown;
  /** `name:line:column` of the value at a path, or of its nearest parent that was written. */
  locate(path: ConfigPath): string;
  /** `name:line:column` of a key itself. */
  locateKey(parent: ConfigPath, key: string): string;
  /** Whether the text says anything at this path. */
  has(path: ConfigPath): boolean;
}

/**
 * Parses a configuration text.
 * @param name what positions are prefixed with, e.g. the file name.
 * @throws MrpoError `config`, naming every syntax error with line and column.
 */
export function parseConfigText(text: string, name: string): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const position = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const problems: ConfigProblem[] = document.errors.map((error) => ({
    path: [],
    message: error.message,
    where: position(error.pos[0]),
  }));
  visit(document, {
    Alias(_key, node) {
      if (node.resolve(document) !== undefined) return;
      problems.push({
        path: [],
        message: `the alias *${node.source} has no anchor &${node.source} before it`,
        where: position(node.range?.[0] ?? 0),
      });
    },
  });
  if (problems.length > 0) throw configError(problems, name);
  const nodeOffset = (path: ConfigPath): number | undefined => {
    const node = path.length === 0 ? document.contents : document.getIn(path, true);
    return isNode(node) ? node.range?.[0] : undefined;
  };
  return {
    value: toValue(document, name),
    has: (path) => nodeOffset(path) !== undefined,
    locate(path) {
      for (let length = path.length; length > 0; length--) {
        const offset = nodeOffset(path.slice(0, length));
        if (offset !== undefined) return position(offset);
      }
      return name;
    },
    locateKey(parent, key) {
      const map = parent.length === 0 ? document.contents : document.getIn(parent, true);
      const items: readonly unknown[] = isMap(map) ? map.items : [];
      for (const item of items) {
        if (!isPair(item) || !isScalar(item.key) || String(item.key.value) !== key) continue;
        if (item.key.range) return position(item.key.range[0]);
      }
      return this.locate(parent);
    },
  };
}

/** The plain value; refuses what YAML allows and a configuration cannot mean. */
function toValue(document: Document.Parsed, name: string): unknown {
  let value: unknown;
  try {
    value = document.toJS() as unknown;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw configError([{ path: [], message }], name);
  }
  if (value === null || value === undefined) return {};
  if (typeof value === 'object' && !Array.isArray(value)) return value;
  const got = Array.isArray(value) ? 'a list' : `${typeof value} ${JSON.stringify(value)}`;
  throw configError([{ path: [], message: `expected keys such as "policy:" and "data:", got ${got}` }], name);
}
