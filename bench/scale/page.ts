/** The page that the tables stand in. */
export const PAGE_FILE = 'docs/scale.md';

/** The text between `<!-- NAME -->` and `<!-- /NAME -->`, replaced by the table of that name; throws where a marker is missing. */
export const withTables = (page: string, tables: Readonly<Record<string, string>>): string => {
  let text = page;
  for (const [name, table] of Object.entries(tables)) {
    const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const from = text.indexOf(begin);
    const to = text.indexOf(end, from);
    if (from < 0 || to < 0) throw new Error(`the page has no place for the table "${name}" (${begin} ... ${end})`);
    text = `${text.slice(0, from + begin.length)}\n${table}\n${text.slice(to)}`;
  }
  return text;
};
