import { describe, expect, it } from 'vitest';
import type { ServicePort } from '../../model/service-port.ts';
import { endpointName, serviceChain } from './names.ts';

const port = { namespace: 'ns1', name: 'svc1', protocol: 'tcp', portName: 'p80' } as ServicePort;

describe('names of chains and sets', () => {
  it("are kube-proxy's", () => {
    expect(serviceChain('service', port)).toBe('service-ULMVA6XW-ns1/svc1/tcp/p80');
    const endpoint = { address: '10.180.0.1', port: 80, isLocal: false };
    expect(endpointName('endpoint', port, endpoint)).toBe('endpoint-5OJB2KTY-ns1/svc1/tcp/p80__10.180.0.1/80');
  });
  it('have a slash at the end where the port has no name, and no colon', () => {
    expect(serviceChain('external', { ...port, portName: '' })).toMatch(/^external-[A-Z2-7]{8}-ns1\/svc1\/tcp\/$/);
    const endpoint = { address: 'fd00::1', port: 80, isLocal: false };
    expect(endpointName('affinity', port, endpoint)).toMatch(
      /^affinity-[A-Z2-7]{8}-ns1\/svc1\/tcp\/p80__fd00\.\.1\/80$/,
    );
  });
  it('are cut where nft takes no more', () => {
    const long = serviceChain('service', { ...port, name: 'x'.repeat(300) });
    expect(long).toHaveLength('service-'.length + 240);
    expect(long).toMatch(/xxx\.\.\.$/);
  });
});
