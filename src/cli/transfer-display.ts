/** Files on their way as a terminal shows them: a bar for each that does not come in one piece, in KiB. */
import type { TransferProgress } from '../service/client/transfer.js';
import type { CliIo } from './command.js';
import type { ProgressDisplay } from './progress.js';

/** Shows transfers, one file behind the other. */
export function showTransfer({ progress }: Pick<CliIo, 'progress'>): {
  readonly show: (at: TransferProgress) => void;
  readonly end: () => void;
} {
  let shown: { readonly file: string; readonly bar: ProgressDisplay } | undefined;
  const end = (): void => {
    shown?.bar.stop();
    shown = undefined;
  };
  const kib = (bytes: number): number => Math.ceil(bytes / 1024);
  return {
    end,
    show({ file, done, size }) {
      if (shown?.file !== file) {
        end();
        if (done >= size) return;
        shown = { file, bar: progress(`  ${file}`) };
      }
      shown.bar.update(kib(done), kib(size), 'KiB');
    },
  };
}
