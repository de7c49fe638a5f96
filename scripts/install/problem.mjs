/** What an installation can fail with on purpose: one message (what, where) and one hint (what to do). */
export class InstallProblem extends Error {
  /**
   * @param {string} message what went wrong, with what was found and what is needed
   * @param {string} hint what the user can do about it
   */
  constructor(message, hint) {
    super(message);
    this.name = 'InstallProblem';
    this.hint = hint;
  }
}

/** Thrown after Ctrl-C or SIGTERM; the process then ends with code 130. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'Interrupted';
  }
}

/** Prints why an installation stopped and gives the exit code: 1 failed, 130 interrupted. A defect is thrown on. */
export function explain(thrown, write = (text) => process.stderr.write(text)) {
  if (thrown instanceof Interrupted) {
    write('\ninterrupted; the next run continues\n');
    return 130;
  }
  if (!(thrown instanceof InstallProblem)) throw thrown;
  write(`\nerror: ${thrown.message}\n  ${thrown.hint}\n`);
  return 1;
}
