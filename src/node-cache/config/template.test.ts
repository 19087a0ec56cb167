import { describe, expect, it } from 'vitest';
import { faultsText } from '#corefile/diagnostics.ts';
import { parseCorefile } from '#corefile/parser.ts';
import { type KubeDnsConfig, NO_KUBE_DNS } from './kube-dns-config.ts';
import { corefileOf, renderTemplate, type TemplateSettings } from './template.ts';
import { atOrigin } from './template-places.ts';
import { STOCK_TEMPLATE, settingsOf } from './testing.ts';

const LOCAL = ['-localip', '169.254.20.10,10.96.0.10'];
const SETTINGS = settingsOf(LOCAL);
const UPSTREAMS: KubeDnsConfig = { ...NO_KUBE_DNS, upstreamNameservers: ['192.0.2.1', '192.0.2.2:1053'] };

const render = (template: string, kubeDns = NO_KUBE_DNS, settings: TemplateSettings = SETTINGS): string => {
  const rendered = renderTemplate(template, settings, kubeDns);
  expect(rendered.faults).toEqual([]);
  return corefileOf(rendered);
};

const faultsOf = (template: string, settings: TemplateSettings = SETTINGS): string => {
  const { faults } = renderTemplate(template, settings, NO_KUBE_DNS);
  return faultsText(faults, new Map([[settings.baseCorefile, template]]));
};

describe('a template', () => {
  it('has its variables filled in, and no other octet changed', () => {
    const template =
      '\ufeff# __PILLAR__LOCAL__DNS__\r\n.:53  {\tbind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__ # é\n forward . __PILLAR__CLUSTER__DNS__ __PILLAR__UPSTREAM__SERVERS__\n}';
    expect(render(template)).toBe(
      '\ufeff# 169.254.20.10 10.96.0.10\r\n.:53  {\tbind 169.254.20.10 10.96.0.10  # é\n forward . 10.96.200.1 /etc/resolv.conf\n}',
    );
  });

  it('of the manifest in use is filled in without an installer', () => {
    const text = render(STOCK_TEMPLATE);
    expect(text).not.toContain('__PILLAR__');
    expect(text).toContain('    bind 169.254.20.10 10.96.0.10 \n');
    expect(text).toContain('    health 169.254.20.10:8080\n');
    expect(text).toContain('    forward . /etc/resolv.conf\n');
    expect(parseCorefile({ file: 'Corefile', text }).corefile.blocks).toHaveLength(4);
  });

  it.each([
    ['169.254.20.10,fd00::a', 'health __PILLAR__LOCAL__DNS__:8080', 'health 169.254.20.10:8080'],
    ['fd00::a,169.254.20.10', 'health __PILLAR__LOCAL__DNS__:8080', 'health [fd00::a]:8080'],
    ['fd00::a,fd00::b', 'health [__PILLAR__LOCAL__DNS__]:8080', 'health [fd00::a]:8080'],
    ['fd00::a,fd00::b', 'bind __PILLAR__LOCAL__DNS__', 'bind fd00::a fd00::b'],
  ])('with the addresses %s makes "%s" to "%s"', (localip, line, text) => {
    const around = (inner: string): string => `.:53 {\n    ${inner}\n}\n`;
    expect(render(around(line), NO_KUBE_DNS, settingsOf(['-localip', localip]))).toBe(around(text));
  });
});

describe('stub domains', () => {
  const stubDomains = new Map([
    ['acme.local', ['1.1.1.1']],
    ['widget.local', ['2.2.2.2:10053', '3.3.3.3']],
  ]);

  it('follow the template, a block each', () => {
    const text = render(
      '.:53 {\n    whoami\n}\n',
      { ...NO_KUBE_DNS, stubDomains },
      settingsOf([...LOCAL, '-p', '1053']),
    );
    expect(text).toBe(`.:53 {
    whoami
}

acme.local:1053 {
    errors
    cache 30
    bind 169.254.20.10 10.96.0.10
    forward . 1.1.1.1
}

widget.local:1053 {
    errors
    cache 30
    bind 169.254.20.10 10.96.0.10
    forward . 2.2.2.2:10053 3.3.3.3
}
`);
  });

  it('leave the upstream servers to the node', () => {
    expect(render(STOCK_TEMPLATE, { ...NO_KUBE_DNS, stubDomains })).toContain('forward . /etc/resolv.conf\n');
  });
});

