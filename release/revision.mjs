// The commit that a program is built from.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** As many digits on every machine; git's own short form grows with what else is in the clone. */
const DIGITS = 7;

/**
 * The commit's first digits: as CLUSTER_DNS_REVISION says, which is for a build without either of the following, such as an image's; or
 * git, `-dirty` behind it where a file differs from the commit; or an archive that git made. '' where nobody knows.
 */
export const revision = () => process.env.CLUSTER_DNS_REVISION?.slice(0, DIGITS) || ofCheckout() || ofArchive();

const git = (...args) => execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();

const ofCheckout = () => {
  try {
    // The checkout of something else that these files lie in says nothing of them.
    if (git('rev-parse', '--show-prefix') !== '') return '';
    const isChanged = git('status', '--porcelain', '--untracked-files=no') !== '';
    return `${git('rev-parse', 'HEAD').slice(0, DIGITS)}${isChanged ? '-dirty' : ''}`;
  } catch {
    return ''; // no git, or no checkout
  }
};

/** `git archive` puts the commit into the file, as .gitattributes asks for. */
const ofArchive = () => {
  const [digits = ''] = /^[0-9a-f]{40,}$/m.exec(readFileSync('release/commit', 'utf8')) ?? [];
  return digits.slice(0, DIGITS);
};
