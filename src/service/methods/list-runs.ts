/** ListRuns: newest first, page by page. A run that is ordered meanwhile moves nothing. */
import { ListRunsResponse, RunState, type ListRunsRequest } from '../../gen/mrpo/runs/v1/runs.js';
import { RunsFault } from '../fault.js';
import { RUN_STATES, type RunState as State } from '../journal/line.js';
import { encodedRunOf, type Service } from './service.js';

const DEFAULT_PAGE = 100;
const LARGEST_PAGE = 1000;

/** One page, encoded. @throws RunsFault `request_invalid` for a page size or token that is none. */
export function listRuns(service: Service, request: ListRunsRequest): Buffer {
  const { pageSize, pageToken, states, labels, tenant } = request;
  if (pageSize < 0 || pageSize > LARGEST_PAGE)
    throw invalid('page_size', `got ${pageSize}, expected 1 to ${LARGEST_PAGE}`);
  const filter = { states: states.map(stateOf), labels, tenant: tenant === '' ? undefined : tenant };
  const page = service.ledger.index.list(filter, pageSize === 0 ? DEFAULT_PAGE : pageSize, numberOf(pageToken));
  const nextPageToken = page.next === undefined ? '' : Buffer.from(`before ${page.next}`).toString('base64url');
  const response = ListRunsResponse.encode({ runs: [], nextPageToken, total: page.total });
  for (const run of page.runs) response.uint32(10).bytes(encodedRunOf(service, run, false)); // ListRunsResponse.runs
  return Buffer.from(response.finish());
}

function stateOf(state: RunState): State {
  const name = RUN_STATES.find((candidate) => RunState[`RUN_STATE_${candidate}`] === state);
  if (name === undefined) throw invalid('states', `got ${state}, expected a state`);
  return name;
}

function numberOf(token: string): number | undefined {
  if (token === '') return undefined;
  const number = /^before (\d{1,15})$/.exec(Buffer.from(token, 'base64url').toString())?.[1];
  if (number === undefined) throw invalid('page_token', 'expected the next_page_token of an answer');
  return Number(number);
}

const invalid = (field: string, description: string): RunsFault =>
  new RunsFault('request_invalid', `${field}: ${description}`, { fields: [{ field, description }] });
