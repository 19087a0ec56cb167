import { describe, expect, it } from 'vitest';
import { differenceOf, ofMeanings, ofMeaningsOrComment, readLiveRules, rewriteText } from './live-rules.ts';
import { rulesOfAddress } from './own-rules.ts';

const RULES = rulesOfAddress({ address: 'FD00:0::A', family: 6 }, { dnsPort: 53, healthPort: 8080 });
const [FIRST] = RULES as [(typeof RULES)[0]];
const SAVED =
  '-A PREROUTING -d fd00::a/128 -p tcp -m tcp --dport 53 -m comment --comment "NodeLocal DNS Cache: skip conntrack" -j NOTRACK';

const read = (...lines: readonly string[]) =>
  readLiveRules(`*raw\n:PREROUTING ACCEPT [0:0]\n${lines.join('\n')}\nCOMMIT\n`, ofMeanings(RULES));

describe("node-cache's rules in a listing", () => {
  it.each([
    ['with its comment', SAVED, true],
    ['with a comment in front', SAVED.replace(/( -d.*53)( -m comment.*")/, '$2$1'), true],
    ['with counters', `[5:300] ${SAVED}`, true],
    ['without a comment', SAVED.replace(/ -m comment.*" /, ' '), false],
    ['by the name of the target CT', SAVED.replace('NOTRACK', 'CT --notrack'), false],
  ])('are known %s', (_, line, isExact) => {
    expect(read(line)).toMatchObject([{ table: 'raw', isExact }]);
  });

  it.each([
    ["with somebody else's comment", SAVED.replace('NodeLocal DNS Cache', 'mine')],
    ['with another test', SAVED.replace('-p tcp', '-i eth0 -p tcp')],
    ['with a negation', SAVED.replace('-d', '! -d')],
    ['with another port', SAVED.replace('53', '54')],
    ['with a test that is not known here', SAVED.replace('-j', '-m ttl --ttl-eq 3 -j')],
    ['in another chain', SAVED.replace('PREROUTING', 'INPUT')],
  ])('are not those %s', (_, line) => {
    expect(read(line)).toEqual([]);
  });

  it('are known by the comment alone, where the addresses are not known', () => {
    expect(readLiveRules(`*raw\n${SAVED}\n`, ofMeaningsOrComment([]))).toHaveLength(1);
    expect(readLiveRules(`*nat\n${SAVED}\n`, ofMeaningsOrComment([]))).toEqual([]);
  });
});

describe('the difference from what is wanted', () => {
  it('is none where one rule is there once', () => {
    expect(differenceOf(read(SAVED), [FIRST], { isStrict: true })).toEqual({ missing: [], surplus: [] });
  });

  it('is what is missing, a duplicate, and what is not wanted', () => {
    const plain = SAVED.replace(/ -m comment.*" /, ' ');
    const udp = SAVED.replaceAll('tcp', 'udp');
    expect(differenceOf([], [FIRST], { isStrict: false })).toEqual({ missing: [FIRST], surplus: [] });
    expect(differenceOf(read(plain, SAVED, udp), [FIRST], { isStrict: false })).toMatchObject({
      missing: [],
      surplus: [{ line: plain }, { line: udp }],
    });
  });

  it('is another spelling only where that is asked for', () => {
    const live = read(SAVED.replace('NOTRACK', 'CT --notrack'));
    expect(differenceOf(live, [FIRST], { isStrict: false })).toEqual({ missing: [], surplus: [] });
    expect(differenceOf(live, [FIRST], { isStrict: true })).toEqual({ missing: [FIRST], surplus: live });
  });

  it('is put right by one text, accepting before attracting and attracting no more before that ends', () => {
    expect(rewriteText(read(SAVED), RULES.slice(0, 3)).match(/^(\*.*|-D)/gm)).toEqual(['*filter', '*raw', '-D']);
    const accept = SAVED.replace('PREROUTING', 'INPUT')
      .replace('skip conntrack', 'allow DNS traffic')
      .replace('NOTRACK', 'ACCEPT');
    const live = readLiveRules(`*filter\n${accept}\n*raw\n${SAVED}\n`, ofMeanings(RULES));
    expect(rewriteText(live, []).match(/^\*.*/gm)).toEqual(['*raw', '*filter']);
  });
});
