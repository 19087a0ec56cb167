import { describe, expect, it } from 'vitest';
import { listenError } from './listener.ts';

const refusal = (code: string, port: number): string =>
  listenError('tcp', { host: '', port }, Object.assign(new Error('raw'), { code })).message;

describe('a port that can not be listened on', () => {
  it("is told in the words of Go's net package", () => {
    expect(refusal('EADDRINUSE', 53)).toBe('Listen: listen tcp :53: bind: address already in use');
  });

  it('is told with the mend where it is a low one that the user has no right to', () => {
    expect(refusal('EACCES', 53)).toMatch(/^Listen: listen tcp :53: bind: permission denied \(.*NET_BIND_SERVICE.*\)$/);
    expect(refusal('EACCES', 5353)).toBe('Listen: listen tcp :5353: bind: permission denied');
  });
});