describe('upstream servers of the ConfigMap', () => {
  const forward = (rest: string): string =>
    `.:53 {\n    forward . __PILLAR__UPSTREAM__SERVERS__${rest}\n    reload\n}\n`;
  const asked = (rest: string): string => `.:53 {\n    forward . 192.0.2.1 192.0.2.2:1053${rest}\n    reload\n}\n`;

  it.each([
    ['no block', '', ''],
    ["the manifest's blanks", ' {\n            force_tcp\n    }', ''],
    ['other blanks', ' {\n\tforce_tcp\n    }', ''],
    ['a comment', ' { # all\n        force_tcp # by TCP\n    } # end', ' # end'],
    ['carriage returns', ' {\r\n  force_tcp\r\n  }\r', '\r'],
    [
      'other options',
      ' {\n        max_concurrent 1000\n        force_tcp # by TCP\n        expire 10s\n    }',
      ' {\n        max_concurrent 1000\n        expire 10s\n    }',
    ],
    [
      'a plain block behind it',
      ' {\n  force_tcp\n}\n    cache {\n        force_tcp\n    }',
      '\n    cache {\n        force_tcp\n    }',
    ],
    ['other options alone', ' {\n        expire 10s\n    }', ' {\n        expire 10s\n    }'],
    ['the option twice', ' {\n  force_tcp\n  expire 10s\n  force_tcp\n }', ' {\n  expire 10s\n }'],
  ])('are asked over UDP: %s', (_, before, after) => {
    expect(render(forward(before), UPSTREAMS)).toBe(asked(after));
  });

  it('leave other forwards as they are', () => {
    const text = render(STOCK_TEMPLATE, UPSTREAMS);
    expect(text.match(/force_tcp/g)).toHaveLength(3);
    expect(text).toContain('    forward . 192.0.2.1 192.0.2.2:1053\n');
  });

  it('stand in quotes', () => {
    const quoted = '.:53 {\n    forward . "__PILLAR__UPSTREAM__SERVERS__" {\n  force_tcp\n }\n}\n';
    const config = { ...NO_KUBE_DNS, upstreamNameservers: ['192.0.2.1'] };
    expect(render(quoted, config)).toBe('.:53 {\n    forward . "192.0.2.1"\n}\n');
  });

  it('reach a forward that a snippet has', () => {
    const text = render(
      '(up) {\n forward . __PILLAR__UPSTREAM__SERVERS__ {\n  force_tcp\n }\n}\n.:53 {\n import up\n}\n',
      UPSTREAMS,
    );
    expect(text).toBe('(up) {\n forward . 192.0.2.1 192.0.2.2:1053\n}\n.:53 {\n import up\n}\n');
  });

  it('are not asked for where there are none, and TCP stays', () => {
    expect(render(forward(' {\n  force_tcp\n }'))).toContain('forward . /etc/resolv.conf {\n  force_tcp\n }');
  });
});

