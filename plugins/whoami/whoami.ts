import { addressFromText } from '#dns/address.ts';
import { foldName, MAX_NAME_OCTETS, prependLabels, ROOT, type WireName } from '#dns/name.ts';
import { ResourceRecord, srvRecord } from '#dns/record.ts';
import { RR_TYPE } from '#dns/registry/rr-types.ts';
import { Answer, type Query } from '#plugin/index.ts';

/** An empty answer; in the additional section the client's address and an SRV record with its port. TTL 0, AA. */
export const whoami = (query: Query): Answer => {
  const owner = spelledName(query);
  const protocol = query.transport === 'udp' ? '_udp' : '_tcp';
  const additional: ResourceRecord[] = [];
  const address = addressFromText(query.peer.address.replace(/%.*$/, ''));
  if (address !== null)
    additional.push(
      new ResourceRecord(owner, address.length === 4 ? RR_TYPE.A : RR_TYPE.AAAA, 0, address, query.class),
    );
  // A QNAME that leaves no room for the label gets no SRV record; CoreDNS fails to pack its reply then.
  if (owner.length + 1 + protocol.length <= MAX_NAME_OCTETS) {
    const port = { priority: 0, weight: 0, port: query.peer.port, target: ROOT };
    const srv = srvRecord(prependLabels([protocol], owner), 0, port);
    additional.push(new ResourceRecord(srv.owner, srv.type, 0, srv.rdata, query.class));
  }
  return new Answer({ isAuthoritative: true, additional });
};

/** QNAME as the client spelled it, or as a rewriting layer left it. */
const spelledName = ({ name, request }: Query): WireName =>
  foldName(request.question.name) === name ? request.question.name : name;
