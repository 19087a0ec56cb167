import { describe, expect, it } from 'vitest';
import { Log } from '#log/log.ts';
import { SharedResources } from '#plugin/index.ts';
import { RecordingSink, setupPlugin, testServices } from '#plugin/testing.ts';
import debug from './index.ts';

class SwitchSink extends RecordingSink {
  isDebug = false;
  setDebug(isOn: boolean): void {
    this.isDebug = isOn;
  }
}

describe('debug', () => {
  it('tells the core not to recover from crashes', () => {
    expect(setupPlugin(debug, 'debug').block.settings.isDebug).toBe(true);
  });

  it('keeps debug lines on until the last block that wants them is gone', async () => {
    const sink = new SwitchSink();
    const services = testServices({ log: new Log(sink), shared: new SharedResources() });
    const first = setupPlugin(debug, 'debug', { services }).instance;
    const second = setupPlugin(debug, 'debug', { services }).instance;
    expect(sink.isDebug).toBe(false);
    await first?.start?.();
    await second?.start?.();
    await first?.stop?.();
    expect(sink.isDebug).toBe(true);
    await second?.stop?.();
    expect(sink.isDebug).toBe(false);
  });

  it('takes no words', () => {
    const { faults } = setupPlugin(debug, 'debug off');
    expect(faults.list.map(({ message }) => message)).toEqual([
      "Error during parsing: Wrong argument count or unexpected line ending after 'off'",
    ]);
  });
});
