import { definePlugin } from '#plugin/index.ts';
import { readSize } from './size.ts';

/** Bounds the UDP size that a client may ask for, and so its replies. */
export default definePlugin({
  name: 'bufsize',
  // Whoever repeats the reply repeats the limit (`Query.udpSizeLimit`).
  isRepeatable: true,
  setup({ directive, faults }) {
    const octets = readSize(directive, faults);
    return {
      handle: (query, next) => {
        query.limitUdpSize(octets);
        return next(query);
      },
    };
  },
});
