import { foldName, type Name, type WireName } from '#dns/name.ts';
import type { Query } from '#plugin/index.ts';

/** One name and type to answer for: the query's own, or a CNAME target on the way. */
export class Ask {
  readonly query: Query;
  readonly name: Name;
  /** The name as it is to stand in the answer. */
  readonly spelled: WireName;
  /** The zone that the query fell into; a target is followed inside this one only. */
  readonly zone: Name;
  /** The zone in the spelling of the query. */
  readonly spelledZone: WireName;
  readonly type: number;

  constructor(query: Query, names: { readonly name: Name; readonly spelled: WireName }, zone: ZoneNames, type: number) {
    this.query = query;
    this.name = names.name;
    this.spelled = names.spelled;
    this.zone = zone.zone;
    this.spelledZone = zone.spelledZone;
    this.type = type;
  }
}

interface ZoneNames {
  readonly zone: Name;
  readonly spelledZone: WireName;
}

/** What a query within `zone` asks. A name that another plugin has put in the place of the client's has no other spelling. */
export const askOf = (query: Query, zone: Name): Ask => {
  const { name } = query;
  const asked = query.request.question.name;
  const spelled = asked === name || foldName(asked) === name ? asked : name;
  const spelledZone = spelled === name ? zone : (spelled.slice(spelled.length - zone.length) as WireName);
  return new Ask(query, { name, spelled }, { zone, spelledZone }, query.type);
};
