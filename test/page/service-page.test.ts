/** The page of a real service in Chromium: a run is ordered, then watched, cancelled and resumed from it. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { servePage, type ServedPage } from '../../src/page/serve-page.js';
import { serviceSource, type ServiceSource } from '../../src/page/service-source.js';
import { makeToken, type Role } from '../../src/service/access/tokens.js';
import { connect, type RunsClient } from '../../src/service/client/connect.js';
import { serviceWorld, startService, type RunsService, type World } from '../service/support.js';
import { accessProblems, CHROMIUM, openBrowser } from './browser.js';

describe.skipIf(CHROMIUM === undefined)('the page of a service', { timeout: 300_000 }, () => {
  let world: World;
  let running: RunsService;
  let client: RunsClient;
  let source: ServiceSource;
  let served: ServedPage;
  let browser: Browser;
  const tokens: Partial<Record<Role, string>> = {};

  beforeAll(async () => {
    world = serviceWorld();
    const file = join(world.folder, 'tokens.txt');
    for (const role of ['read', 'run'] as const) {
      const { token, line } = makeToken(role, `a-${role}er`, 'team');
      appendFileSync(file, `${line}\n`);
      tokens[role] = token;
    }
    const inner = `unix:${join(world.folder, 's')}`;
    running = await startService({ ...world.options, tokens: file, inner });
    client = connect({ address: running.address, token: tokens.run });
    source = serviceSource({ address: inner }, () => running.metrics());
    served = await servePage({ source, port: 0, hasTokens: true });
    browser = await openBrowser();
  }, 180_000);
  afterAll(async () => {
    await browser.close();
    await served.close();
    source.close();
    client.close();
    await running.stop();
    world.remove();
  }, 180_000);

  const look = async (role: Role): Promise<Page> => {
    const page = await browser.newPage();
    page.setDefaultTimeout(120_000);
    await page.goto(`${served.url}#token=${tokens[role]}`);
    return page;
  };
  const press = async (page: Page, button: string): Promise<void> => {
    await page.getByRole('button', { name: button, exact: true }).click();
    await page.getByRole('button', { name: `Yes: ${button.toLowerCase()}` }).click();
  };

  it('goes from list to run, cancels and resumes it; a reader may only look', async () => {
    await client.create(world.config({ max_steps: 2000, save_steps: 5 }), { id: 'mine', labels: { team: 'a' } });
    const page = await look('run');
    await page.getByRole('link', { name: 'mine' }).click();
    await page.getByRole('img', { name: /^Loss: training [\d.]+ at step \d+/ }).waitFor();
    expect(await accessProblems(page)).toEqual([]);
    const asked = await fetch(`${served.url}metrics`, { headers: { authorization: `Bearer ${tokens.read}` } });
    const lines = (await asked.text()).split('\n');
    const value = (name: string): number =>
      Number(lines.find((line) => line.startsWith(`${name} `))?.slice(name.length) ?? NaN);
    expect(value('mrpo_runs{state="RUNNING"}')).toBe(1);
    expect(value('mrpo_queue_length')).toBe(0);
    expect(value('mrpo_backend_slots_busy{backend="embedded"}')).toBe(1);
    expect(value('mrpo_run_step{run="mine"}')).toBeGreaterThan(0);
    const parts = ['device', 'seam'].map((part) => value(`mrpo_run_step_seconds{run="mine",part="${part}"}`));
    expect(parts[0]).toBeGreaterThan(0);
    expect(parts[1]).toBeGreaterThanOrEqual(0);
    expect(value('mrpo_run_peak_memory_bytes{run="mine"}')).toBeGreaterThan(1e8);
    expect(value('mrpo_calls_total{method="createRun",outcome="ok"}')).toBe(1);
    expect((await fetch(`${served.url}metrics`)).status).toBe(401);

    expect(await page.getByRole('button', { name: 'Pause' }).isEnabled()).toBe(true);
    expect(await page.getByRole('button', { name: 'Resume' }).isDisabled()).toBe(true);

    const reader = await look('read');
    await reader.getByRole('link', { name: 'mine' }).click();
    await reader.locator('.pill.RUNNING').waitFor();
    await press(reader, 'Cancel run');
    await reader.getByRole('alert').getByText('has role read, expected run').waitFor();
    expect((await client.get('mine')).state).toBe('RUNNING');

    await press(page, 'Cancel run');
    await page.locator('.pill.CANCELLED').waitFor();
    expect((await client.get('mine')).state).toBe('CANCELLED');
    await page.getByText('cancelled by a-runer').first().waitFor();
    await press(page, 'Resume');
    await page.locator('.pill.PENDING, .pill.PREPARING, .pill.RUNNING').waitFor();
    await page.getByRole('list', { name: 'Events' }).getByText('by a-runer').first().waitFor();
    await press(page, 'Cancel run');
    await page.locator('.pill.CANCELLED').waitFor();
    if (process.env['SCREENSHOTS'] !== undefined)
      await page.screenshot({ path: join(process.env['SCREENSHOTS'], 'service-run.png'), fullPage: true });
  });
});
