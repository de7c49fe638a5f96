/** What messages hold beyond role and text, and tools: part of what a pair says, so part of its id. */
import { describe, expect, it } from 'vitest';
import { splitMessages } from '../../src/data/common-prefix.js';
import { makePair, oppositeId, type PairDraft } from '../../src/data/make-pair.js';
import type { ChatMessage } from '../../src/data/pair.js';

const asked: ChatMessage = { role: 'user', content: 'Weather in Paris?' };
const said = (content: string, extra?: ChatMessage['extra']): ChatMessage => ({ role: 'assistant', content, extra });
const call = (city: string): ChatMessage['extra'] => ({
  tool_calls: [{ type: 'function', function: { name: 'get_weather', arguments: { city } } }],
});
const draft = (more: Partial<PairDraft> = {}): PairDraft => ({
  plain: false,
  prompt: [asked],
  chosen: [said('18 degrees.')],
  rejected: [said('Cloudy.')],
  ...more,
});

describe('ids of pairs', () => {
  it('are what they were before messages could hold more than text', () => {
    const { id, promptId } = makePair(draft(), 1);
    expect({ id, promptId }).toEqual({
      id: 'be5ba27d352c7c9839e4d88dd607b426542ba16602e0554b6c4aacbdeb33140e',
      promptId: 'd9d72ccc9f058c25a60037a95ddfe288d8ef35dd7ae64683aedc8090f435c459',
    });
    expect(makePair(draft({ tools: [], prompt: [{ ...asked, extra: {} }] }), 1).id).toBe(id);
  });

  it('tell pairs apart whose messages differ beyond the text, and whose tools differ', () => {
    const drafts = [
      draft(),
      draft({ chosen: [said('18 degrees.', call('Paris'))] }),
      draft({ chosen: [said('18 degrees.', call('London'))] }),
      draft({ rejected: [said('Cloudy.', call('Paris'))] }),
      draft({ prompt: [{ ...asked, extra: { name: 'Ann' } }] }),
      draft({ tools: [{ name: 'get_weather' }] }),
    ];
    expect(new Set(drafts.map((each) => makePair(each, 1).id)).size).toBe(drafts.length);
    const pair = makePair(drafts[5]!, 1);
    const { chosen: rejected, rejected: chosen } = drafts[5]!;
    expect(oppositeId(pair)).toBe(makePair({ ...drafts[5]!, chosen, rejected }, 1).id);
    expect(pair.tools).toEqual([{ name: 'get_weather' }]);
  });
});

describe('a response without text', () => {
  it('is a response when it calls a tool', () => {
    const pair = makePair(draft({ chosen: [said('', call('Paris'))], rejected: [said('', call('London'))] }), 1);
    expect(pair.chosen[0]?.extra).toEqual(call('Paris'));
  });

  it('is none when it holds nothing else either', () => {
    expect(() => makePair(draft({ chosen: [said('', {})] }), 1)).toThrow('chosen: empty response');
  });

  it('equals another one only when the calls are equal', () => {
    const same = { chosen: [said('', call('Paris'))], rejected: [said('', call('Paris'))] };
    expect(() => makePair(draft(same), 1)).toThrow('chosen equals rejected');
  });
});

it('half a character inside a tool call is found', () => {
  expect(() => makePair(draft({ chosen: [said('', call('Par\ud800'))] }), 1)).toThrow(
    /chosen: half of a surrogate pair/,
  );
});

it('an implicit prompt ends where messages differ beyond the text', () => {
  const [a, b] = [said('Let me look.', call('Paris')), said('Let me look.', call('London'))];
  expect(splitMessages([asked, a], [asked, b])).toEqual({ prompt: [asked], chosen: [a], rejected: [b] });
});
