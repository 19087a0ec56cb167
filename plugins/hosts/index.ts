import { definePlugin } from '#plugin/index.ts';
import { Hosts } from './hosts.ts';
import { HostsFile } from './hosts-file.ts';
import { readOptions } from './options.ts';

/** Answers A, AAAA and PTR from a hosts file and from lines in the Corefile. */
export default definePlugin({
  name: 'hosts',
  isOnce: true,
  // A reply stands on the file's version alone, and that is noted in the provenance.
  isRepeatable: true,
  options: ['ttl', 'no_reverse', 'reload', 'fallthrough', 'fallthrough_unsupported'],
  setup({ directive, block, faults, services }) {
    const log = services.log.plugin('hosts');
    const options = readOptions(directive, block.zones, faults, log);
    const file = new HostsFile(options, { metrics: services.metrics, generations: services.generations, log });
    const hosts = new Hosts(options, file);
    return {
      handle: (query, next) => hosts.handle(query, next),
      start: () => file.start(),
      stop: () => file.stop(),
    };
  },
});
