/** The service's JSON interface, with the caller's token. */

const TOKEN = 'mrpo-token';

/** A token may come in the address, behind the #: it is taken out of it at once and kept for this tab only. */
export function takeTokenFromAddress() {
  const given = /^#token=([^&]+)/.exec(location.hash)?.[1];
  if (given === undefined) return;
  setToken(decodeURIComponent(given));
  history.replaceState(null, '', location.pathname);
}

export const setToken = (token) => sessionStorage.setItem(TOKEN, token);
export const forgetToken = () => sessionStorage.removeItem(TOKEN);
export const hasToken = () => sessionStorage.getItem(TOKEN) !== null;

export class CallError extends Error {
  constructor(status, message, hint) {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}

async function call(path, options = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(path, { ...options, headers }).catch((cause) => {
    if (cause.name === 'AbortError') throw cause;
    throw new CallError(0, 'the service does not answer', 'Is "mrpo serve" running?');
  });
  if (response.ok) return response;
  const { error } = await response
    .json()
    .catch(() => ({ error: { message: `the service answered ${response.status}` } }));
  throw new CallError(response.status, error.message, error.hint);
}

const path = (id, what = '') => `/api/runs/${encodeURIComponent(id)}${what}`;
const json = async (...given) => (await call(...given)).json();

export const getInfo = () => json('/api/info');
export const listRuns = async (signal) => (await json('/api/runs', { signal })).runs;
export const getRun = (id, signal) => json(path(id), { signal });
export const act = (id, verb) => json(path(id, `/${verb}`), { method: 'POST' });

/** Calls `onMessage` for each line until the run has ended or the signal fires; comes back after a lost connection. */
export async function watchRun(id, onMessage, signal) {
  for (let wait = 500; !signal.aborted; wait = Math.min(2 * wait, 10_000)) {
    try {
      const response = await call(path(id, '/stream'), { signal });
      onMessage({ begin: true }); // everything comes anew
      let rest = '';
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const lines = (rest + part.value).split('\n');
        rest = lines.pop();
        for (const line of lines) onMessage(JSON.parse(line));
        wait = 500;
      }
      if (onMessage({ end: true })) return;
    } catch (thrown) {
      if (signal.aborted) return;
      if (thrown.status >= 400 && thrown.status < 500) throw thrown;
      onMessage({ lost: true });
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
