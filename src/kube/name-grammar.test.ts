import { describe, expect, it } from 'vitest';
import { nameFromText } from '#dns/name.ts';
import { parseRequest } from './name-grammar.ts';

const ZONE = nameFromText('inter.webs.tests');
const parse = (text: string) => parseRequest(nameFromText(text), ZONE);
const empty = { kind: '', namespace: '', service: '', endpoint: '', port: '', protocol: '' };

describe('parseRequest', () => {
  it('reads a Service, an endpoint and a port with its protocol', () => {
    const web = { ...empty, kind: 'svc', namespace: 'ns', service: 'web' };
    expect(parse('web.ns.svc.inter.webs.tests')).toEqual(web);
    expect(parse('1-2-3-4.web.ns.svc.inter.webs.tests')).toEqual({ ...web, endpoint: '1-2-3-4' });
    expect(parse('_http._tcp.web.ns.svc.inter.webs.tests')).toEqual({ ...web, port: 'http', protocol: 'tcp' });
  });

  it('does without the underscores, and takes a lone one as any', () => {
    expect(parse('http.tcp.web.ns.svc.inter.webs.tests')).toMatchObject({ port: 'http', protocol: 'tcp' });
    expect(parse('_._.web.ns.svc.inter.webs.tests')).toMatchObject({ port: '', protocol: '', endpoint: '' });
    expect(parse('__a._tcp.web.ns.svc.inter.webs.tests')).toMatchObject({ port: '_a' });
  });

  it('finds nothing to ask at the zone, svc and pod, and only a Namespace one label further', () => {
    for (const text of ['inter.webs.tests', 'svc.inter.webs.tests', 'pod.inter.webs.tests'])
      expect(parse(text)).toEqual(empty);
    expect(parse('ns.pod.inter.webs.tests')).toEqual({ ...empty, kind: 'pod', namespace: 'ns' });
  });

  it('gives null for another kind and for too many labels', () => {
    for (const text of ['webs.ns.pood', 'foo', 'a.b.c.web.ns.svc', 'too.long.for.what.I.am.trying.to.pod', 'x.dns'])
      expect(parse(`${text}.inter.webs.tests`), text).toBeNull();
  });

  it('does not mistake a dot inside a label for the end of it', () => {
    expect(parse('a\\.b.ns.svc.inter.webs.tests')).toMatchObject({ service: 'a.b', namespace: 'ns' });
  });

  it('reads below the root zone', () => {
    expect(parseRequest(nameFromText('web.ns.svc'), nameFromText('.'))).toMatchObject({ service: 'web', kind: 'svc' });
  });
});
