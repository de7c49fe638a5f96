/** Why one row cannot become a pair. Readers throw it; the reading loop counts it with the row's line number. */
export class RowProblem extends Error {
  override readonly name = 'RowProblem';
}
