import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '#test/command.ts';
import { at, manifestsOf, theOne } from '#test/helm.ts';
import { kubeSchemas } from '#test/kube-schema.ts';
import { missing, titled } from '../root/needs.ts';

const DEPLOY = fileURLToPath(new URL('../../deploy', import.meta.url));
const TITLE = 'manifests for kubectl alone';
const reason = await missing(TITLE, ['helm']);
const files = (await readdir(DEPLOY)).filter((file) => file.endsWith('.yaml'));
const read = async (file: string): Promise<string> => await readFile(join(DEPLOY, file), 'utf8');

describe.skipIf(reason !== '')(titled(TITLE, reason), () => {
  let rendered: string;

  beforeAll(async () => {
    rendered = await mkdtemp(join(tmpdir(), 'deploy-'));
    await run(process.execPath, [join(DEPLOY, 'render.mjs'), rendered]);
  });
  afterAll(async () => {
    await rm(rendered, { recursive: true });
  });

  it('are as many as the charts make', async () => {
    expect((await readdir(rendered)).toSorted()).toEqual(files.toSorted());
  });

  it.each(files)('%s is what the chart makes now: else run npm run deploy', async (file) => {
    expect(await read(file)).toBe(await readFile(join(rendered, file), 'utf8'));
  });
});

describe('a manifest for kubectl alone', () => {
  it.each(files)('%s says how it is made, and what has to be filled in', async (file) => {
    const text = await read(file);
    const header = /^(# .*\n)+/.exec(text)?.[0] ?? '';
    expect(header).toContain('npm run deploy');
    const said = [...header.matchAll(/^# {3}(\S+)/gm)].map(([, what = '']) => what);
    const body = text.slice(header.length);
    for (const what of said) expect(body).toContain(what);
    expect(
      [...body.matchAll(/REGISTRY|API-SERVER/g)].map(([what]) => what).filter((what) => !said.includes(what)),
    ).toEqual([]);
    // Nobody has anything of that name to be pulled by mistake.
    const images = [...body.matchAll(/image: "?([^"\n]+)/g)].map(([, image = '']) => image);
    expect(images.filter((image) => !image.startsWith('REGISTRY/'))).toEqual([]);
    expect(body).not.toMatch(/managed-by|helm\.sh\/(chart|hook)/);
  });

  it('brings nothing that another one brings, so that it can be taken out alone', async () => {
    const all = await Promise.all(files.map(async (file) => manifestsOf(await read(file))));
    const ids = all.flat().map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  });

  it('is filled in by the one command of README.md', async () => {
    const readme = await read('README.md');
    const command = /^sed -i (-e [\s\S]*?) deploy\/\*\.yaml$/m.exec(readme)?.[1]?.replaceAll('\\\n', ' ') ?? '';
    const filled = await run('sh', ['-c', `cat ${files.map((file) => join(DEPLOY, file)).join(' ')} | sed ${command}`]);
    const left = manifestsOf(filled.replace(/^#.*\n/gm, ''));
    expect(JSON.stringify(left)).not.toMatch(/REGISTRY|API-SERVER|10\.96\.0\.10|cluster\.local|10\.244\./);
    expect(at(theOne(left, 'Service', 'kube-dns'), 'spec.clusterIP')).toBe('10.43.0.10');
  });

  it('is right by the schemas of the oldest Kubernetes that it is for', async ({ skip }) => {
    const schemas = await kubeSchemas('v1.27.16');
    if ('skip' in schemas) return skip(schemas.skip);
    const all = await Promise.all(files.map(async (file) => manifestsOf(await read(file))));
    expect(all.flat().flatMap(schemas.faults)).toEqual([]);
  });
});
