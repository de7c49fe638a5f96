/** Turns the last log lines of npm or pip into one message and one hint. */
import { InstallProblem } from './problem.mjs';

const DISK_FULL = /no space left on device|ENOSPC|errno 28\b|disk quota exceeded|EDQUOT/i;
const NETWORK = new RegExp(
  [
    'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|network request to',
    'NewConnectionError|ConnectTimeout|ReadTimeout|ProxyError|Failed to establish a new connection|Network is unreachable',
    'Temporary failure in name resolution|Name or service not known|getaddrinfo|Connection (refused|reset|aborted|timed out)',
  ].join('|'),
  'i',
);
const CERTIFICATE = /CERTIFICATE_VERIFY_FAILED|SELF_SIGNED_CERT|UNABLE_TO_(GET|VERIFY)|self.signed certificate/i;
const PERMISSION = /EACCES|EPERM|errno 13\b|permission denied/i;
const NO_SUCH_RELEASE = /no matching distribution found for (\S+)|(?:ETARGET|E404)\b.*/i;
const LOCK_MISMATCH = /npm ci.*can only install packages when|Missing: .* from lock file/i;

/**
 * @param {string} what "npm packages" or "Python packages"
 * @param {string} where folder they go into
 * @param {string} output everything the tool said
 */
export function diagnose(what, where, output) {
  if (DISK_FULL.test(output)) {
    return new InstallProblem(
      `the disk is full: installing ${what} into ${where} ran out of space`,
      'Free some space (about 3 GB without an NVIDIA GPU, 9 GB with one), then run the same command again.',
    );
  }
  if (CERTIFICATE.test(output)) {
    return new InstallProblem(
      `installing ${what} failed: the certificate of the package index was not accepted`,
      'Behind a company proxy, point NODE_EXTRA_CA_CERTS and PIP_CERT at its certificate file, then run the same command again.',
    );
  }
  if (NETWORK.test(output)) {
    return new InstallProblem(
      `no network: installing ${what} could not reach the package index`,
      'Check the connection (and HTTPS_PROXY, PIP_INDEX_URL, npm config registry), then run the same command again; what was fetched is kept.',
    );
  }
  if (PERMISSION.test(output)) {
    return new InstallProblem(
      `no permission to write ${what} into ${where}`,
      `Make the folder yours (it must be writable without sudo), then run the same command again.`,
    );
  }
  if (LOCK_MISMATCH.test(output)) {
    return new InstallProblem(
      'package-lock.json does not fit package.json',
      'Undo local changes to either (git checkout package.json package-lock.json) or run npm install, then try again.',
    );
  }
  const missing = NO_SUCH_RELEASE.exec(output);
  const lastWords = output.trim().split('\n').slice(-12).join('\n    ');
  return new InstallProblem(
    missing
      ? `installing ${what} failed: ${missing[0]}`
      : `installing ${what} into ${where} failed; its last log lines:\n    ${lastWords}`,
    missing
      ? 'The configured package index does not offer this release for this Python and platform; see PIP_INDEX_URL, or try another Python (3.10 to 3.13).'
      : 'Run the same command again; if it fails the same way, delete node_modules and .venv first.',
  );
}

/** True when the tool failed only because no index offers the release asked for. */
export function offersNoSuchRelease(output) {
  return NO_SUCH_RELEASE.test(output) && !NETWORK.test(output) && !DISK_FULL.test(output) && !CERTIFICATE.test(output);
}