describe('a template that cannot be filled in', () => {
  it("lacks the cluster's DNS", () => {
    const settings = settingsOf([...LOCAL, '-upstreamsvc', 'kube-dns-upstream']);
    expect(faultsOf('.:53 {\n    forward . __PILLAR__CLUSTER__DNS__ {\n    }\n}\n', settings)).toBe(
      `/etc/coredns/Corefile.base:2:15: there is no address for __PILLAR__CLUSTER__DNS__: KUBE_DNS_UPSTREAM_SERVICE_HOST is not in the environment
  2 |     forward . __PILLAR__CLUSTER__DNS__ {
    |               ^^^^^^^^^^^^^^^^^^^^^^^^
  hint: the Service "kube-dns-upstream" (-upstreamsvc) must be in the namespace of this Pod, with a cluster IP, before the Pod starts
`,
    );
    expect(faultsOf('.:53 { # __PILLAR__CLUSTER__DNS__\n    whoami\n}\n', settings)).toBe('');
  });

  it('has variables that nobody fills in, each by its place', () => {
    expect(faultsOf('__PILLAR__DNS__DOMAIN__:53 {\n bind __PILLAR__LOCAL_DNS__\n forward . __PILLAR__X__\n}\n')).toBe(
      `/etc/coredns/Corefile.base:1:1: __PILLAR__DNS__DOMAIN__ is for the installer to fill in
  1 | __PILLAR__DNS__DOMAIN__:53 {
    | ^^^^^^^^^^^^^^^^^^^^^^^^^^
  hint: write the cluster's domain: cluster.local
/etc/coredns/Corefile.base:2:7: unknown variable __PILLAR__LOCAL_DNS__
  2 |  bind __PILLAR__LOCAL_DNS__
    |       ^^^^^^^^^^^^^^^^^^^^^
  hint: did you mean "__PILLAR__LOCAL__DNS__"?
/etc/coredns/Corefile.base:3:12: unknown variable __PILLAR__X__
  3 |  forward . __PILLAR__X__
    |            ^^^^^^^^^^^^^
`,
    );
  });
});

describe('a fault of the Corefile', () => {
  const placed = (template: string, kubeDns: KubeDnsConfig, word: string, stubDomains = ''): string => {
    const rendered = renderTemplate(template, SETTINGS, kubeDns);
    const text = corefileOf(rendered);
    const { corefile, sources } = parseCorefile({ file: SETTINGS.corefile, text });
    const token = corefile.blocks
      .flatMap(({ keys, directives }) => [
        ...keys,
        ...directives.flatMap(({ occurrences }) => occurrences.flatMap(({ tokens }) => tokens)),
      ])
      .findLast((each) => each.text === word);
    if (token === undefined) throw new Error(`no ${word} in ${text}`);
    const fault = { message: 'wrong', token, hint: `first defined at ${SETTINGS.corefile}:1:1` };
    const origin = atOrigin({ faults: [fault], sources }, rendered, SETTINGS, stubDomains);
    return faultsText(origin.faults, origin.sources);
  };

  it('stands in the template, behind lines that are gone and variables that are longer than what is in their place', () => {
    const template =
      '.:53 {\n forward . __PILLAR__UPSTREAM__SERVERS__ {\n  force_tcp\n }\n bind __PILLAR__LOCAL__DNS__ wlan9\n cahce 30\n}\n';
    expect(placed(template, UPSTREAMS, 'wlan9')).toBe(
      `/etc/coredns/Corefile.base:5:30: wrong
  5 |  bind __PILLAR__LOCAL__DNS__ wlan9
    |                              ^^^^^
  hint: first defined at /etc/coredns/Corefile.base:1:1
`,
    );
    expect(placed(template, UPSTREAMS, 'cahce')).toMatch(
      /^\/etc\/coredns\/Corefile\.base:6:2: wrong\n {2}6 \| {2}cahce 30\n/,
    );
    expect(placed(template, UPSTREAMS, '192.0.2.2:1053')).toMatch(/^\/etc\/coredns\/Corefile\.base:2:12: wrong\n/);
  });

  it.each([
    ['.:53 {\n whoami\n}\n', 'a newline'],
    ['.:53 {\n whoami\n}', 'none'],
  ])('of a stub domain stands in the ConfigMap: %j ends with %s', (template) => {
    const stubDomains = '{\n  "a.example": ["1.1.1.1"],\n  "b.example": ["2.2.2.2"]\n}';
    const config: KubeDnsConfig = {
      ...NO_KUBE_DNS,
      stubDomains: new Map([
        ['a.example', ['1.1.1.1']],
        ['b.example', ['2.2.2.2']],
      ]),
    };
    for (const [word, line] of [
      ['a.example:53', 2],
      ['1.1.1.1', 2],
      ['b.example:53', 3],
      ['2.2.2.2', 3],
    ] as const)
      expect(placed(template, config, word, stubDomains)).toContain(`/etc/kube-dns/stubDomains:${line}:3: wrong\n`);
    expect(placed(template, config, '.:53', stubDomains)).toContain('/etc/coredns/Corefile.base:1:1: wrong\n');
  });
});
