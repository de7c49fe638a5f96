/** How a preference file is to be read. */
import type { ColumnMapping } from './columns.js';
import type { MessageKeys } from './messages.js';
import type { PairingRule } from './pairing.js';
import type { OpenSourceOptions } from './sources/open-source.js';
import type { VerdictValues } from './verdict/sides.js';

/** What a caller can say about a file; by default everything is recognised from its rows. */
export interface ReadOptions extends OpenSourceOptions {
  /** Name of a format, or `auto` (default): recognised from the first rows. */
  readonly format?: string | undefined;
  /** Column of each role, as a name or a dotted path; wins over every name that a format knows. */
  readonly columns?: ColumnMapping | undefined;
  /** What the values of the verdict between two answers mean. */
  readonly verdict?: VerdictValues | undefined;
  /** Keys of messages and names of speakers, where they are not recognised. */
  readonly messages?: MessageKeys | undefined;
  /** Columns that are left out, whatever they may mean. */
  readonly ignore?: readonly string[] | undefined;
  /** Default `best-vs-worst`. */
  readonly pairing?: PairingRule | undefined;
  /** Field that scores an answer, for formats with several. */
  readonly score?: string | undefined;
  /** Whether less of the score is better. Default: as its name says; asked where that is not plain. */
  readonly lowerIsBetter?: boolean | undefined;
  /** Of random pairings. Default 0. */
  readonly seed?: number | undefined;
  /** Throw at the first row that cannot be used. Default false: drop and count. */
  readonly strict?: boolean | undefined;
}
