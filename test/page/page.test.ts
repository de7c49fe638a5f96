/** The page in a real Chromium, on runs that train while it looks: what is shown, told to screen readers, and refused. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Backend } from '../../src/backend/backend.js';
import { createMemoryBackend } from '../../src/backend/memory.js';
import { folderSource } from '../../src/page/folder-source.js';
import { servePage } from '../../src/page/serve-page.js';
import type { PageSource, RunSummary, RunVerb } from '../../src/page/source.js';
import { withToken } from '../../src/page/with-token.js';
import { beginRun } from '../../src/runs/index.js';
import { runToEnd, temporaryCache, temporaryFolder, toyConfig, writePairs } from '../runs/support.js';
import { accessProblems, CHROMIUM, openBrowser } from './browser.js';

const TOKEN = 'a-token-of-a-test';
const EVIL = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';

const served = async (source: PageSource): Promise<string> => {
  const page = await servePage({ source: withToken(source, TOKEN), port: 0, hasTokens: true });
  onTestFinished(() => page.close());
  return page.url;
};

/** A folder with two finished runs of different beta; the prompts of their data try to be HTML. */
async function twoRuns(): Promise<string> {
  const folder = temporaryFolder();
  const message = (role: string, content: string) => [{ role, content }];
  writePairs(
    folder,
    Array.from({ length: 24 }, (_, i) => ({
      prompt: message('user', `${EVIL} ${i}`),
      chosen: message('assistant', `yes ${i}`),
      rejected: message('assistant', `${EVIL} no ${i}`),
    })),
  );
  for (const [name, beta] of [
    ['first', 0.1],
    ['second', 0.3],
  ] as const) {
    const training = { learning_rate: 0.02, batch_size: 4, epochs: 2, eval_steps: 2 };
    await runToEnd(toyConfig(folder, { output: join(folder, 'runs', name), objective: { beta }, training }));
  }
  return join(folder, 'runs');
}

describe('the interface over HTTP', () => {
  it('lets nobody in without the token, from another page, under another name, or to a file', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'runs'));
    writeFileSync(join(folder, 'secret'), 'secret');
    const url = await served(folderSource(join(folder, 'runs')));
    const status = async (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<number> =>
      (await fetch(`${url}${path}`, { method, headers })).status;
    const authorization = `Bearer ${TOKEN}`;
    expect(await status('api/runs')).toBe(401);
    expect(await status('api/runs', { authorization: `Bearer ${TOKEN}x` })).toBe(401);
    expect(await status('api/runs', { authorization })).toBe(200);
    expect(await status('api/runs/..%2f..%2fsecret', { authorization })).toBe(404);
    expect(await status('lib/../../secret', { authorization })).toBe(404);
    expect(await status('api/runs/a/cancel', { authorization })).toBe(405);
    expect(await status('api/runs/a/cancel', { authorization, origin: 'http://evil.example' }, 'POST')).toBe(403);
    const page = await fetch(url);
    expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/);
    const { status: rebound } = await rawGet(url, 'evil.example');
    expect(rebound).toBe(421);
  });

  it('is not served to other machines without TLS and tokens', async () => {
    const source = folderSource(temporaryFolder());
    await expect(servePage({ source, host: '0.0.0.0', port: 0, hasTokens: true })).rejects.toThrow(
      'page: 0.0.0.0 is reached from other machines; expected TLS and tokens',
    );
  });
});

/** fetch sets the host itself. */
async function rawGet(url: string, host: string): Promise<{ status: number }> {
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    request(url, { headers: { host } }, (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0 });
    })
      .on('error', reject)
      .end();
  });
}

if (CHROMIUM === undefined) process.stderr.write('page.test.ts: no Chromium here; the page is not looked at\n');

