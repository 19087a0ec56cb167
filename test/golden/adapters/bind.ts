import { networkInterfaces } from 'node:os';
import bind from '#plugins/bind/index.ts';
import { type Adapter, tablesOf } from '../adapter.ts';
import { passedOver, replaySetup } from '../setup-rows.ts';

const hasIPv6Loopback = (): boolean => networkInterfaces().lo?.some(({ address }) => address === '::1') ?? false;

const adapter: Adapter = {
  files: ['bind-setup.json'],
  replay: async (_file, data) =>
    tablesOf(data).flatMap(({ test, cases }) =>
      cases.map((row, i) => {
        const [stanza, name] = [String(row.config), `${test} ${i}`];
        if (/\blo\b/.test(stanza) && !hasIPv6Loopback())
          return passedOver(name, 'the loopback interface of this machine is not lo with 127.0.0.1 and ::1');
        return replaySetup(bind, { name, stanza, isRefused: row.failing === true }, ({ block }) => [
          block.settings.listenHosts,
          row.expected,
        ]);
      }),
    ),
};
export default adapter;
