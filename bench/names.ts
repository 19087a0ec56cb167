// Prints the query list of a scenario of `load`, for dnsperf by hand: node bench/run.mjs names --scenario cluster-hit --services 5000
import { parseArgs } from 'node:util';
import { scenarios } from './load/scenarios.ts';

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', default: 'cluster-hit' },
    services: { type: 'string', default: '5000' },
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
  },
});
const all = scenarios(0);
const chosen = all.find(({ name }) => name === values.scenario);
if (chosen === undefined)
  throw new Error(`--scenario ${values.scenario} is none of ${all.map(({ name }) => name).join(', ')}`);
const need = { services: Number(values.services), count: Number(values.count), seed: Number(values.seed) };
console.log(chosen.queries(need).join('\n'));
