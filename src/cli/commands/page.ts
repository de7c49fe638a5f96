/** `mrpo page`: runs of a folder on a web page, without a service. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { folderSource } from '../../page/folder-source.js';
import { PAGE_PORT, servePage } from '../../page/serve-page.js';
import { withToken } from '../../page/with-token.js';
import type { CliIo } from '../command.js';

/** Adds `mrpo page`. */
export function registerPage(program: Command, io: CliIo): void {
  program
    .command('page')
    .description('Watch the runs of a folder on a web page: live curves, samples, comparison.')
    .argument('[folder]', 'a run folder, or a folder of run folders', 'runs')
    .option('--port <number>', 'port on this machine; 0 = any free one', String(PAGE_PORT))
    .addHelpText(
      'after',
      `
Only programs of this machine that know the address with its token get in. Nothing can be changed from there; with a
service (mrpo serve) the page can also pause, resume and cancel runs.

Example:
  $ npx mrpo page runs
`,
    )
    .action(async (folder: string, { port }: { readonly port: string }) => {
      if (!existsSync(resolve(io.cwd, folder)))
        io.note(`note: there is no folder ${resolve(io.cwd, folder)} yet; its runs are shown when it is there\n`);
      const token = randomBytes(24).toString('base64url');
      const source = withToken(folderSource(resolve(io.cwd, folder)), token);
      const page = await servePage({ source, port: Number(port), hasTokens: true });
      io.out(`${page.url}#token=${token}\n`);
      if (!io.signal.aborted) await once(io.signal, 'abort');
      await page.close();
    });
}