describe.skipIf(CHROMIUM === undefined)('the page in Chromium', { timeout: 120_000 }, () => {
  let browser: Browser;
  const complaints: string[] = [];
  beforeAll(async () => (browser = await openBrowser()));
  afterAll(() => browser.close());

  const look = async (url: string, options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> => {
    const page = await browser.newPage(options);
    onTestFinished(() => page.close());
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(url);
    return page;
  };

  it('asks for a token, then shows list, run and comparison; nothing of the data is taken for HTML', async () => {
    const url = await served(folderSource(await twoRuns()));
    const page = await look(url, { viewport: { width: 1200, height: 900 } });
    await page.getByLabel('Token of the service').fill(TOKEN);
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'second' }).waitFor();
    complaints.length = 0; // the refused first question is one
    expect(await accessProblems(page)).toEqual([]);

    await page.getByRole('link', { name: 'first' }).click();
    await page.getByRole('heading', { name: 'Answers before and after' }).waitFor();
    const loss = page.getByRole('img', { name: /^Loss: training [\d.]+ at step 8, held out [\d.]+ at step 8/ });
    await loss.waitFor();
    await loss.focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => page.locator('.reading').first().textContent()).toMatch(/^step 1: training [\d.]+$/);
    expect(await page.locator('.prompt').first().textContent()).toContain(EVIL);
    expect(await page.title()).toBe('first – mrpo');
    expect(await page.getByRole('button', { name: 'Cancel run' }).isDisabled()).toBe(true);
    expect(await accessProblems(page)).toEqual([]);

    await page.getByRole('link', { name: 'mrpo runs' }).click();
    for (const name of ['first', 'second']) await page.getByLabel(`choose ${name}`).check();
    await page.getByRole('button', { name: 'Compare 2 runs' }).click();
    await page.getByRole('row', { name: 'objective.beta 0.1 0.3' }).waitFor();
    await page.getByRole('img', { name: /^Loss: first, training .* second, training/ }).waitFor();
    expect(await accessProblems(page)).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it.each([
    ['light', 1200],
    ['dark', 380],
  ] as const)('is readable in %s at %i px', async (colorScheme, width) => {
    const url = await served(folderSource(await twoRuns()));
    const page = await look(`${url}#token=${TOKEN}`, { colorScheme, viewport: { width, height: 800 } });
    await page.getByRole('link', { name: 'first' }).click();
    await page.getByRole('heading', { name: 'Events' }).waitFor();
    await page.getByRole('heading', { name: 'Loss', exact: true }).waitFor();
    expect(await accessProblems(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    expect(await page.evaluate('location.href')).not.toContain(TOKEN);
  });

  it('follows a run while it trains, and asks before it stops one', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    let go = (): void => undefined;
    const half = new Promise<void>((resolve) => (go = resolve));
    const inner = createMemoryBackend();
    const backend: Backend = {
      ...inner,
      async createTrainer(...given) {
        const trainer = await inner.createTrainer(...given);
        return { ...trainer, commit: async (request) => (request.step === 4 && (await half), trainer.commit(request)) };
      },
    };
    const run = await beginRun(toyConfig(folder), { backend, cache: temporaryCache() });
    const acted: string[] = [];
    const folders = folderSource(folder);
    const stoppable = (summary: RunSummary): RunSummary => ({ ...summary, verbs: summary.ended ? [] : ['cancel'] });
    const source: PageSource = {
      ...folders,
      get: async (...given) => stoppable(await folders.get(...given)),
      act: async (caller, id, verb: RunVerb) => {
        acted.push(`${verb} ${id}`);
        run.stop();
        go();
        return folders.get(caller, id);
      },
    };
    const page = await look(`${await served(source)}#token=${TOKEN}`);
    await page.getByRole('link', { name: 'run', exact: true }).click();
    await page.getByRole('img', { name: /^Loss: training [\d.]+ at step 3/ }).waitFor();
    await page.getByRole('button', { name: 'Cancel run' }).click();
    await page.getByRole('button', { name: 'No, leave it' }).click();
    expect(acted).toEqual([]);
    await page.getByRole('button', { name: 'Cancel run' }).click();
    expect(await accessProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Yes: cancel run' }).click();
    await page.locator('.pill.CANCELLED').waitFor();
    expect(acted).toEqual(['cancel run']);
    await page.getByRole('img', { name: /^Loss: training [\d.]+ at step 4/ }).waitFor();
  });
});
