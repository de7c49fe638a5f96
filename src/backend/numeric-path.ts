/**
 * A numeric path ends, behind "; ", with marks of what the backend's software reads otherwise than an earlier one did:
 * "cpu float32 ... layout-2; by-own-length". What stands before rounds; what is marked may give quite other numbers.
 */

/** The marks, empty for most models. */
export const readingOf = (numericPath: string): string => numericPath.split('; ')[1] ?? '';
