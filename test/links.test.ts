/** Links between the pages of this project: to files, and to headings in them. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const FOLDERS = ['bench', 'charts', 'deploy', 'docs', 'examples', 'image', 'plugins', 'src', 'test'];

const isPage = (path: string): boolean => path.endsWith('.md');
const pages = [
  ...readdirSync(ROOT).filter(isPage),
  ...FOLDERS.filter((folder) => existsSync(join(ROOT, folder))).flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter(isPage)
      .map((file) => join(folder, file)),
  ),
];
/** What a page says, but for its examples. */
const textOf = (page: string): string => readFileSync(join(ROOT, page), 'utf8').replace(/^( *)```[\s\S]*?^\1```/gm, '');

/** As the sites that show Markdown name headings: in small letters, without punctuation, hyphens for spaces. */
const anchorsOf = (page: string): string[] =>
  [...textOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

const linksOf = (page: string): string[] =>
  [...textOf(page).matchAll(/\]\((?!\w+:)([^)\s]+)\)/g)].map(([, link = '']) => link);

/** Why a link leads nowhere, or nothing. */
const faultOf = (page: string, link: string): string[] => {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : normalize(join(dirname(page), path));
  if (!existsSync(join(ROOT, target))) return [`${link}: no such file`];
  if (anchor === undefined || statSync(join(ROOT, target)).isDirectory()) return [];
  return anchorsOf(target).includes(anchor) ? [] : [`${link}: no such heading`];
};

describe('the links of', () => {
  it.each(pages)('%s lead somewhere', (page) => {
    expect(linksOf(page).flatMap((link) => faultOf(page, link))).toEqual([]);
  });
});
