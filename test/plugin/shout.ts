import { Answer, definePlugin, firstLabel, isWithin, RR_TYPE, txtRecord } from 'cluster-dns/plugin';

/** Answers TXT queries in the zones of its server block with the first label, in capitals. */
export default definePlugin({
  name: 'shout',
  isRepeatable: true, // the same question has the same answer, whoever asks
  isOnce: true,
  options: ['ttl'],
  setup({ directive, block, faults }) {
    let ttl = 60;
    for (const { args, body } of directive.occurrences) {
      if (args[0]) faults.argument(args[0]);
      for (const { name, args: words } of body ?? []) {
        if (name.text !== 'ttl') faults.add(`unknown property '${name.text}'`, name);
        else if (!/^\d{1,5}$/.test(words[0]?.text ?? '')) faults.add('ttl needs a number of seconds', words[0] ?? name);
        else ttl = Number(words[0]?.text);
      }
    }
    return {
      handle: (query, next) => {
        if (query.type !== RR_TYPE.TXT || !block.zones.some((zone) => isWithin(query.name, zone))) return next(query);
        const owner = query.request.question.name;
        const record = txtRecord(owner, ttl, [firstLabel(owner).toUpperCase()]);
        return new Answer({ isAuthoritative: true, answer: [record] });
      },
    };
  },
});
