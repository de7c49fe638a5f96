/** A source that only answers callers with one token. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { PageError, type PageCaller, type PageSource } from './source.js';

/** The same source; callers without the token get a 401. */
export function withToken(source: PageSource, token: string): PageSource {
  const wanted = digest(token);
  const require = (caller: PageCaller): void => {
    if (!timingSafeEqual(digest(caller.token ?? ''), wanted)) throw new PageError(401, 'this page needs its token');
  };
  const guarded =
    <Rest extends unknown[], Result>(call: (caller: PageCaller, ...rest: Rest) => Promise<Result>) =>
    async (caller: PageCaller, ...rest: Rest): Promise<Result> => {
      require(caller);
      return call(caller, ...rest);
    };
  return {
    info: guarded(source.info),
    list: guarded(source.list),
    get: guarded(source.get),
    stored: guarded(source.stored),
    metricsFile: guarded(source.metricsFile),
    follow(caller, ...rest) {
      require(caller);
      return source.follow(caller, ...rest);
    },
    act: guarded(source.act),
  };
}

/** Equal lengths, whatever was sent. */
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
