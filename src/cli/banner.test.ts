import { describe, expect, it } from 'vitest';
import { testServices } from '#plugin/testing.ts';
import { PLUGINS } from '#plugins/index.ts';
import { configure } from '#server/configuration.ts';
import { bannerText } from './banner.ts';
import { tryText } from './try-text.ts';

const configurationOf = (text: string) =>
  configure({
    plugins: PLUGINS,
    services: testServices(),
    events: { dropped: () => undefined, panic: () => undefined },
    defaultPort: 53,
    defaultHosts: [''],
    file: 'Corefile',
    text,
  });

describe('the banner', () => {
  it('has a line for each zone and address, the zones of an address in order', () => {
    const configuration = configurationOf(
      '. b.example a.example {\n whoami\n}\nc.example:1053 {\n bind 127.0.0.1\n whoami\n}',
    );
    expect(bannerText(configuration).split('\n')).toEqual([
      '.:53',
      'a.example.:53',
      'b.example.:53',
      'c.example.:1053 on 127.0.0.1',
      '',
    ]);
  });

  it('warns of a zone of unusual spelling in front of it', () => {
    expect(bannerText(configurationOf('_tcp.example {\n whoami\n}'))).toBe(
      'Warning: Domain "_tcp.example." does not follow RFC1035 preferred syntax\n_tcp.example.:53\n',
    );
  });
});

describe('the names to try', () => {
  const { corefile } = configurationOf('. {\n kubernetes in-addr.arpa k8s.example {\n }\n}');
  const place = { host: '127.0.0.1', port: 1053 };

  it('are of every kind that the manifests have, in the zone that is served', async () => {
    const lines = (await tryText(['examples'], corefile, place)).split('\n');
    expect(lines[0]).toBe('Try:');
    expect(lines.slice(1, -1).every((line) => line.startsWith('  dig @127.0.0.1 -p 1053 '))).toBe(true);
    const questions = lines.slice(1, -1).map((line) => line.replace('  dig @127.0.0.1 -p 1053 ', ''));
    for (const kind of [/ A$/, / AAAA$/, / SRV$/, / CNAME$/, /^-x /])
      expect(questions.some((question) => kind.test(question))).toBe(true);
    expect(
      questions.filter((question) => !question.startsWith('-x')).every((q) => q.includes('.svc.k8s.example ')),
    ).toBe(true);
  });

  it('are none where there are no manifests to take them from', async () => {
    expect(await tryText(['src/cli'], corefile, place)).toBe('');
  });
});
