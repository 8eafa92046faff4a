// README.md has a row for every method of the SDK, and each row says what happened.
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { called, stop } from './harness.mjs';
import { covered, exported, leftOut, methods } from './surface.mjs';

const readme = readFileSync(new URL('README.md', import.meta.url), 'utf8');
const rows = [...readme.matchAll(/^\| `([\w.]+)` +\| (.+?) *\|$/gm)].map(([, method, verdict]) => ({ method, verdict }));

test('the table has each method of the SDK once', () => {
  const listed = rows.map(({ method }) => method);
  assert.deepEqual(listed.filter((method, place) => listed.indexOf(method) !== place), [], 'listed twice');
  const offered = methods();
  assert.deepEqual(offered.filter((method) => !listed.includes(method)), [], 'missing from the table');
  assert.deepEqual(listed.filter((method) => !offered.includes(method)), [], 'not in the SDK');
});

test('a method is passed if and only if a passing test called it', () => {
  const passed = rows.filter(({ verdict }) => verdict === 'passed').map(({ method }) => method);
  assert.deepEqual(passed.filter((method) => !called.has(method)), [], 'said to be passed, and never called');
  assert.deepEqual([...called].filter((method) => !passed.includes(method)), [], 'called, and not said to be passed');
});

test('what is not passed has a reason', () => {
  for (const { method, verdict } of rows.filter(({ verdict }) => verdict !== 'passed')) {
    assert.match(verdict, /^not applicable: .{15,}$/, method);
  }
});

test('every export of the SDK is covered or left out with a reason', () => {
  assert.deepEqual([...covered, ...Object.keys(leftOut)].sort(), exported());
  for (const [name, reason] of Object.entries(leftOut)) {
    assert.ok(readme.includes(`\`${name}\`: ${reason}`), `${name} is not left out in README.md`);
  }
});

test('the platform ends with its parent', async () => {
  assert.equal(await stop(), 0);
});
