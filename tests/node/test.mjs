// `attach` of ndshm.mjs beside the text that the segments were made of. `make check` runs it
// where Node and koffi can be had: node --test tests/node/test.mjs
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'node:test';

import { attach } from './ndshm.mjs';

const samples = process.env.NDSHM_SAMPLES ?? new URL('../data', import.meta.url).pathname;
const data = (name) => join(samples, name);
const ndshm = (...args) => spawnSync(process.env.NDSHM_COMMAND ?? 'ndshm', args, { encoding: 'utf8' });

function loaded(context, file, ...options) {
  const name = `test-node-${process.pid}-${Math.random().toString(36).slice(2)}`;
  const made = ndshm('load', '-q', data(file), '--name', name, ...options);
  assert.equal(made.status, 0, made.stderr);
  context.after(() => ndshm('rm', name));
  return name;
}

const lines = (file, delimiter) =>
  readFileSync(data(file), 'utf8').split('\n').map((line) => line.split('#')[0].trim())
    .filter(Boolean).map((line) => line.split(delimiter));

test('a table of records is the text that it was made of', (context) => {
  const name = loaded(context, 'sample_a.tsv', '--dtype', 'chr:S10,pos:i4,pct:>f4,c:u2,t:i8');
  const { shape, itemsize, columns, detach } = attach(name);
  const rows = lines('sample_a.tsv', /\s+/);
  assert.deepEqual(shape, [rows.length]);
  assert.equal(itemsize, 28);
  rows.forEach(([chr, pos, pct, c, t], row) => {
    const read = ['chr', 'pos', 'pct', 'c', 't'].map((column) => columns[column](row));
    assert.deepEqual(read, [chr, Number(pos), Math.fround(pct), Number(c), BigInt(t)]);
  });
  assert.equal(detach(), 0);
  assert.notEqual(detach(), 0, 'a handle is closed once');
});

test('a grid is one typed array in shared memory', (context) => {
  const { shape, view, columns, detach } = attach(loaded(context, 'climate_grid.csv', '-d', ',', '-t', 'f8'));
  const rows = lines('climate_grid.csv', ',').map((row) => row.map(Number));
  assert.deepEqual(shape, [rows.length, rows[0].length]);
  assert.deepEqual([...new Float64Array(view.buffer)], rows.flat());
  assert.equal(columns[''](1), rows[0][1]);
  detach();
});

test('it waits for a segment that comes later', async (context) => {
  const name = `test-node-late-${process.pid}`;
  context.after(() => ndshm('rm', name));
  const later = `sleep 0.2; "$0" load -q "$1" --name "$2" -d , -t f8`;
  const command = process.env.NDSHM_COMMAND ?? 'ndshm';
  const child = spawn('sh', ['-c', later, command, data('climate_grid.csv'), name]);
  const ended = once(child, 'exit');
  attach(name, 60_000).detach();
  assert.deepEqual(await ended, [0, null]);
});

test('what is not there is an error that says so', () => {
  assert.throws(() => attach('test-node-none'), /no segment of this name/);
  assert.throws(() => attach('a/b'), /name/);
});
