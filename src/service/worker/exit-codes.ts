/** What the process of a run and the service agree on. */

/** Exit code of a process that found another one at work on its run. */
export const ALREADY_AT_WORK = 75;

/** Exit code of a process whose backend, one by address, could not be reached: another one may be. */
export const BACKEND_AWAY = 76;

/** The backend that a run starts for itself; any other one is an address. */
export const EMBEDDED = 'embedded';
